"""`lab plan`: from measured capacity to users, machines and cost."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lab.errors import UsageError
from lab.scaling.sizing import Assumptions, machines, needed_peak_rate, size, stage
from lab.scaling.stored import CapacityResult, load, stored

MACHINE_MODES = ("multi", "stack")


def command(
    *,
    users: Annotated[int | None, typer.Option(min=1, help="Users that shall be served.")] = None,
    actions: Annotated[float, typer.Option(min=0.01, help="Actions (messages, pages) a user and day.")] = 40,
    peak: Annotated[float, typer.Option(min=1, help="Busiest second against the mean of the day.")] = 3,
    utilisation: Annotated[
        float, typer.Option(min=0.01, max=1, help="Share of the capacity that may be used.")
    ] = 0.7,
    price: Annotated[float, typer.Option(min=0, help="Price of one such machine an hour.")] = 0.05,
    currency: Annotated[str, typer.Option(help="Its unit.")] = "USD",
    write_bound: Annotated[
        float, typer.Option(min=0, help="Actions/s that one database held; 0: not measured.")
    ] = 0,
    result: Annotated[
        list[Path] | None, typer.Option(help="Capacity results; default: the latest of each mode.")
    ] = None,
) -> None:
    """Say how many users the measured capacity carries, what a million actions cost, which stage to be in.

    Uses the latest results of `lab capacity`. Every assumption is printed with the option that changes it.
    """
    given = Assumptions(actions, peak, utilisation, price, currency)
    known = [load(path) for path in result] if result else latest()
    if not known:
        raise UsageError("no capacity was measured yet: lab up, lab seed, lab capacity")
    console = Console(highlight=False)
    console.print(sized(known, given))
    console.print("[bold]users = capacity x utilisation x 86,400 / (peak x actions)[/bold], with:")
    for name, value, option in given.lines():
        console.print(f"  {name}: {value}  [dim]({option})[/dim]")
    console.print("  one machine as the measured one, generator included: a service alone does a little more")
    if users is not None:
        console.print(staged(known, given, users, write_bound), soft_wrap=True)


def latest() -> list[CapacityResult]:
    """The newest result of each mode and mix."""
    return list({(one.mode, one.mix): one for _, one in stored()}.values())


def sized(known: list[CapacityResult], given: Assumptions) -> Table:
    """One line a measured stack; figures carry the bracket."""
    table = Table(box=None, pad_edge=False)
    for column in ("mode", "mix", "held, failed /s", "users", f"{given.currency} a million", "measured"):
        table.add_column(column)
    for one in known:
        found = size(one.bracket.passes, one.bracket.fails, given)
        cost = found.cost_per_million
        table.add_row(
            one.mode,
            one.mix,
            f"{one.bracket.passes:,.0f}, {one.bracket.fails:,.0f}",
            str(found.users),
            f"{cost.low:.3f} to {cost.high:.3f}",
            f"{one.day}, {one.fingerprint.get('cores')} x {one.fingerprint.get('cpu')}",
        )
    return table


def staged(known: list[CapacityResult], given: Assumptions, users: int, write_bound: float) -> str:
    """Which shape carries so many users, and how many machines."""
    single = max((one.bracket.passes for one in known if one.mode == "single"), default=0.0)
    machine = max((one.bracket.passes for one in known if one.mode in MACHINE_MODES), default=single)
    found = stage(users, single, machine or single, write_bound, given)
    count = machines(users, machine or single, given)
    need = needed_peak_rate(users, given)
    return (
        f"{users:,} users are {need:,.1f} actions/s at the peak.\n"
        f"Stage: {found.name}. {found.reason}.\n"
        f"Machines like the measured one: {count}, if they shared the work perfectly "
        "(`lab scale-curve` measures how far from that they are)."
    )
