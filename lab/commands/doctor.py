"""`lab doctor`: can this machine run the lab?"""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lab.errors import LabError, UsageError
from lab.stack.doctor import NEEDS, examine


def command(
    *,
    mode: Annotated[
        str | None, typer.Argument(help="Only this run mode; exit code 1 when it lacks something.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """What this machine has and lacks for each run mode, and the command that mends it."""
    if mode is not None and mode not in NEEDS:
        raise UsageError(f"doctor '{mode}': expected one of {', '.join(NEEDS)}")
    found = examine()
    if mode:
        found = {name: found[name] for name in ("every mode", mode)}
    if as_json:
        print(json.dumps({name: [asdict(f) for f in findings] for name, findings in found.items()}, indent=1))
    else:
        table = Table("run mode", "needs", "found", "", "mend it with")
        for name, findings in found.items():
            for finding in findings:
                mark = "[green]ok[/]" if finding.ok else "[red]lacks[/]"
                table.add_row(name, finding.what, finding.found, mark, finding.mend)
            if not findings:
                table.add_row(name, "nothing more", "", "[green]ok[/]", "")
            table.add_section()
        Console().print(table)
    basics = all(finding.ok for finding in found["every mode"])
    can = [name for name in found if name != "every mode" and basics and all(f.ok for f in found[name])]
    if not as_json:
        print(f"can run here: {', '.join(can) or 'nothing'}")
    if mode and mode not in can:
        raise LabError(f"mode {mode} lacks something here")
