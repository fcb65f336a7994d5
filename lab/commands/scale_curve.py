"""`lab scale-curve LEVER`: capacity over 1..N, and the law that fits it."""

from typing import Annotated

import typer
from rich.console import Console

from lab.commands.sweep import INTERRUPTED, Wanted, asked, command_of, measured, save, table
from lab.errors import UsageError
from lab.experiments.machine import refuse_changes
from lab.scaling.carried import numeric
from lab.scaling.fitted import fitted
from lab.scaling.usl import LEAST_POINTS, REACH, TooFar, as_json, fit


def command(
    *,
    name: Annotated[
        str, typer.Argument(metavar="LEVER", help="uvicorn_workers, websocket_instances or shards.")
    ] = "uvicorn_workers",
    values: Annotated[str | None, typer.Option(help="1,2,3,4; default: all that the lever has.")] = None,
    mode: Annotated[str | None, typer.Option(help="Run mode; default: the smallest for all values.")] = None,
    mix: Annotated[str | None, typer.Option(help="Load; default: the lever's.")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="How often each value is measured.")] = 2,
    slo_ms: Annotated[
        float, typer.Option(min=1, help="p99 of answers (or deliveries) from the intended send, in ms.")
    ] = 100.0,
    seconds: Annotated[float, typer.Option(min=1, help="Length of an attempt.")] = 3.0,
    seed: Annotated[int, typer.Option(help="Of arrivals and the order.")] = 1,
    upto: Annotated[float | None, typer.Option(help="Also say the capacity at this N.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Write to docs/results/sweeps.")] = False,
) -> None:
    """Measure the capacity for several N and fit the Universal Scalability Law, with 95 % bands.

    Points at which the generator was full, or no rate failed, are left out of the fit and named. No figure is
    given beyond twice the largest measured N. Needs four values or more. Ctrl-C keeps the
    finished points, and the same command goes on with the others.
    """
    check(name, values, upto)
    if keep:
        refuse_changes()
    wanted = Wanted(name, values, mode, mix, repeats, slo_ms, seconds, seed)
    swept, unfinished = measured(wanted)
    console = Console(highlight=False)
    console.print(table(swept))
    command = command_of("lab scale-curve", wanted, swept)
    if swept.interrupted:
        print(f"result {save(swept, keep, command)}")
        raise typer.Exit(INTERRUPTED)
    chosen = fitted(swept.points)
    for one in chosen.left_out:
        console.print(one.sentence(), soft_wrap=True)
    left_out = chosen.left_out_as_json()
    try:
        if chosen.too_few:
            raise ValueError(chosen.too_few)
        curve = fit(chosen.pairs)
    except ValueError as error:
        print(f"result {save(swept, keep, command, left_out=left_out, unfinished=unfinished)}")
        raise UsageError(f"no curve: {error}") from None
    raw = {**as_json(curve), "shared": chosen.shared}
    print(f"result {save(swept, keep, command, raw, left_out=left_out, unfinished=unfinished)}")
    console.print(curve.sentence())
    if chosen.shared:
        console.print(chosen.shared, soft_wrap=True)
    for n in sorted({float(value) for value in swept.values} | ({upto} if upto else set())):
        try:
            middle, low, high = curve.at(n)
        except TooFar as error:
            console.print(f"  {error}")  # of what was asked the largest was left out
            continue
        console.print(f"  {n:g}: {middle:,.0f}/s (95 %: {low:,.0f} to {high:,.0f})")


def check(name: str, words: str | None, upto: float | None) -> None:
    """Raises UsageError, before minutes are measured, where no curve can come of it."""
    lever, values = asked(name, words)
    if not numeric(values):
        raise UsageError(f"{name}: its values are no numbers ({', '.join(values)}), there is no curve")
    numbers = {float(value) for value in values}
    if len(numbers) < LEAST_POINTS or min(numbers) <= 0:
        known = ", ".join(value for value in lever.sweep or lever.values if numeric([value]))
        raise UsageError(f"{name}: a curve needs {LEAST_POINTS} values above 0 or more, of {known}")
    largest = max(numbers)
    if upto is not None and not 0 < upto <= largest * REACH:
        raise UsageError(
            f"--upto {upto:g}: a figure is given up to {REACH:g} x {largest:g}, the largest value"
        )
