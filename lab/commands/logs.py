"""`lab logs`: what the processes of a stack say."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from lab.errors import NotRunning, UsageError
from lab.stack.description import DEFAULT_HOME
from lab.stack.supervision import Supervision

LOOK_SECONDS = 0.2  # between two looks when following


def command(
    names: Annotated[
        list[str] | None, typer.Argument(help="Processes, as `lab status` names them.", show_default="all")
    ] = None,
    *,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Last lines of each.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    home: Annotated[Path, typer.Option(help="Run folder of the stack.")] = DEFAULT_HOME,
) -> None:
    """The last lines of the processes' logs. They also stay after a failed start, and `lab down --keep-logs`.

    Examples: lab logs, lab logs backend-1 -n 100, lab logs -f websocket-1 websocket-2
    """
    logs = chosen(home, names or [])
    width = max(len(path.stem) for path in logs)
    for path in logs:
        for line in tail(path, lines):
            print(f"{path.stem:{width}} | {line}")
    if follow:
        for path, line in followed(logs, Supervision(home.resolve())):
            print(f"{path.stem:{width}} | {line}", flush=True)


def chosen(home: Path, names: Sequence[str]) -> list[Path]:
    """The log files of these processes, all when none is named. Raises NotRunning and UsageError."""
    found = {path.stem: path for path in sorted(home.glob("logs/*.log"))}
    if not found:
        raise NotRunning(f"no logs in {home / 'logs'}; start a stack: lab up")
    for name in names:
        if name not in found:
            raise UsageError(f"logs '{name}': expected one of {', '.join(found)}")
    return [found[name] for name in names] or list(found.values())


def tail(path: Path, lines: int) -> list[str]:
    """The last lines of a file."""
    return path.read_text(errors="replace").splitlines()[-lines:] if lines else []


def followed(logs: Sequence[Path], supervision: Supervision) -> Iterator[tuple[Path, str]]:
    """Lines as they are written, until the stack is gone."""
    places = {path: path.stat().st_size for path in logs}
    while True:
        running = supervision.alive()
        for path in logs:
            for line in _new_lines(path, places):
                yield path, line
        if not running:
            return
        time.sleep(LOOK_SECONDS)


def _new_lines(path: Path, places: dict[Path, int]) -> list[str]:
    try:
        size = path.stat().st_size
        if size < places[path]:  # rotated
            places[path] = 0
        with path.open("rb") as file:
            file.seek(places[path])
            whole, newline, _ = file.read().rpartition(b"\n")
    except FileNotFoundError:
        return []
    places[path] += len(whole) + len(newline)
    return whole.decode(errors="replace").splitlines()
