"""`lab capacity`: the highest rate under the SLO, as a bracket."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.errors import VoidResult
from lab.stack.description import DEFAULT_HOME, StackDescription

if TYPE_CHECKING:
    from lab.scaling.stored import CapacityResult

SEEDS_APART = 100  # a search takes a seed for each attempt, and makes fewer than that


def command(
    *,
    slo_ms: Annotated[float, typer.Option(min=1, help="p99 from the intended send, in ms.")] = 100.0,
    mix: Annotated[str, typer.Option(help="send, list, get_user, chat ... as `lab load --mix`.")] = "send",
    start: Annotated[float, typer.Option(min=1, help="First rate.")] = 100.0,
    most: Annotated[float, typer.Option(min=1, help="Highest rate that is tried.")] = 20_000.0,
    seconds: Annotated[float, typer.Option(min=1, help="Length of an attempt.")] = 4.0,
    seed: Annotated[int, typer.Option(help="Of arrivals.")] = 1,
    repeats: Annotated[
        int, typer.Option(min=1, help="Searches one after the other, with seeds 100 apart.")
    ] = 1,
    keep: Annotated[bool, typer.Option("--keep", help="Write to docs/results/capacity.")] = False,
    home: Annotated[
        Path, typer.Option(help="Run folder of the stack.", show_default=".lab/stack")
    ] = DEFAULT_HOME,
) -> None:
    """Find the highest rate at which the running stack holds the SLO, as [held, failed].

    Rates grow until one fails twice, then the bracket is halved; both its ends are tried again before it is
    believed. Repeats differ by more than a bracket is wide, so that `lab plan` takes the range over several.
    `lab up` and `lab seed` come first.
    """
    from lab.experiments.machine import refuse_changes
    from lab.scaling.sizing import over
    from lab.scaling.stored import KEPT, RUNS

    if keep:
        refuse_changes()
    wanted = Wanted(StackDescription.load(home), slo_ms, mix, start, most, seconds)
    found = []
    for number in range(repeats):
        result = searched(wanted, seed + SEEDS_APART * number)
        print(f"result {result.save(KEPT if keep else RUNS)}")
        found.append(result.bracket)
    if repeats > 1:
        print(f"{repeats} searches, from the lowest that held to the highest that failed: {over(found)} /s")


@dataclass(frozen=True)
class Wanted:
    """What is searched, but for the seed."""

    stack: StackDescription
    slo_ms: float
    mix: str
    start: float
    most: float
    seconds: float


def searched(wanted: Wanted, seed: int) -> "CapacityResult":
    """One search. Raises VoidResult where nothing held."""
    from lab.experiments.machine import fingerprint
    from lab.load.run import run_load
    from lab.scaling.capacity import Slo
    from lab.scaling.measured import Measured, shape_of
    from lab.scaling.stored import CapacityResult

    stack, slo, begun = wanted.stack, Slo(wanted.slo_ms / 1000), time.time()
    measured = Measured(run_load, mix=wanted.mix, seconds=wanted.seconds, seed=seed)
    bracket = asyncio.run(measured.capacity(stack, slo, print, start=wanted.start, most=wanted.most))
    print(bracket.sentence())
    if measured.last is None or not bracket.passes:
        raise VoidResult(f"no capacity: {bracket.why}")
    others = bracket.others_cores
    used = "was not counted" if others is None else f"was {others:.1f} cores in the mean"
    print(f"what other programs used {used}")
    return CapacityResult(
        mode=stack.mode,
        mix=wanted.mix,
        shape=shape_of(stack),
        bracket=bracket,
        fingerprint=fingerprint(measured.last.machine),
        levers=stack.levers,
        command=(
            f"lab capacity --slo-ms {wanted.slo_ms:g} --mix {wanted.mix} --seconds {wanted.seconds:g} "
            f"--seed {seed}"
        ),
        started_at=begun,
        seconds=time.time() - begun,
    )
