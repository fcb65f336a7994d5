"""`lab report`: the HTML page of a result file."""

import json
from pathlib import Path
from typing import Annotated

import typer

from lab.errors import LabError
from lab.experiments.result import KIND
from lab.load.record import RecordError, load
from lab.report import run
from lab.report.story import story_of


def command(
    result: Annotated[Path, typer.Argument(help="A result file of `lab load` or `lab pull`.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where to write it.", show_default="RESULT with .html"),
    ] = None,
) -> None:
    """Make the HTML report of a result: one file that opens offline. Prints its path."""
    if is_pull(result):
        from lab.experiments.result import load as load_pull
        from lab.experiments.result import results_of
        from lab.experiments.series import sessions_of
        from lab.report.pull import write

        pulled = load_pull(result)
        sessions = sessions_of(pulled, [one for _, one in results_of(pulled.lever)])
        typer.echo(write(pulled, output or result.with_suffix(".html"), sessions).resolve())
        return
    try:
        record = load(result)
    except RecordError as error:
        raise LabError(str(error)) from None
    try:
        path = run.write(story_of(record), output or result.with_suffix(".html"))
    except OSError as error:
        raise LabError(f"{error.filename}: {error.strerror}") from None
    typer.echo(path.resolve())


def is_pull(path: Path) -> bool:
    """Whether the file is the result of a pull; what it is otherwise is for the others to say."""
    try:
        raw = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(raw, dict) and raw.get("kind") == KIND
