"""The seeding command: its options, its progress bar, and what it says at the end."""

import asyncio
import os
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from dotenv import dotenv_values
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from hl_utils.copy_text import USERNAME, Table, password_hash, tables
from hl_utils.destinations import Refused, into_database, into_file
from hl_utils.population import Plan, Population
from hl_utils.words import words

ROOT = Path(__file__).resolve().parents[1]
MESSAGES_PER_DIALOG = 5

Users = Annotated[int, typer.Option(help="How many users to make.")]
Seed = Annotated[int, typer.Option(help="The same seed makes the same rows, ids and times included.")]
Locale = Annotated[str, typer.Option(help="Language of names and texts: de_DE, ja_JP, ...")]
Password = Annotated[str, typer.Option(help="Every made-up user logs in with it.")]
Dialogs = Annotated[
    int | None,
    typer.Option(help="Pairs of users that talk; a few users are in many.", show_default="users / 2"),
]
Messages = Annotated[
    int | None,
    typer.Option(
        help="Messages in all; a few dialogs hold most.", show_default=f"{MESSAGES_PER_DIALOG} x dialogs"
    ),
]
Dsn = Annotated[
    str | None,
    typer.Option(help="postgresql://user:password@host:port/database", show_default="POSTGRES_* or .env"),
]
Output = Annotated[Path | None, typer.Option(help="Write a script for psql -f instead; no database needed.")]
FirstId = Annotated[
    int | None,
    typer.Option(help="First user id, for --output only; a database continues by itself.", show_default="1"),
]

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def main(
    *,
    users: Users = 1000,
    dialogs: Dialogs = None,
    messages: Messages = None,
    seed: Seed = 1,
    locale: Locale = "en_US",
    password: Password = "password",
    dsn: Dsn = None,
    output: Output = None,
    first_id: FirstId = None,
) -> None:
    """Make users, dialogs and messages and put them into the database by COPY (or into a file).

    Users are named user1, user2, ... by their ids and share one password and one real argon2id
    hash (a hash each would take half an hour for 100,000): made-up people only. Running it again
    adds further users; either all rows arrive or none. Nobody can register while it runs.

    \b
    user_faker.py --users 100000
    user_faker.py --users 1000 --dialogs 5000 --messages 100000 --seed 7
    user_faker.py --users 1000 --output users.sql
    """
    try:
        plan = planned(users, dialogs, messages, seed, first_id or 1)
        if first_id is not None and output is None:
            raise ValueError(f"--first-id {first_id}: expected only with --output")
        run(plan, locale, password, connection(dsn), output)
    except (ValueError, Refused) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2 if isinstance(error, ValueError) else 1) from None


def planned(users: int, dialogs: int | None, messages: int | None, seed: int, first_id: int = 1) -> Plan:
    """The plan with its defaults filled in. Raises ValueError with one line."""
    if dialogs is None:
        dialogs = users // 2
        if messages is not None:
            dialogs = min(dialogs, messages)
    return Plan(
        users, dialogs, MESSAGES_PER_DIALOG * dialogs if messages is None else messages, seed, first_id
    )


def connection(dsn: str | None) -> dict[str, Any]:
    """asyncpg's arguments: --dsn, else POSTGRES_* of the environment, else of ./.env or the lab's .env."""
    if dsn is not None:
        return {"dsn": dsn}
    files = dotenv_values(ROOT / ".env") | dotenv_values(Path.cwd() / ".env")
    values = {name: value for name, value in (files | os.environ).items() if value}
    port = values.get("POSTGRES_PORT", "5432")
    if not port.isdigit():
        raise ValueError(f"POSTGRES_PORT={port!r}: expected a number")
    return {
        "host": values.get("POSTGRES_HOST", "127.0.0.1"),
        "port": int(port),
        "user": values.get("POSTGRES_USER", "postgres"),
        "password": values.get("POSTGRES_PASSWORD"),
        "database": values.get("POSTGRES_DB", "postgres"),
    }


def run(plan: Plan, locale: str, password: str, connect: dict[str, Any], output: Path | None = None) -> Plan:
    """Make and write the rows with a progress bar; returns the plan with the ids that were given.

    Raises ValueError (a wrong argument) or Refused (the database or the file), one line each.
    """
    started = time.monotonic()
    pools = words(plan.seed, locale)
    hashed = password_hash(password, plan.seed)

    def tables_from(first_id: int) -> list[Table]:
        continued = Plan(plan.users, plan.dialogs, plan.messages, plan.seed, first_id)
        return tables(Population(continued), pools, hashed)

    columns = TextColumn("{task.description:14}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        totals = {"user": plan.users, "dialog": plan.dialogs, "dialogmessage": plan.messages}
        bar = {name: bars.add_task(name, total=total) for name, total in totals.items()}

        def progress(name: str, rows: int) -> None:
            bars.update(bar[name], advance=rows)

        if output is None:
            first_id = asyncio.run(into_database(connect, tables_from, progress))
        else:
            first_id = plan.first_id
            into_file(output, first_id, tables_from(first_id), progress)
    _tell(plan, first_id, password, output, time.monotonic() - started)
    return Plan(plan.users, plan.dialogs, plan.messages, plan.seed, first_id)


def _tell(plan: Plan, first_id: int, password: str, output: Path | None, seconds: float) -> None:
    last = f"{USERNAME}{first_id + plan.users - 1}"
    verb = "Added" if output is None else f"Wrote {output} with"
    typer.echo(
        f"{verb} {plan.users:,} users ({USERNAME}{first_id} .. {last}), {plan.dialogs:,} dialogs, "
        f"{plan.messages:,} messages in {seconds:.1f} s (seed {plan.seed})."
    )
    typer.echo(f"All of them log in with the password {password!r}; they share one argon2id hash.")
