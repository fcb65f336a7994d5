"""`lab load --engine locust`: the same plan as Locust understands it, and its figures in a table."""

import asyncio
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from lab.errors import UsageError, VoidResult
from lab.load.display import milliseconds
from lab.load.locust_engine import LocustPlan, run_locust
from lab.load.plan import LoadPlan, Operation

NAMES: dict[Operation, str] = {"send": "send", "list": "history", "dialogs": "dialogs", "search": "search"}
# Parameters of `lab load` that Locust's run follows; of sockets only whether there are any.
FOLLOWED = ("rate", "seconds", "seed", "mix", "processes", "proxy", "home")
BESIDES = ("engine", "show_progress")  # Locust's run shows none, as --no-progress wishes
ACTIONS_A_PERSON = 1.0  # a second; more people than that only if the rate asks for them


def refuse_unknown(given: Sequence[str], plan: LoadPlan) -> None:
    """Raises UsageError with the options of the command line that would be ignored."""
    followed = {*FOLLOWED, *BESIDES, *(() if plan.sockets else ("sockets",))}
    ignored = [name for name in given if name not in followed]
    if ignored:
        words = ", ".join(f"--{name.replace('_', '-')}" for name in ignored)
        known = ", ".join(f"--{name}" for name in FOLLOWED)
        raise UsageError(f"--engine locust: {words}: expected some of {known}, --sockets 0")


def as_locust(plan: LoadPlan) -> LocustPlan:
    """People who act once a second each, as many as the rate needs. Raises UsageError."""
    shares = plan.shares()
    if plan.mix == "chat":
        shares.pop("get_user")  # Locust's people read users when they search
    foreign = [name for name in shares if name not in NAMES]
    if foreign:
        raise UsageError(f"--engine locust: mix: '{foreign[0]}': expected some of {', '.join(NAMES)}")
    people = max(2, round(plan.rate / ACTIONS_A_PERSON))
    return LocustPlan(
        host=plan.targets()["a"].api[0],
        people=people,
        actions_per_second=plan.rate / people,
        duration_seconds=plan.duration,
        mix=",".join(f"{NAMES[name]}={share:g}" for name, share in shares.items()),
        seed=plan.seed,
        sockets=plan.sockets > 0,
        processes=plan.processes,
    )


def run_with_locust(plan: LoadPlan, console: Console) -> None:
    """Run it and print the table. Raises VoidResult when a request failed."""
    result = asyncio.run(run_locust(as_locust(plan), tell=lambda line: console.print(line, highlight=False)))
    table = Table(box=None, padding=(0, 2))
    for title in ("", "requests", "failed", "p50", "p99"):
        table.add_column(title, justify="left" if not title else "right")
    for name, entry in sorted(result.entries.items()):
        table.add_row(
            f"{entry.kind} {name}",
            f"{entry.requests:,}",
            f"{entry.failures:,}",
            milliseconds(entry.quantile(0.5)),
            milliseconds(entry.quantile(0.99)),
        )
    console.print(table)
    console.print("Locust keeps no ledger: whether every message arrived is what --engine lab tells.")
    if result.exit_code:
        raise VoidResult("load: Locust saw failures")
