"""What a lever is: one setting, its question, and how it must be measured to be believed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Design = Literal["duet", "abab", "restart"]
Move = Literal["up", "down", "either"]
Process = Literal["backend", "websocket", "single", "postgres", "rabbitmq", "haproxy", "stack"]


@dataclass(frozen=True)
class Lever:
    """One thing to pull. `values` are the words of the environment variable `env`, the default first.

    `processes` read the setting; `restarts` must be restarted (or rebuilt) for a new value. `design` is
    the trial design that is honest for it: duet (both sides at once, in processes that can be doubled),
    abab (two warm stacks in turn, for shared state), restart (nothing else is possible).
    `metric` is named before a run and decides the verdict; `also` are shown beside it. `expected` is the
    way the metric moves from the default to the others, and `because` the reason one would think so.
    `sources` are the ids of the systems that asked for it (docs/glossary.md), none for a question of our own;
    `claim` is what people say, in our words unless it is `quoted` from there.
    `needs` are parts beyond PostgreSQL and Python, `mix` the load that shows the lever,
    `sweep` more values than a pair, and `extra_env` what both sides need so that the lever can act.
    `because` is about the second value, unless it names others. `applies` gets the plans of the lever's
    results and says in which way `dishonest_if` is true of them ('': in none; levers/honesty.py);
    `leaves_open` says what no pull of it shows.
    """

    name: str
    question: str
    env: str
    values: tuple[str, ...]
    processes: tuple[Process, ...]
    restarts: tuple[Process, ...]
    design: Design
    metric: str
    expected: Move
    because: str
    sources: tuple[str, ...]
    claim: str
    dishonest_if: str
    also: tuple[str, ...] = ("p50", "p99", "cpu_per_1k_total")
    needs: tuple[str, ...] = ()
    mix: str = "send"
    sweep: tuple[str, ...] = ()
    extra_env: dict[str, str] = field(default_factory=dict)
    applies: Callable[[Sequence[Mapping[str, Any]]], str] | None = None
    leaves_open: str = ""
    quoted: bool = False

    @property
    def default(self) -> str:
        return self.values[0]

    @property
    def effective(self) -> str:
        """The key under which a process reports the value in use at /health."""
        return self.env.lower()

    @property
    def said(self) -> str:
        """The claim and whose it is, for print: in quotation marks only where it is a quotation."""
        if not self.sources:
            return f"Our own question; what people say, in our words: {self.claim}."
        asked = ", ".join(self.sources)
        if self.quoted:
            return f"Said where the lever comes from ({asked}): “{self.claim}”."
        return f"The lever comes from {asked}; the claim, in our words: {self.claim}."

    def check_value(self, value: str) -> str:
        """The value, if the lever knows it. ValueError names the choices."""
        if value not in self.values and value not in self.sweep:
            known = ", ".join(dict.fromkeys(self.values + self.sweep))
            raise ValueError(f"{self.name}={value!r}: expected one of {known}")
        return value
