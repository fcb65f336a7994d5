"""What a run has brought so far, and the record that is written of it in the end."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.load import figures, guards, record
from lab.load.device import MISROUTED, REPLAY
from lab.load.figures import Deliveries, Rows, Samples
from lab.load.http_client import DROPPED
from lab.load.job import Report
from lab.load.jobs import side_of_devices
from lab.load.ledger import Applied, Books, Promise, Read, Received, Sent, Stored, balance
from lab.load.observer import Observer
from lab.load.plan import OPERATIONS, LoadPlan
from lab.load.population import Population
from lab.load.schedule import Schedule

ANSWERED_WITHIN_SECONDS = 0.25  # after the measured time, an answer still counts as in time
SEND, LIST = OPERATIONS.index("send"), OPERATIONS.index("list")
# What a list must show, by read_routing.
READS_SHOW: Mapping[str, Promise] = {"primary": "all", "replica_ryw": "own", "replica": "none"}


@dataclass
class Outcome:
    """Moments are of time.monotonic(), `clock` added gives unix time; `end` is that of the measured time."""

    plan: LoadPlan
    people: Population
    schedule: Schedule
    start: float = 0.0
    end: float = 0.0
    interrupted: bool = False
    clock: float = field(default_factory=lambda: time.time() - time.monotonic())
    rows: Rows = field(default_factory=Rows)
    applied: int = 0
    reconnects: int = 0
    closes: Counter[str] = field(default_factory=Counter)
    sockets: list[tuple[float, int]] = field(default_factory=list)

    @property
    def begin(self) -> float:
        """Of the measured time."""
        return self.start + self.plan.warm_up

    def add(self, report: Report, sockets: int) -> None:
        """Take over a report; `sockets` are the open ones of all processes."""
        self.rows.add(report)
        self.applied += len(report.applied) // figures.LAYOUTS["applied"].itemsize
        self.reconnects += report.reconnects
        self.closes.update({str(code): count for code, count in report.closes.items()})
        self.sockets.append((time.monotonic(), sockets))

    def joined(self) -> tuple[Samples, Deliveries]:
        """Arrivals and deliveries as far as they are known."""
        samples = Samples.of(self.schedule, self.rows.whole("operations"), self.start)
        return samples, Deliveries.of(
            self.rows.whole("applied"), samples, side_of_devices(self.plan, self.people)
        )

    def second(self, number: int, samples: Samples, deliveries: Deliveries) -> record.Second:
        """The figures of one second of the measured time."""
        return figures.second(
            number,
            self.begin + number,
            samples=samples,
            deliveries=deliveries,
            limit=self.plan.timeout,
            sockets=figures.sockets_at(self.sockets, self.begin + number + 1),
        )

    def timeline(self, samples: Samples, deliveries: Deliveries) -> list[record.Second]:
        """Every second of the measured time."""
        whole = range(int(self.end - self.begin + 1e-6))
        return [self.second(number, samples, deliveries) for number in whole]

    def side_seconds(self, samples: Samples, deliveries: Deliveries) -> dict[str, list[record.Second]]:
        """The same of each side; nothing where there is one side only."""
        names = list(self.plan.targets())
        if len(names) < 2:
            return {}
        return {
            name: self.timeline(samples.of_side(number), deliveries.of_side(number))
            for number, name in enumerate(names)
        }

    def books(self, stored: Sequence[Stored] | None) -> Books:
        """All messages of the run, warm-up included, for the ledger."""
        rows = self.rows.whole("operations")
        kind = self.schedule.operation[rows["number"]]
        sends = rows[(kind == SEND) & (rows["status"] != DROPPED)][["number", "status", "seq", "answered"]]
        lists = rows[(kind == LIST) & (rows["status"] == 200)][["number", "seq", "sent"]]
        return Books(
            dialogs=[(one.low, one.high, one.newest) for one in self.people.dialogs],
            devices=self.people.listeners,
            sent=[self._sent(*row) for row in sends.tolist()],
            stored=stored,
            received=(
                Received(device, dialog, seq, number, at, bool(flags & REPLAY), bool(flags & MISROUTED))
                for device, dialog, seq, number, at, flags in self.rows.whole("received").tolist()
            ),
            applied=[Applied(*row) for row in self.rows.whole("applied").tolist()],
            reads=[self._read(*row) for row in lists.tolist()],
            shown=READS_SHOW.get(self.plan.stack.levers.get("READ_ROUTING", "primary"), "all"),
            reconnects=self.reconnects,
            closes=dict(self.closes),
        )

    def _sent(self, number: int, status: int, seq: int, answered: float) -> Sent:
        acknowledged = seq if status in (200, 201) else None
        due = float(self.schedule.due[number]) + self.start
        dialog = int(self.schedule.dialog[number])
        return Sent(number, dialog, *self.pair(number), due, acknowledged, answered)

    def _read(self, number: int, newest: int, sent: float) -> Read:
        return Read(int(self.schedule.dialog[number]), self.pair(number)[0], sent, newest)

    def pair(self, number: int) -> tuple[int, int]:
        """Who acted in an arrival, towards whom."""
        dialog = self.people.dialogs[int(self.schedule.dialog[number])]
        return (dialog.low, dialog.high) if self.schedule.forward[number] else (dialog.high, dialog.low)

    def record(
        self,
        stored: Sequence[Stored] | None,
        observer: Observer,
        *,
        effective: Mapping[str, Mapping[str, Any]],
        machine: record.Machine,
        stall_test: record.StallTest | None,
        died: Sequence[str],
    ) -> record.RunRecord:
        """Everything, judged by the guards. Takes about a second a million rows."""
        plan = self.plan
        samples, deliveries = self.joined()
        measured = (samples.due >= self.begin) & (samples.due < self.end)
        seconds = self.end - self.begin
        parts = _Parts(samples, deliveries, measured, plan.timeout)
        total = parts.figures(measured)
        ledger = balance(self.books(stored))
        in_time = samples.ok & measured & (samples.answered <= self.end + ANSWERED_WITHIN_SECONDS)
        checks = [
            *([guards.stall_shown(stall_test)] if stall_test else []),
            guards.generator_alive(died),
            guards.achieved(int(in_time.sum()), total),
            guards.errors(total),
            guards.lag(total),
            guards.generator_cpu(observer.generator_cores()),
            guards.ledger_clean(ledger),
        ]
        return record.RunRecord(
            started_at=self.begin + self.clock,
            measured_seconds=seconds,
            interrupted=self.interrupted,
            command=plan.command,
            settings=settings_of(plan, self.people),
            stack=record.Stack(
                mode=plan.stack.mode,
                levers=dict(plan.stack.levers),
                effective={name: dict(values) for name, values in effective.items()},
            ),
            machine=machine,
            pressure=observer.pressure(),
            total=total,
            sides={name: parts.side(number) for number, name in enumerate(plan.targets())},
            operations={
                name: parts.figures(chosen, sends=name == "send")
                for name, chosen in figures.by_operation(samples, measured).items()
            },
            seconds=self.timeline(samples, deliveries),
            side_seconds=self.side_seconds(samples, deliveries),
            hops=figures.hops(self.rows.whole("hops"), samples, self.clock, self.begin),
            usage=observer.usage(total.ok),
            ledger=ledger,
            stall_test=stall_test,
            guards=checks,
            verdict=guards.verdict(checks, total, ledger, seconds),
        )


class _Parts:
    """Figures of some of the measured arrivals, with the deliveries that belong to them."""

    def __init__(
        self, samples: Samples, deliveries: Deliveries, measured: NDArray[np.bool_], limit: float
    ) -> None:
        self._samples = samples
        self._deliveries = deliveries
        self._measured = measured
        self._delivered = measured[deliveries.number]
        self._sends = bool((samples.operation[measured] == SEND).any())
        self._limit = limit

    def figures(self, chosen: NDArray[np.bool_], sends: bool = True) -> record.Figures:
        taken = self._deliveries.taken[self._delivered] if sends and self._sends else None
        return figures.figures(self._samples, chosen, self._limit, taken)

    def side(self, number: int) -> record.Figures:
        mine = self._delivered & (self._deliveries.side == number)
        chosen = self._measured & (self._samples.side == number)
        taken = self._deliveries.taken[mine] if self._sends else None
        return figures.figures(self._samples, chosen, self._limit, taken)


def settings_of(plan: LoadPlan, people: Population) -> record.Settings:
    """What was asked for, as the record has it."""
    return record.Settings(
        rate=plan.rate,
        duration_seconds=plan.duration,
        warm_up_seconds=plan.warm_up,
        seed=plan.seed,
        mix={str(name): share for name, share in plan.shares().items()},
        users=len(people.users),
        dialogs=len(people.dialogs),
        sockets=len(people.listeners),
        content_characters=plan.content_characters,
        encoding=plan.encoding,
        timeout_seconds=plan.timeout,
        in_flight_limit=plan.in_flight_limit,
        retries=plan.retries,
        generator_processes=plan.processes,
        sides={
            name: {"api": list(one.api), "websockets": list(one.websockets)}
            for name, one in plan.targets().items()
        },
    )
