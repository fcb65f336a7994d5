"""`lab capacity`: the highest rate under the SLO, as a bracket."""

import asyncio
import time
from pathlib import Path
from typing import Annotated

import typer

from lab.errors import VoidResult
from lab.stack.description import DEFAULT_HOME, StackDescription


def command(
    *,
    slo_ms: Annotated[float, typer.Option(min=1, help="p99 from the intended send, in ms.")] = 100.0,
    mix: Annotated[str, typer.Option(help="send, list, get_user, chat ... as `lab load --mix`.")] = "send",
    start: Annotated[float, typer.Option(min=1, help="First rate.")] = 100.0,
    most: Annotated[float, typer.Option(min=1, help="Highest rate that is tried.")] = 20_000.0,
    seconds: Annotated[float, typer.Option(min=1, help="Length of an attempt.")] = 4.0,
    seed: Annotated[int, typer.Option(help="Of arrivals.")] = 1,
    keep: Annotated[bool, typer.Option("--keep", help="Write to docs/results/capacity.")] = False,
    home: Annotated[
        Path, typer.Option(help="Run folder of the stack.", show_default=".lab/stack")
    ] = DEFAULT_HOME,
) -> None:
    """Find the highest rate at which the running stack holds the SLO, as [held, failed].

    Rates grow until one fails twice, then the bracket is halved; both its ends are tried again before it is
    believed. `lab up` and `lab seed` come first.
    """
    from lab.experiments.machine import fingerprint, refuse_changes
    from lab.load.run import run_load
    from lab.scaling.capacity import Slo
    from lab.scaling.measured import Measured, shape_of
    from lab.scaling.stored import KEPT, RUNS, CapacityResult

    if keep:
        refuse_changes()
    stack = StackDescription.load(home)
    slo, begun = Slo(slo_ms / 1000), time.time()
    measured = Measured(run_load, mix=mix, seconds=seconds, seed=seed)
    bracket = asyncio.run(measured.capacity(stack, slo, print, start=start, most=most))
    print(bracket.sentence())
    if measured.last is None or not bracket.passes:
        raise VoidResult(f"no capacity: {bracket.why}")
    result = CapacityResult(
        mode=stack.mode,
        mix=mix,
        shape=shape_of(stack),
        bracket=bracket,
        fingerprint=fingerprint(measured.last.machine),
        levers=stack.levers,
        command=f"lab capacity --slo-ms {slo_ms:g} --mix {mix} --seconds {seconds:g} --seed {seed}",
        started_at=begun,
        seconds=time.time() - begun,
    )
    print(f"result {result.save(KEPT if keep else RUNS)}")
