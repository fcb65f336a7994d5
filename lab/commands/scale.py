"""`lab scale`: more or fewer instances of a running stack."""

from pathlib import Path
from typing import Annotated

import typer

from lab.stack.description import DEFAULT_HOME, StackDescription
from lab.stack.scale import scale


def command(
    *,
    kind: Annotated[str, typer.Argument(help="backend or websocket.")],
    count: Annotated[int, typer.Argument(help="How many shall run.")],
    home: Annotated[
        Path, typer.Option(help="Run folder of the stack.", show_default=".lab/stack")
    ] = DEFAULT_HOME,
) -> None:
    """Start or stop API processes or websocket services behind the running HAProxy; no socket is dropped.

    New ones start together and are live when they are ready; of too many the last ones leave, drained.
    Example: lab scale websocket 4. Under docker compose: docker compose up --detach --no-recreate
    --scale websocket=4
    """
    scale(StackDescription.load(home), kind, count, print)
