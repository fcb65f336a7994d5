"""Where the rows go: a database, in one transaction, or a file for psql with the same guards."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import IO, Any

import asyncpg

from hl_utils.copy_text import USERNAME, Table

# Called with a table's name and how many more of its rows have gone out.
Progress = Callable[[str, int], None]
CONNECT_TIMEOUT_SECONDS = 10

# Registrations wait until the rows are in: else one could be given an id of ours.
LOCK = 'LOCK TABLE "user" IN SHARE ROW EXCLUSIVE MODE'
NEXT_ID = """
SELECT greatest(
    (SELECT coalesce(max(id), 0) FROM "user"),
    (SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM {sequence})
) + 1
"""
SEQUENCE = """SELECT pg_get_serial_sequence('"user"', 'id')"""
ADVANCE = """SELECT setval(pg_get_serial_sequence('"user"', 'id'), {last})"""
ANALYZE = 'ANALYZE "user", dialog, dialogmessage'


class Refused(Exception):
    """Nothing was written; str(error) is one line that says why and what to do."""


async def into_database(
    connect: dict[str, Any], tables_from: Callable[[int], list[Table]], progress: Progress
) -> int:
    """Copy all tables in one transaction: all rows or none. Returns the first new user id.

    `tables_from` is given the first free user id. Raises Refused.
    """
    connection = await _connected(connect)
    try:
        async with connection.transaction():
            await connection.execute(LOCK)
            sequence = await connection.fetchval(SEQUENCE)
            first_id = int(await connection.fetchval(NEXT_ID.format(sequence=sequence)))
            tables = tables_from(first_id)
            for table in tables:
                await connection.copy_to_table(
                    table.name, source=_reported(table, progress), columns=table.columns
                )
            await connection.execute(ADVANCE.format(last=first_id + tables[0].rows - 1))
        await connection.execute(ANALYZE)
        return first_id
    except asyncpg.UndefinedTableError as error:
        raise Refused(
            f"{error}: start the backend once, or run citus/noop.sql and citus/schema.sql with psql"
        ) from None
    except asyncpg.UniqueViolationError as error:
        raise Refused(
            f"nothing was added: {(error.detail or str(error)).rstrip('.')}; "
            f"somebody registered a name of the form {USERNAME}N, use an empty database"
        ) from None
    except (asyncpg.PostgresError, OSError) as error:
        raise Refused(f"the database ended the copy, nothing was added: {_line(error)}") from None
    finally:
        connection.terminate() if connection.is_closed() else await connection.close()


async def _connected(connect: dict[str, Any]) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(timeout=CONNECT_TIMEOUT_SECONDS, **connect)
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        where = connect.get("dsn") or f"{connect.get('host')}:{connect.get('port')}/{connect.get('database')}"
        raise Refused(
            f"no database at {_without_password(str(where))}: {_line(error)}; "
            "set POSTGRES_HOST, POSTGRES_PORT, POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB or --dsn"
        ) from None


def into_file(path: Path, first_id: int, tables: list[Table], progress: Progress) -> None:
    """A script for `psql -f`: refuses ids that are taken, then copies, all in one transaction.

    Written beside its place and moved there when whole. Raises Refused.
    """
    last_id = first_id + tables[0].rows - 1
    partial = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            _line_out(file, f"-- {tables[0].rows} users from id {first_id}; load with: psql -f {path.name}")
            _line_out(file, "\\set ON_ERROR_STOP on", "SET client_encoding = 'UTF8';", "BEGIN;", f"{LOCK};")
            _line_out(
                file,
                "DO $$ BEGIN",
                f'IF EXISTS (SELECT FROM "user" WHERE id BETWEEN {first_id} AND {last_id}) THEN',
                f"RAISE EXCEPTION 'user ids {first_id} to {last_id} are taken: write the file again "
                "with another --first-id';",
                "END IF; END $$;",
            )
            for table in tables:
                _line_out(file, f'COPY "{table.name}" ({", ".join(table.columns)}) FROM STDIN;')
                for block in table.blocks():
                    file.write(block)
                    progress(table.name, block.count(b"\n"))
                _line_out(file, "\\.")
            sequence = """pg_get_serial_sequence('"user"', 'id')"""
            _line_out(
                file, f'SELECT setval({sequence}, (SELECT max(id) FROM "user"));', "COMMIT;", f"{ANALYZE};"
            )
        partial.replace(path)
    except OSError as error:
        raise Refused(f"--output {path}: {error.strerror or error}") from None
    finally:
        partial.unlink(missing_ok=True)


def _line_out(file: IO[bytes], *lines: str) -> None:
    file.write(("\n".join(lines) + "\n").encode())


async def _reported(table: Table, progress: Progress) -> AsyncIterator[bytes]:
    for block in table.blocks():
        yield block
        progress(table.name, block.count(b"\n"))


def _line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _without_password(dsn: str) -> str:
    scheme, mark, rest = dsn.partition("://")
    if not mark:
        return dsn
    userinfo, at, place = rest.rpartition("@")
    return f"{scheme}://{userinfo.split(':')[0]}{at}{place}"
