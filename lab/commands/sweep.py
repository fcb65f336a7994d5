"""`lab sweep LEVER`: the capacity of many values, each on a stack of its own."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lab.errors import UsageError
from lab.experiments.machine import fingerprint, refuse_changes
from lab.experiments.plan import PullPlan
from lab.experiments.preparation import mix_of, mode_of
from lab.load.plan import MIXES
from lab.scaling.carried import beyond_cores, by_value, sentence
from lab.scaling.points import FOLDER, Unfinished
from lab.scaling.stored import unused
from lab.scaling.sweeping import Sweep, run
from levers.catalogue import lever_named
from levers.lever import Lever

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "docs" / "results" / "sweeps"
RUNS = ROOT / ".lab" / "results" / "sweeps"
INTERRUPTED = 130


def command(
    *,
    name: Annotated[str, typer.Argument(metavar="LEVER", help="`lab levers` lists them.")],
    values: Annotated[str | None, typer.Option(help="1,2,4; default: those the lever names.")] = None,
    mode: Annotated[str | None, typer.Option(help="Run mode; default: the smallest for all values.")] = None,
    mix: Annotated[str | None, typer.Option(help="Load; default: the lever's.")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="How often each value is measured.")] = 1,
    slo_ms: Annotated[
        float, typer.Option(min=1, help="p99 of answers (or deliveries) from the intended send, in ms.")
    ] = 100.0,
    seconds: Annotated[float, typer.Option(min=1, help="Length of an attempt.")] = 3.0,
    seed: Annotated[int, typer.Option(help="Of arrivals and the order.")] = 1,
    keep: Annotated[bool, typer.Option("--keep", help="Write to docs/results/sweeps.")] = False,
) -> None:
    """Search the capacity of each value under the SLO, with memory, and say which carries most.

    Values come in random order. About a minute a value. Ctrl-C keeps the finished ones, and the same
    command goes on with the others.
    """
    wanted = Wanted(name, values, mode, mix, repeats, slo_ms, seconds, seed)
    if keep:
        refuse_changes()
    swept, unfinished = measured(wanted)
    console = Console(highlight=False)
    console.print(table(swept))
    console.print(sentence(by_value(swept.values, swept.points)), soft_wrap=True)
    print(f"result {save(swept, keep, command_of('lab sweep', wanted, swept), unfinished=unfinished)}")
    if swept.interrupted:
        raise typer.Exit(INTERRUPTED)


@dataclass(frozen=True)
class Wanted:
    """What the command line asks; None: as the lever says."""

    name: str
    values: str | None
    mode: str | None
    mix: str | None
    repeats: int
    slo_ms: float
    seconds: float
    seed: int


def measured(wanted: Wanted) -> tuple[Sweep, Unfinished]:
    """Measure it; with what would be gone on with. Raises UsageError for a value that the lever lacks."""
    from lab.load.fingerprint import machine
    from lab.load.run import run_load
    from lab.scaling.capacity import Slo
    from lab.scaling.measured import Measured

    lever, values = asked(wanted.name, wanted.values)
    mix = mix_of(lever, wanted.mix)
    if lever.metric.startswith("delivery") and "send" not in MIXES[mix][0]:
        raise UsageError(f"--mix {mix}: {lever.name} is judged by deliveries, and nothing is sent")
    plan = drafted(lever, mode_of(lever, wanted.mode), mix, wanted.seed)
    load = Measured(run_load, mix=plan.mix, seconds=wanted.seconds, seed=wanted.seed, metric=lever.metric)
    sweep = Sweep(lever.name, values, plan.mode, wanted.repeats, wanted.seed)
    question = {**sweep.as_json(), "mix": mix, "slo_ms": wanted.slo_ms, "seconds": wanted.seconds}
    kept = Unfinished.of(lever.name, question, fingerprint(machine(FOLDER.parents[1])))
    return run(sweep, plan, load, Slo(wanted.slo_ms / 1000), tell=_tell, unfinished=kept), kept


def asked(name: str, words: str | None) -> tuple[Lever, list[str]]:
    """The lever and the values that shall be measured: `a,b,c`, or those that it names. Raises UsageError."""
    try:
        lever = lever_named(name)
        chosen = words.split(",") if words else lever.sweep or lever.values
        return lever, [lever.check_value(word.strip()) for word in chosen]
    except ValueError as error:
        raise UsageError(str(error)) from None


def drafted(lever: Lever, mode: str, mix: str, seed: int) -> PullPlan:
    """A plan that only says how a stack is made."""
    return PullPlan(
        lever=lever.name,
        values=(lever.values[0], lever.values[1]),
        mode=mode,
        design="restart",
        metric=lever.metric,
        also=(),
        part="backend",
        mix=mix,
        rate=0.0,
        trial_seconds=0.0,
        warm_up_seconds=0.0,
        seed=seed,
    )


def _tell(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def table(sweep: Sweep) -> Table:
    """A line a point, by value."""
    shown = Table(box=None, pad_edge=False)
    for column in (sweep.lever, "held /s", "failed /s", "busiest when it failed", "memory MiB", "wait ms"):
        shown.add_column(column)
    for point in sorted(sweep.points, key=lambda one: sweep.values.index(one.value)):
        mark = beyond_cores(sweep.lever, point.value, sweep.machine)
        shown.add_row(
            f"{point.value}, {mark}" if mark else point.value,
            f"{point.bracket.passes:,.0f}",
            f"{point.bracket.fails:,.0f}",
            point.bracket.limit if point.bracket.fails < float("inf") else "-",
            f"{point.memory_mib:,.0f}",
            "-" if point.acquire_wait_ms is None else f"{point.acquire_wait_ms:.3f}",
        )
    return shown


def command_of(words: str, wanted: Wanted, swept: Sweep) -> str:
    """The command that measures the same again; `words` are its first two."""
    mix = f" --mix {wanted.mix or lever_named(swept.lever).mix}"
    return (
        f"{words} {swept.lever} --values {','.join(swept.values)} --mode {swept.mode}{mix} "
        f"--repeats {swept.repeats} --slo-ms {wanted.slo_ms:g} --seconds {wanted.seconds:g} "
        f"--seed {swept.seed}"
    )


def save(
    sweep: Sweep,
    keep: bool,
    command: str = "",
    curve: Mapping[str, Any] | None = None,
    *,
    left_out: Sequence[Mapping[str, Any]] = (),
    unfinished: Unfinished | None = None,
) -> Path:
    """Write the points as JSON, with the command, a curve where one was fitted, and what it left out.

    What was interrupted is never kept: the whole of it will be. Of a whole one `unfinished` is removed then.
    """
    moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    path = unused(
        (KEPT if keep and not sweep.interrupted else RUNS) / f"{sweep.lever}.{sweep.mode}.{moment}.json"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = {"format": 1, "kind": "sweep", **sweep.as_json(), "command": command, "curve": curve}
    raw["left_out"] = list(left_out)
    path.write_text(json.dumps(raw, indent=1) + "\n")
    if unfinished and not sweep.interrupted:
        unfinished.remove()
    return path
