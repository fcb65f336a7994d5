"""`lab all`: pull every lever that can run here, one after the other, over night."""

import subprocess
import sys
import time
from typing import Annotated

import typer

from lab.errors import LabError, UsageError
from lab.experiments.availability import availability
from lab.experiments.preparation import ELSEWHERE
from lab.experiments.result import results_of
from lab.verdict_words import GLYPHS
from levers.catalogue import catalogue, lever_named


def command(
    *,
    only: Annotated[str | None, typer.Option(help="a,b,c: only these levers.")] = None,
    rate: Annotated[float | None, typer.Option(min=1, help="The same rate for all.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Six rounds each.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Write to docs/results and its index.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="Only say what would run.")] = False,
) -> None:
    """Pull each lever in a process of its own, and end with a summary. One that fails does not stop the rest.

    Interrupted levers are gone on with when it is started again.
    """
    names = only.split(",") if only else list(catalogue())
    before = {path for path, _ in results_of()}
    chosen, left_out = choose(names)
    for name, reason in left_out:
        print(f"{name}: left out, {reason}")
    if list_:
        print("\n".join(chosen))
        return
    failed, interrupted = [], False
    try:
        for name in chosen:
            if _pull(name, rate, quick, keep):
                failed.append(name)
    except KeyboardInterrupt:
        interrupted = True
    print()
    for path, result in results_of():
        if path not in before:
            print(f"{GLYPHS[result.primary.word]} {result.lever}: {result.primary.sentence}")
    if keep:
        from lab.notebook.guide import write

        write()
    if interrupted:
        raise KeyboardInterrupt
    if failed:
        raise LabError(f"not decided or not run: {', '.join(failed)}")


def choose(names: list[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """The levers that a pull can measure here, and the others with the reason. Raises UsageError."""
    chosen, left_out = [], []
    try:
        levers = [lever_named(name.strip()) for name in names]
    except ValueError as error:
        raise UsageError(str(error)) from None
    for lever in levers:
        name, state = lever.name, availability(lever)
        if not state.ready:
            left_out.append((name, state.reason))
        elif lever.metric in ELSEWHERE:
            left_out.append((name, ELSEWHERE[lever.metric].format(lever=name)))
        elif len(lever.values) - len(state.without) < 2:
            left_out.append((name, f"one value only, {state.reason}"))
        else:
            chosen.append(name)
    return chosen, left_out


def _pull(name: str, rate: float | None, quick: bool, keep: bool) -> int:
    words = [sys.executable, "-m", "lab.cli", "pull", name, "--predict", catalogue_prediction(name)]
    words += ["--rate", f"{rate:g}"] if rate else []
    words += ["--quick"] if quick else []
    words += ["--keep"] if keep else []
    print(f"\n{time.strftime('%H:%M:%S')} {' '.join(words[3:])}", flush=True)
    return subprocess.call(words)


def catalogue_prediction(name: str) -> str:
    """What the lever itself expects; `none` where it says that the way is open."""
    expected = catalogue()[name].expected
    return "none" if expected == "either" else expected
