"""`lab all`: pull every lever that can run here, one after the other, over night."""

import subprocess
import sys
import time
from typing import Annotated

import typer

from lab.errors import LabError, UsageError
from lab.experiments.availability import availability
from lab.experiments.preparation import ELSEWHERE, OF_ANOTHER
from lab.experiments.result import results_of
from lab.verdict_words import GLYPHS
from levers.catalogue import catalogue, lever_named


def command(
    *,
    only: Annotated[str | None, typer.Option(help="a,b,c: only these levers.")] = None,
    rate: Annotated[float | None, typer.Option(min=1, help="The same rate for all.")] = None,
    every_value: Annotated[
        bool,
        typer.Option("--every-value", help="The first value against each other one, not only the second."),
    ] = False,
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
    asked = [(name, values) for name in chosen for values in questions(name, every_value)]
    if list_:
        print("\n".join(f"{name} {values}" for name, values in asked))
        return
    failed, done = [], 0
    try:
        for name, values in asked:
            if _pull(words_of(name, values, rate, quick, keep)):
                failed.append(f"{name} {values}")
            done += 1
    except KeyboardInterrupt:
        pass
    interrupted = done < len(asked)
    print()
    for path, result in results_of():
        if path not in before:
            print(f"{GLYPHS[result.primary.word]} {result.lever}: {result.primary.sentence}")
    if keep:
        from lab.notebook.guide import write

        write()
    if interrupted:
        print("not pulled yet; each of these lines goes on:")
        for name, values in asked[done:]:
            print(f"  lab {' '.join(words_of(name, values, rate, quick, keep))}")
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


def questions(name: str, every_value: bool) -> list[str]:
    """What is asked of a lever: its first value that can run here beside the second, or beside each other."""
    lever = lever_named(name)
    missing = availability(lever).without
    usable = [value for value in lever.values if value not in missing and (name, value) not in OF_ANOTHER]
    return [f"{usable[0]},{value}" for value in (usable[1:] if every_value else usable[1:2])]


def words_of(name: str, values: str, rate: float | None, quick: bool, keep: bool) -> list[str]:
    """The pull, as a command line."""
    lever = lever_named(name)
    own = values == ",".join(lever.values[:2])  # of others the lever expects nothing
    words = ["pull", name, "--values", values, "--predict", catalogue_prediction(name) if own else "none"]
    words += ["--rate", f"{rate:g}"] if rate else []
    words += ["--quick"] if quick else []
    words += ["--keep"] if keep else []
    return words


def _pull(words: list[str]) -> int:
    print(f"\n{time.strftime('%H:%M:%S')} lab {' '.join(words)}", flush=True)
    with subprocess.Popen([sys.executable, "-m", "lab.cli", *words]) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.wait()  # the same Ctrl-C told it to take its stack down
            raise


def catalogue_prediction(name: str) -> str:
    """What the lever itself expects of its second value; `none` where it says that the way is open."""
    expected = catalogue()[name].expected
    return "none" if expected == "either" else expected
