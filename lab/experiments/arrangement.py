"""Which stacks and processes make the sides of a plan. Pure: says what to start, starts nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lab.errors import UsageError
from lab.experiments.plan import PullPlan
from lab.stack.modes import Request
from lab.trials.schedule import SIDES, Side

# With one websocket service there is nothing to choose between.
NEEDS_TWO_WEBSOCKETS = {"balance", "routing"}
# Both sides have a replica: what is compared is who reads there, or what of it a commit waits for.
NEEDS_A_REPLICA = {"read_routing"}
NEEDS_A_STANDBY = {("durability", "local"), ("durability", "remote_apply")}


@dataclass(frozen=True)
class Arrangement:
    """`stacks` by name; `home_of` says in which stack a side lives, `processes` which are its own.

    In a duet there is one stack, and a side is one of three processes of the doubled part; otherwise
    each side is a stack, and all of its processes are its own (None).
    """

    stacks: Mapping[str, Request]
    home_of: Mapping[Side, str]
    processes: Mapping[Side, tuple[str, ...] | None]

    def taking_places(self, order: Sequence[Side]) -> "Arrangement":
        """The same duet with its sides in other processes: the first of `order` in the first one."""
        places = sorted(names for names in self.processes.values() if names is not None)
        return replace(self, processes=dict(zip(order, places, strict=True)))


def arrange(plan: PullPlan, folder: Path) -> Arrangement:
    """The arrangement of a plan, with run folders under `folder`."""
    if plan.design == "duet":
        return _duet(plan, folder)
    stacks: dict[str, Request] = {side: requested(plan, plan.value_of(side), folder / side) for side in SIDES}
    return Arrangement(stacks, {side: side for side in SIDES}, dict.fromkeys(SIDES))


def _duet(plan: PullPlan, folder: Path) -> Arrangement:
    if plan.mode == "single":
        raise UsageError(f"{plan.lever}: a duet needs processes that can be doubled; use --mode multi")
    names: dict[Side, tuple[str, ...]] = {
        side: (f"{plan.part}-{number}",) for number, side in enumerate(SIDES, 1)
    }
    own = {names[side][0]: plan.environment(side) for side in SIDES}
    counts = {"backend": 1, "websocket": 1, plan.part: len(SIDES)}
    request = Request(
        folder / "duet",
        mode=plan.mode,  # type: ignore[arg-type]  # checked by the runner
        api=counts["backend"],
        websockets=counts["websocket"],
        **copies(plan, *plan.values),
        levers={**common(plan), **plan.of.extra_env},
        own_levers=own,
    )
    return Arrangement({"duet": request}, dict.fromkeys(SIDES, "duet"), names)


def requested(plan: PullPlan, value: str, home: Path) -> Request:
    """A whole stack that runs with this value of the plan's lever."""
    request = Request(
        home,
        mode=plan.mode,  # type: ignore[arg-type]  # checked by the runner
        api=1,
        websockets=2 if plan.lever in NEEDS_TWO_WEBSOCKETS else 1,
        **copies(plan, *plan.values, value),
    )
    environment = plan.environment_of(value)
    match plan.of.env:
        case "RUN_MODE":
            request = replace(request, mode=value)  # type: ignore[arg-type]
            environment.pop("RUN_MODE")
        case "WEBSOCKETS":
            request = replace(request, websockets=int(value))
            environment.pop("WEBSOCKETS")
        case "RABBITMQ_NODES":
            request = replace(request, rabbitmq_nodes=int(value))
            environment.pop("RABBITMQ_NODES")
        case "DATABASE_MODE":
            changed: dict[str, dict[str, Any]] = {"replica": {"replicas": 1}, "citus": {"mode": "citus"}}
            request = replace(request, **changed.get(value, {}))
            environment.pop("DATABASE_MODE")
    return replace(request, levers={**common(plan), **environment})


def copies(plan: PullPlan, *values: str) -> dict[str, Any]:
    """The replicas that a comparison of these values needs, and whether a commit waits for one."""
    if any((plan.lever, value) in NEEDS_A_STANDBY for value in values):
        return {"replicas": 1, "replication": "first_1"}
    return {"replicas": 1 if plan.lever in NEEDS_A_REPLICA else 0}


def common(plan: PullPlan) -> dict[str, str]:
    """What every process of every side runs with: what was asked for, and no tracing of the lab's own."""
    return {**({} if plan.of.env == "HOP_TIMES" else {"HOP_TIMES": "off"}), **plan.held}
