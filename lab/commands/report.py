"""`lab report`: the HTML page of a result file."""

from pathlib import Path
from typing import Annotated

import typer

from lab.errors import LabError
from lab.load.record import RecordError, load
from lab.report import run
from lab.report.story import story_of


def command(
    result: Annotated[Path, typer.Argument(help="A result file of `lab load`.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where to write it.", show_default="RESULT with .html"),
    ] = None,
) -> None:
    """Make the HTML report of a result: one file that opens offline. Prints its path."""
    try:
        record = load(result)
    except RecordError as error:
        raise LabError(str(error)) from None
    try:
        path = run.write(story_of(record), output or result.with_suffix(".html"))
    except OSError as error:
        raise LabError(f"{error.filename}: {error.strerror}") from None
    typer.echo(path.resolve())
