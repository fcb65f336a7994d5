"""Made-up stacks and rows, for tests that need no server."""

from pathlib import Path

from lab.stack.description import Database, StackDescription


def stack(api: str = "http://127.0.0.1:1", websocket: str = "ws://127.0.0.1:1/ws") -> StackDescription:
    """A description of nothing that runs."""
    return StackDescription(
        mode="multi",
        home=Path("/tmp"),
        api=[api],
        websockets=[websocket],
        postgres=Database("127.0.0.1", 1, "postgres", "", "lab"),
        secret="a secret of the tests, long enough for HS256",
    )
