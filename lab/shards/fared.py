"""How the requests of a load fared, by kind: in the spans around a change, and second by second."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.load.figures import ERROR_WORDS
from lab.load.http_client import DROPPED

WORDS = {**ERROR_WORDS, DROPPED: "dropped"}
KINDS = {"send": "sends", "list": "pages", "dialogs": "lists of dialogs"}
SPANS = ("before", "during", "after")


@dataclass(frozen=True)
class Window:
    """Requests of one kind that were due in a span. Latencies are seconds from then, of those answered well.

    `refused`: any other answer -> how many. `refused_seconds`: from the first to the last of them.
    """

    what: str  # of KINDS
    name: str  # of SPANS
    seconds: float
    requests: int
    p50: float | None
    p99: float | None
    slowest: float | None
    refused: dict[str, int]
    refused_seconds: float


@dataclass(frozen=True)
class Second:
    """Requests of one kind in one second; `at` counts from the begin of the load."""

    what: str
    at: int
    p99: float | None
    refused: int


@dataclass(frozen=True)
class Request:
    """When it was due, how long its answer took (nan: none), and which one that was."""

    due: float
    took: float
    status: int

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


def read(asked: Path) -> dict[str, list[Request]]:
    """Kind -> its requests, from the file that a load writes."""
    found: dict[str, list[Request]] = {what: [] for what in KINDS.values()}
    with asked.open(newline="") as file:
        for line in csv.DictReader(file):
            due = float(line["intended"])
            found[KINDS[line["operation"]]].append(
                Request(due, float(line["answered"]) - due, int(line["status"]))
            )
    return found


def windows(
    requests: Mapping[str, Sequence[Request]], times: tuple[float, float, float, float]
) -> list[Window]:
    """Before, during and after a change, for each kind.

    `times` are the load's begin, the change's begin and end, the load's end: unix seconds.
    """
    return [
        _window(what, name, first, until, [one for one in found if first <= one.due < until])
        for what, found in requests.items()
        for name, first, until in zip(SPANS, times[:-1], times[1:], strict=True)
    ]


def seconds(requests: Mapping[str, Sequence[Request]], begin: float, end: float) -> list[Second]:
    """Each whole second of the load, for each kind that was asked in it."""
    found = []
    for what, asked in requests.items():
        by_second: dict[int, list[Request]] = {}
        for one in asked:
            if one.due >= begin:
                by_second.setdefault(int(one.due - begin), []).append(one)
        found += [
            Second(
                what, at, _p99(sorted(one.took for one in those if one.ok)), sum(not one.ok for one in those)
            )
            for at, those in sorted(by_second.items())
            if at < int(end - begin)
        ]
    return found


def _window(what: str, name: str, first: float, until: float, asked: Sequence[Request]) -> Window:
    taken = sorted(one.took for one in asked if one.ok)
    bad = [one for one in asked if not one.ok]
    return Window(
        what=what,
        name=name,
        seconds=until - first,
        requests=len(asked),
        p50=taken[len(taken) // 2] if taken else None,
        p99=_p99(taken),
        slowest=taken[-1] if taken else None,
        refused=dict(Counter(WORDS.get(one.status, str(one.status)) for one in bad)),
        refused_seconds=max(one.due for one in bad) - min(one.due for one in bad) if bad else 0.0,
    )


def _p99(taken: Sequence[float]) -> float | None:
    """Of times in their order."""
    return taken[min(len(taken) - 1, int(len(taken) * 0.99))] if taken else None
