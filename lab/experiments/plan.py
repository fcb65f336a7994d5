"""What a pull will do, fixed before it begins. The plan is the head of the journal and of the result."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from lab.verdict import LOOKS
from levers.catalogue import lever_named
from levers.lever import Design, Lever
from levers.metrics import METRICS

QUICK_ROUNDS = 6  # and one look


@dataclass(frozen=True)
class PullPlan:
    """`values` are the words of sides A and B. `part` is the kind of process that is doubled in a duet.

    `rate` is operations per second over all sides together in a duet, and of the one side otherwise.
    Times are seconds. `looks` are the numbers of rounds at which the session may stop. `held`: settings of
    both sides besides the lever's own, by name (QUERY_PATH).
    """

    lever: str
    values: tuple[str, str]
    mode: str
    design: Design
    metric: str
    also: tuple[str, ...]
    part: str
    mix: str
    rate: float
    trial_seconds: float
    warm_up_seconds: float
    seed: int
    looks: tuple[int, ...] = LOOKS
    renew_every: int = 1  # rounds with the same processes
    users: int = 1_000
    messages: int = 20_000
    receivers: int = 200
    content_characters: int = 80
    held: Mapping[str, str] = field(default_factory=dict)

    @property
    def of(self) -> Lever:
        return lever_named(self.lever)

    @property
    def as_catalogued(self) -> bool:
        """Whether it is asked under the lever's own load, and with no other setting held."""
        return self.mix == self.of.mix and not self.held

    @property
    def held_words(self) -> str:
        """`QUERY_PATH=fastapi`, each after a comma; '' for none."""
        return "".join(f", `{name}={value}`" for name, value in sorted(self.held.items()))

    @property
    def metrics(self) -> tuple[str, ...]:
        """The primary first."""
        return (self.metric, *self.also)

    def label(self, metric: str) -> str:
        """The metric in words, with what is counted: in a duet no other process is in any CPU figure."""
        own = METRICS[metric].label
        if not metric.startswith("cpu"):
            return own
        if self.design != "duet":
            return "CPU per 1,000, all processes" if metric == "cpu_per_1k_total" else own
        counted = "CPU per 1,000, API" if self.part == "backend" else "CPU per 1,000 deliveries, websocket"
        return f"{counted} and its PostgreSQL" if metric == "cpu_per_1k_total" else counted

    def value_of(self, side: str) -> str:
        """The lever's value on a side; a2 is a's twin."""
        return self.values[1] if side == "b" else self.values[0]

    def environment(self, side: str) -> dict[str, str]:
        """What the processes of a side read: the lever's value, and what both sides need for it."""
        return self.environment_of(self.value_of(side))

    def environment_of(self, value: str) -> dict[str, str]:
        """The same for any value."""
        return {**self.of.extra_env, **self.held, self.of.env: value}

    def as_json(self) -> Mapping[str, Any]:
        """The plan as JSON-ready builtins (tuples are lists, so that it equals what is read back)."""
        return {
            key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()
        }


def plan_from(raw: Mapping[str, Any]) -> PullPlan:
    """The plan of a result or journal."""
    parts: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in raw.items()
    }
    return PullPlan(**parts)
