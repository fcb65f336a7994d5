"""What the push benchmark found, as a page of the documentation."""

from collections.abc import Sequence
from datetime import datetime
from statistics import median

import msgspec

from lab.bench.pages import made_by, span
from lab.bench.push.result import BARE, SERVICE, PushResult
from lab.load.record import Machine

GOAL_MS = 0.020  # of CPU: what a delivery is meant to cost
TRANSPORTS = {"tcp": "over TCP", "unix": "over its unix socket, as HAProxy may be"}
READER_WORDS = "100 messages/s go to 20 readers in turn, and 2 MB/s to one more client"


def rows(result: PushResult) -> list[tuple[str, str, str]]:
    """(what, the service, the library alone): median and span over rounds."""
    found = [
        (
            f"CPU a delivery, {result.sockets:,} sockets, {rate:,.0f} deliveries/s (ms)",
            span(result.cpu_ms(SERVICE, rate), 4),
            span(result.cpu_ms(BARE, rate), 4),
        )
        for rate in result.rates
    ]
    by_name = {one.contender: one for one in result.idle}
    found.append(
        (
            f"memory an idle socket, {by_name[SERVICE].sockets:,} of them (KiB, PSS)",
            f"{by_name[SERVICE].kib_each:.1f}",
            f"{by_name[BARE].kib_each:.1f}",
        )
    )
    for stuck, words in ((False, "all read"), (True, "one client does not read")):
        found.append(
            (
                f"longest silence of the others, {words} (s)",
                span(result.longest(SERVICE, stuck), 3),
                span(result.longest(BARE, stuck), 3),
            )
        )
    return found


def reached(result: PushResult) -> list[tuple[str, str, str]]:
    """(deliveries/s asked for, the service, the library alone): the rate reached, deliveries a frame."""

    def words(contender: str, rate: float) -> str:
        turns = result.turns(contender, rate)
        per_second = median(one.received / one.elapsed_seconds for one in turns)
        a_frame = median(one.received / one.frames for one in turns)
        full = result.saturated(contender, rate)
        return f"{per_second:,.0f}/s, {a_frame:.1f} a frame" + (f"; {full}" if full else "")

    return [(f"{rate:,.0f}", words(SERVICE, rate), words(BARE, rate)) for rate in result.rates]


def goal(result: PushResult) -> str:
    """Where a delivery of the service costs no more than it is meant to, in a sentence."""
    held = [rate for rate in result.rates if median(result.cpu_ms(SERVICE, rate)) <= GOAL_MS]
    missed = [rate for rate in result.rates if rate not in held]

    def at(rates: Sequence[float]) -> str:
        return ", ".join(f"{rate:,.0f}" for rate in rates) + " deliveries/s"

    told = f"A delivery is meant to cost {GOAL_MS:.3f} ms of CPU or less (median): "
    if not held:
        return told + f"that holds at none of these rates ({at(missed)})."
    full = [rate for rate in held if result.saturated(SERVICE, rate)]
    return (
        told
        + f"that holds at {at(held)}"
        + (f" (saturated at {at(full)})" if full else "")
        + (f", and not at {at(missed)}, where fewer share a wake-up and a frame." if missed else ".")
    )


def page(result: PushResult, source: str) -> str:
    """The result as a page of the documentation."""
    machine = msgspec.convert(result.machine, Machine)
    started = datetime.fromisoformat(result.started_at).timestamp()
    codes = sorted({str(gap.closed_with) for gap in result.gaps if gap.contender == SERVICE and gap.stuck})
    rounds = len({one.round for one in result.pushes})
    return "\n".join(
        [
            "# Push: what a delivery, an idle socket and a stuck reader cost",
            "",
            f"{made_by(result.command, started, machine, result.waited)}; {machine.system}, Python "
            f"{machine.python}. Result file: `{source}`.",
            "",
            f"The service is `python -m websocket_service`, fed by the broker {result.broker}, its clients "
            f"connected {TRANSPORTS[result.transport]} (its CPU a "
            "delivery is everything: hint received and decoded, sessions found, frame encoded, written). "
            "The library alone is the same library in a process that writes like frames to its sockets in "
            f"turn, with `await`. They take turns, {rounds} rounds; median and (smallest .. largest).",
            "",
            "| | the service | the library alone |",
            "|---|---|---|",
            *(f"| {what} | {ours} | {bare} |" for what, ours, bare in rows(result)),
            "",
            goal(result),
            "",
            "The rate that was reached (received, until the last one was) and how many deliveries shared a "
            "frame; saturated: less than 99 % had come when the time was over, and the process was full, "
            "or the machine.",
            "",
            "| deliveries/s asked for | the service | the library alone |",
            "|---|---|---|",
            *(f"| {rate} | {ours} | {bare} |" for rate, ours, bare in reached(result)),
            "",
            f"Deliveries of the service that did not arrive: {result.lost}. "
            f"Its stuck client was closed with {', '.join(codes)}. The library alone awaits one socket after "
            "another, as most such loops do: one that does not read holds up all others.",
            "",
            f"In the rounds with a stuck reader {READER_WORDS} for {result.gap_seconds:g} s.",
            "",
        ]
    )
