"""`lab down`: stop the stack."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from lab.errors import NotRunning, StackError
from lab.stack import compose, host
from lab.stack.description import DEFAULT_HOME, FILE, StackDescription
from lab.stack.supervision import Supervision


def command(
    *,
    home: Annotated[Path, typer.Option(help="Run folder of the stack.")] = DEFAULT_HOME,
    keep_logs: Annotated[bool, typer.Option(help="Leave the logs in the run folder.")] = False,
) -> None:
    """Stop the stack gracefully: services drain first, the database goes last.

    The run folder goes too, with the database. It also clears up after a stack that was killed.
    """
    with suppress(NotRunning):
        description = StackDescription.load(home)
        if description.mode == compose.MODE:
            compose.down(description)
            (description.home / FILE).unlink()
            print("stopped; the data stays in its volumes")
            return
    supervision = Supervision(home.resolve())
    if not (supervision.alive() or supervision.strays() or (home / "supervisord.conf").exists()):
        raise NotRunning(f"no stack runs in {home}")
    killed = host.down(home, keep_logs)
    if killed:
        raise StackError(f"stopped, but these did not go by themselves and were killed: {', '.join(killed)}")
    print("stopped")
