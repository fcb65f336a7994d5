"""How a process of the backend connects to PostgreSQL: address, name, and what holds in its sessions."""

from collections.abc import Mapping

import asyncpg

from backend.pools import Connect, Connection
from backend.settings import Settings

CONNECT_SECONDS = 5.0
# A statement that hangs is ended by the server; a server that does not answer at all, by us, later.
STATEMENT_SECONDS = 5.0
ANSWER_SECONDS = 7.0

# A batch is a join of a few rows with large tables: always by index, and planned once. The planner,
# which does not know how few, would rather read the whole table.
BATCH_SESSION = {
    "plan_cache_mode": "force_generic_plan",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
}


def session_settings(settings: Settings) -> dict[str, str]:
    """PostgreSQL's settings in each session.

    The application_name is SERVICE_ID, so that the server's side can be told apart too.
    """
    return {
        "application_name": settings.service_id,
        "synchronous_commit": settings.durability,
        "statement_timeout": f"{STATEMENT_SECONDS:g}s",
        "jit": "off",  # compiling takes longer than any statement here
    }


def connector(
    settings: Settings,
    *,
    replica: bool = False,
    session: Mapping[str, str] | None = None,
    node: tuple[str, int] | None = None,
) -> Connect:
    """A function that opens one connection; `session` are further PostgreSQL settings of it.

    `node`: host and port of another node of the same cluster.
    """
    host, port = settings.postgres_host, settings.postgres_port
    if replica:
        host, port = settings.postgres_replica_host, settings.postgres_replica_port
    host, port = node or (host, port)
    given = session_settings(settings) | dict(session or {})

    async def connect() -> Connection:
        return await asyncpg.connect(
            host=host,
            port=port,
            user=settings.postgres_user,
            password=settings.postgres_password or None,
            database=settings.postgres_db,
            timeout=CONNECT_SECONDS,
            command_timeout=ANSWER_SECONDS,
            statement_cache_size=100 if settings.prepared_statements == "on" else 0,
            server_settings=given,
        )

    return connect
