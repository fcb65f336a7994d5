"""`lab seed`: hl_utils/user_faker.py for the stack that runs."""

import os
from pathlib import Path
from typing import Annotated

import typer

from hl_utils import seeding
from hl_utils.destinations import Refused
from lab.errors import LabError, NotRunning, UsageError
from lab.stack.description import DEFAULT_HOME, StackDescription


def command(
    *,
    users: seeding.Users = 1000,
    dialogs: seeding.Dialogs = None,
    messages: seeding.Messages = None,
    seed: seeding.Seed = 1,
    locale: seeding.Locale = "en_US",
    password: seeding.Password = "password",
    dsn: Annotated[
        str | None,
        typer.Option(
            help="postgresql://user:password@host:port/database", show_default="the running stack's database"
        ),
    ] = None,
    output: seeding.Output = None,
    home: Annotated[
        Path, typer.Option(help="Run folder of the stack.", show_default=".lab/stack")
    ] = DEFAULT_HOME,
) -> None:
    """Fill the database with made-up users, dialogs and messages.

    A few users and dialogs are busy, many are quiet. Users are user1, user2, ... by their ids, with
    one password and one argon2id hash for all. The same seed gives the same rows; run it again to add
    more. Goes to --dsn, else the running stack, else POSTGRES_* of the environment or .env.
    """
    try:
        plan = seeding.planned(users, dialogs, messages, seed)
        connect = {} if output else seeding.connection(dsn or _stack_dsn(home))
        seeding.run(plan, locale, password, connect, output)
    except ValueError as error:
        raise UsageError(f"seed: {error}") from None
    except Refused as error:
        raise LabError(f"seed: {error}") from None


def _stack_dsn(home: Path) -> str | None:
    """The running stack's database; None leaves it to the environment and .env."""
    if "POSTGRES_HOST" in os.environ and home == DEFAULT_HOME:
        return None
    try:
        return StackDescription.load(home).postgres.dsn
    except NotRunning:
        if home != DEFAULT_HOME:
            raise
        return None
