"""docs/results/rival.md and rival.json: ours beside python-socketio."""

from collections.abc import Mapping
from pathlib import Path
from statistics import median

from lab.bench import pages
from lab.bench.rival.result import Rival, Side
from lab.bench.rival.turns import CHARACTERS

TARGET = 12.0
WAYS: Mapping[Side, str] = {"fed": "fed alike", "ours": "with the whole way beside it"}


def write(found: Rival, file: Path) -> list[Path]:
    """The result, and the page beside it."""
    return pages.write(found, markdown(found), file)


def _gathered(seconds: float) -> str:
    return f", ours gathering hints for {seconds * 1000:g} ms" if seconds else ""


def _each(ratios: list[float]) -> str:
    return ", ".join(f"{ratio:.1f}" for ratio in ratios)


def _times(side: Side, words: str, found: Rival) -> str:
    """How many times, and in which rounds."""
    ratios, rounds = found.ratios(side), sum(turn.side == side for turn in found.turns)
    if not ratios:
        return f"{words} not decided, as in no round both turns count"
    only = f", {len(ratios)} of {rounds} count" if len(ratios) < rounds else ""
    return f"**{words} {median(ratios):.1f} times** (rounds: {_each(ratios)}{only})"


def _target(found: Rival) -> str:
    """Whether it is what was aimed at."""
    told = [
        f"{'' if median(ratios) >= TARGET else 'not '}reached {words}"
        for side, words in WAYS.items()
        if (ratios := found.ratios(side))
    ]
    return f"The aim was {TARGET:g} times: {', '.join(told) or 'not decided'}."


def markdown(found: Rival) -> str:
    """The page."""
    versions = ", ".join(f"{name} {value}" for name, value in found.versions.items())
    lines = [
        f"# Beside python-socketio with its AioPika manager: {found.services} services"
        f"{_gathered(found.publish_interval_seconds)}",
        "",
        "Made by `lab bench rival`; do not edit. In turns on one RabbitMQ node, with the same load:",
        f"{found.rate:g} messages a second of {CHARACTERS} characters, each for two users; {found.sockets}"
        f" sockets on {found.services} services{_gathered(found.publish_interval_seconds)}.",
        "Counted is the CPU of those services alone. *rival*: as its documentation says, a room a user, one",
        "emit from another process to both rooms, one fanout exchange, no database. *fed*: our services fed",
        "alike, by a process that gives each message to the broker, past API and database. *ours*: the whole",
        "way, from a send through HAProxy and the API with a commit to the socket, the ledger compared; API,",
        "database and proxy take the same cores meanwhile.",
        "",
        "Deliveries per CPU-second, ours over the rival's, both counted in just the seconds of the load:",
        *(f"{_times(side, words, found)}{',' if side == 'fed' else '.'}" for side, words in WAYS.items()),
        _target(found),
        "",
        "| turn | messages | deliveries | owed | CPU of the services, s | deliveries per CPU-second"
        " | ms a delivery | delay p50 | counts |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {turn.side} | {turn.messages:,} | {turn.deliveries:,} | {turn.owed:,} | {turn.cpu_seconds:.2f} |"
        f" {turn.per_cpu_second:,.0f} | {1000 / turn.per_cpu_second:.3f} | {turn.delay_p50 * 1000:.1f} ms |"
        f" {'; '.join(['no', *turn.failed] if turn.failed else ['yes', *turn.late])} |"
        for turn in found.turns
    ]
    lines += [
        "",
        "`owed` is what had to come in the end, of ours with the warm-up; `deliveries` came in the measured",
        "seconds, and `delay` is from when a message was due to when it came. The ledger of ours is clean. A",
        "turn of ours counts when every guard of its run held, one that is fed when its messages were given",
        "in time. The rival's counts in any case: where its sender cannot give the messages in time, its",
        "services are asked for less than ours, and its delay is mostly what waited for the sender.",
        "",
        "## The broker is restarted",
        "",
        f"Under both at once, at a quarter of the rate; the restart took {found.restart_seconds:.0f} s.",
        "*Accepted*: the sender was told that all is well (201; emit() returned). *Lost*: deliveries of",
        "accepted messages that never came. *Working again*: share of the last ten seconds' messages",
        "that were accepted and delivered.",
        "",
        "| side | messages | accepted | deliveries owed | lost | latest | working again |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.side} | {one.messages:,} | {one.accepted:,} | {one.owed:,} | **{one.lost:,}** |"
        f" {one.latest_seconds:.1f} s | {one.share_at_the_end:.0%} |"
        for one in found.restarts
    ]
    lines += [
        "",
        f"{pages.made_by(found.command, found.started_at, found.machine, found.waited)}; {versions}.",
    ]
    return "\n".join(lines) + "\n"
