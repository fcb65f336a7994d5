"""`lab plan`: from measured capacity to users, machines and cost."""

from collections.abc import Mapping
from dataclasses import astuple
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lab.scaling.basis import ONE_MACHINE, SINGLE, Basis, chosen, given, processes
from lab.scaling.sizing import (
    ONE_PROCESS,
    Assumptions,
    Range,
    about,
    cost,
    machines,
    needed_peak_rate,
    size,
    stage,
)
from lab.scaling.stored import KEPT, load, stored

PAGE = KEPT.parent / "plan.md"
PAGE_WIDTH = 120
HEAD = """# Users, machines and cost: one plan, worked out

From the capacities in [capacity](capacity), which `lab capacity --keep` wrote, to users. All else is assumed,
and each assumption has its option. `lab plan --keep` writes this page.

"""
# The options of the fields of Assumptions, in their order.
ASSUMED = ("actions", "peak", "utilisation", "price", "currency", "write-bound")
MEASURE = "(lab up --mode single or multi, lab seed, lab capacity)"


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
    mix: Annotated[str, typer.Option(help="What an action is: the load of the capacities.")] = "send",
    slo_ms: Annotated[float, typer.Option(min=1, help="p99 that the capacities hold, in ms.")] = 100.0,
    result: Annotated[
        list[Path] | None,
        typer.Option(help="Capacity results, whatever their load, SLO and settings; default: the latest."),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Write to docs/results/plan.md, from committed results alone.")
    ] = False,
) -> None:
    """Say how many users the measured capacity carries, what a million actions cost, which stage to be in.

    Uses the results of `lab capacity` of one load, SLO and machine, with default settings: of each mode and
    shape all those of the newest one's commit, since one search alone is a chance (`lab capacity --repeats`).
    Every assumption is printed with the option that changes it.
    """
    assumed = Assumptions(actions, peak, utilisation, price, currency, write_bound)
    machine = here()
    if result:
        basis = given([load(path) for path in result])
    else:
        known = stored([KEPT]) if keep else stored()
        basis = chosen([one for _, one in known], mix, slo_ms, machine)
    console = Console(highlight=False, record=keep, width=PAGE_WIDTH if keep else None)
    console.print(sized(basis, assumed))
    console.print("[bold]users = capacity x utilisation x 86,400 / (peak x actions)[/bold], with:")
    measured = [
        (name, value, option if not result or option.startswith("lab ") else "--result")
        for name, value, option in basis.lines(machine)
    ]
    for name, value, option in measured + assumed.lines():
        console.print(f"  {name}: {value}  [dim]({option})[/dim]", soft_wrap=True)
    for line in basis.left_out:
        console.print(f"[dim]{line}[/dim]", soft_wrap=True)
    if users is not None:
        console.print(staged(basis, assumed, users), soft_wrap=True)
    if keep:
        options = dict(zip(ASSUMED, astuple(assumed), strict=True))
        asked = {"users": users, "mix": mix, "slo-ms": slo_ms, **options}
        PAGE.write_text(worked(asked, console.export_text()))
        print(f"page {PAGE}")


def worked(given: Mapping[str, Any], printed: str) -> str:
    """The page of one plan: what was asked, every assumption spelled out, and what came of it."""
    words = " ".join(
        f"--{name} {value:g}" if isinstance(value, float) else f"--{name} {value}"
        for name, value in given.items()
        if value
    )
    return f"{HEAD}```\nlab plan {words}\n```\n\n```\n{printed.rstrip()}\n```\n"


def here() -> Mapping[str, Any]:
    """This machine's fingerprint."""
    from lab.experiments.machine import fingerprint
    from lab.load.fingerprint import machine

    return fingerprint(machine(Path(__file__).parent))


def sized(basis: Basis, assumed: Assumptions) -> Table:
    """One line a measured stack; figures are from the lowest that held to the highest that failed."""
    table = Table(box=None, pad_edge=False)
    for column in (
        "mode",
        "processes",
        "searches",
        "capacity /s",
        "users",
        f"{assumed.currency} a million, all used",
        "measured",
    ):
        table.add_column(column)
    for one in basis.known:
        found = size(one.carries, assumed)
        table.add_row(
            one.newest.mode,
            processes(one.newest),
            str(len(one.searches)),
            str(one.carries),
            str(found.users),
            _money(found.cost_per_million),
            one.newest.day,
        )
    return table


def staged(basis: Basis, assumed: Assumptions, users: int) -> str:
    """Which shape carries so many users, how many machines, and what they cost."""
    single, machine = basis.best(SINGLE), basis.best(ONE_MACHINE)
    need = f"{users:,} users are {about(needed_peak_rate(users, assumed))} actions/s at the peak.\n"
    best = machine or single
    if best is None:
        return (
            f"{need}Stage: unknown. Neither one process nor one machine with several was measured {MEASURE}."
        )
    found = stage(users, single, machine, assumed)
    carries = single if single and found.name == ONE_PROCESS else best
    count = machines(users, carries, assumed)
    an_hour, a_million = cost(users, count, assumed)
    return (
        f"{need}"
        f"Stage: {found.name}. {found.reason}.\n"
        f"Machines like the measured one: {count}, if they shared the work perfectly "
        "(`lab scale-curve` measures how far from that they are).\n"
        f"Cost: {_money(an_hour)} {assumed.currency} an hour, "
        f"{_money(a_million)} {assumed.currency} a million actions of these users "
        "(in the table: of as many users as a machine carries)."
    )


def _money(amount: Range) -> str:
    if not amount.low < amount.high:
        return f"{amount.low:.3f}"
    return f"{amount.low:.3f} to {amount.high:.3f}" if amount.low else f"at most {amount.high:.3f}"
