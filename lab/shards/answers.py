"""What a cluster answers instead of a result, in one line that says what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from lab.errors import LabError


def said(error: Exception) -> str:
    """What a server said, in one line."""
    return " ".join(str(error).split())


@contextmanager
def answered(what: str) -> Iterator[None]:
    """Turn what a cluster answers instead of a result, amid `what`, into a LabError that says what to do."""
    try:
        yield
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise LabError(
            f"{what} broke off: {said(error)}; who is away: lab shards status; "
            "start its server again, then repeat (citus/runbook/README.md)"
        ) from None
