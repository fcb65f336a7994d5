"""What a sceptic would ask, answered with the run's own figures."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from lab.load.record import RunRecord
from lab.report.style.page import figures, milliseconds, share

LOCAL = ("127.0.0.1", "localhost", "::1")
SLOW_DISK = "a network disk takes 1 to 10 ms"


def questions(record: RunRecord) -> list[tuple[str, str]]:
    """(question, answer); only those that this run can answer."""
    return list(_asked(record))


def _asked(record: RunRecord) -> Iterator[tuple[str, str]]:
    total, asked = record.total, record.settings
    yield (
        "Did the load wait for the service, and so hide its worst moments?",
        f"No. Arrivals were drawn beforehand from seed {asked.seed} and sent whether or not earlier ones "
        f"were answered; {total.sent:,} of {total.offered:,} were sent, {total.dropped:,} dropped at the "
        f"limit of {asked.in_flight_limit:,} in flight. Times count from when an arrival was due.",
    )
    yield "Was the generator the limit?", _generator(record)
    yield (
        "Were failures counted as quick answers, or left out?",
        f"Neither: {sum(total.errors.values()):,} failed"
        + (f" ({', '.join(f'{name}: {n:,}' for name, n in total.errors.items())})" if total.errors else "")
        + f". A request that was not answered within {asked.timeout_seconds:g} s counts with that time.",
    )
    yield (
        "Was it cold, or just warmed up for the occasion?",
        f"The first {asked.warm_up_seconds:g} s of load are not in the figures. "
        f"{asked.users:,} users in {asked.dialogs:,} dialogs took part, picked by the seed.",
    )
    if record.pressure is not None:
        waited = record.pressure.waited
        told = "the kernel does not say" if waited is None else f"{share(waited)} of the time"
        others, all_of_them = record.pressure.cores_of_others, record.pressure.busy_cores
        yield (
            "Was the machine busy with something else?",
            f"Other programs used {figures(others, 2)} of {record.machine.cores} cores; "
            f"{figures(all_of_them, 2)} were in use by all. Some task waited for a core: {told}.",
        )
    if record.machine.disk_sync_seconds is not None:
        yield (
            "Does an acknowledged message survive a power cut here, and what does that cost?",
            "PostgreSQL syncs before it answers, unless the settings above say otherwise. A sync "
            f"took {milliseconds(record.machine.disk_sync_seconds)} here; {SLOW_DISK}, and then sends take "
            "that much longer.",
        )
    if asked.tokens == "minted":
        yield (
            "Did the users log in?",
            "No: the load made their tokens itself with the stack's secret, because a login is a password "
            "hash of about 20 ms on purpose. What a login costs is not in these figures.",
        )
    urls = [url for side in asked.sides.values() for kind in side.values() for url in kind]
    if urls and all(urlsplit(url).hostname in LOCAL for url in urls):
        yield (
            "Are receiver's and sender's clocks the same?",
            "Yes: services, load and receivers ran on one host and read one clock.",
        )
    else:
        yield (
            "Are receiver's and sender's clocks the same?",
            "Not certain: services were reached at other hosts. Latencies are from the load's own clock, "
            "which sends and receives; hop times are only as good as the hosts' clocks agree.",
        )
    yield (
        "Would it be the same tomorrow?",
        "Nobody knows from one run: it has no interval. For a claim about one setting use lab pull, which "
        "repeats, alternates, measures its own noise, and says how large a difference could still hide.",
    )


def _generator(record: RunRecord) -> str:
    words = []
    lag, own = record.total.lag, record.total.intended
    if lag.p99 is not None:
        words.append(
            f"It was {milliseconds(lag.p99)} late at its p99 (p50 of the answers: {milliseconds(own.p50)})."
        )
    used = sum(one.cpu_seconds for one in record.usage if one.kind == "generator")
    if used and record.measured_seconds:
        words.append(f"It used {share(used / record.measured_seconds)} of one core.")
    test = record.stall_test
    if test is not None:
        words.append(
            f"Before the run a server was stopped for {test.stall_seconds:g} s at {figures(test.rate)}/s: "
            f"{test.slow:,} samples were slow, {test.needed:,} had to be"
            + (": it does see a stall." if test.ok else ": it did not see the stall, so nothing counts.")
        )
    else:
        words.append("Its stall test was not run before this load.")
    return " ".join(words)
