"""`lab doctor`: can this machine run the lab?"""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from lab.errors import LabError, UsageError
from lab.stack.doctor import NEEDS, Finding, examine


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
        show(found)
    basics = all(finding.ok for finding in found["every mode"])
    can = [name for name in found if name != "every mode" and basics and all(f.ok for f in found[name])]
    if not as_json:
        print(f"can run here: {', '.join(can) or 'nothing'}")
    if mode and mode not in can:
        raise LabError(f"mode {mode} lacks something here")


def show(found: dict[str, list[Finding]]) -> None:
    """A line for each thing looked at, by run mode; below what lacks stands what mends it."""
    console = Console()
    for name, findings in found.items():
        console.print(f"[bold]{name}[/]", highlight=False)
        if not findings:
            console.print("  [green]ok   [/] nothing more", highlight=False)
        for finding in findings:
            mark = "[green]ok   [/]" if finding.ok else "[red]lacks[/]"
            line = f"  {mark} {escape(finding.what)}: {escape(finding.found)}"
            console.print(line, soft_wrap=True, highlight=False)
            if finding.mend:
                console.print(f"        mend it: {escape(finding.mend)}", soft_wrap=True, highlight=False)
