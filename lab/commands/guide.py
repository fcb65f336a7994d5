"""`lab guide`: write the notebook in docs/results from its result files."""

from pathlib import Path
from typing import Annotated

import typer

from lab.errors import UsageError
from lab.experiments.result import KEPT


def command(
    folder: Annotated[
        Path, typer.Option(help="Folder with pulls/*.json.", show_default="docs/results")
    ] = KEPT.parent,
) -> None:
    """Write index, heat map, a page a lever and their figures from the committed results."""
    from lab.notebook.guide import write

    if not any(folder.glob("pulls/*.json")):
        raise UsageError(f"no result in {folder / 'pulls'}: lab pull LEVER --keep writes the first one")
    written = write(folder)
    print(f"{len(written)} files in {folder}")
