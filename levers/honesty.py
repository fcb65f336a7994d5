"""Which `dishonest_if` is true of the results at hand, as far as the plans of their pulls can tell.

A plan brings along what the processes of its sides counted, where they did: `acquire_wait_ms`,
`hints_at_once`, `refetches_per_1k` ..., each as (median of A, median of B).
"""

from collections.abc import Mapping, Sequence
from typing import Any

Plans = Sequence[Mapping[str, Any]]

TINY_CHARACTERS = 200  # with all that is around it a few hundred bytes: headers and calls are the price
PARTITIONS = 64  # of ROUTING=partition
SERVICES = 2  # websocket services of a pull of the routing
ACK_SECONDS = 0.001  # about what a hint and its acknowledgement take to and from a broker on the same machine
BATCHES_FROM = 1_000  # hints a second on one publisher: below it hardly 1.4 share a message on RabbitMQ
LITTLE_WAIT_MS = 0.05  # in the mean of all operations; a full pool costs whole queries, of about 1 ms
FEW_AT_ONCE = 1.5  # hints in the mean; below it most have nobody to share a message with
MOSTLY_HITS = 0.9  # share of look-ups; a cache that forgets as often as others' do answers fewer
SMALL_TABLE_ROWS = 1_000_000  # below it a table is far from filling any memory


def one_rate(plans: Plans) -> str:
    """Something whose gain grows with what arrives together was shown at one rate."""
    rates = {float(plan["rate"]) for plan in plans}
    return f"it is shown at {rates.pop():g}/s only" if len(rates) == 1 else ""


def tiny_messages(plans: Plans) -> str:
    """No message was long enough for its bytes to matter."""
    longest = max((int(plan["content_characters"]) for plan in plans), default=TINY_CHARACTERS + 1)
    return f"no message was longer than {longest:,} characters" if longest <= TINY_CHARACTERS else ""


def small_table(plans: Plans) -> str:
    """All rows were in memory."""
    most = max((int(plan["messages"]) for plan in plans), default=SMALL_TABLE_ROWS)
    return f"the table had {most:,} rows, all of them in memory" if most < SMALL_TABLE_ROWS else ""


def users_everywhere(plans: Plans) -> str:
    """Without a proxy that sorts users, each service had some of most partitions."""
    listening = [int(plan["receivers"]) for plan in plans if plan["mode"] == "multi"]
    share = 1 - (1 - 1 / PARTITIONS) ** (max(listening, default=0) / SERVICES)
    return f"in mode multi each service had users of {share:.0%} of the partitions" if share > 0.5 else ""


def hot_and_never_stale(plans: Plans) -> str:
    """Nearly every look-up was answered by the cache, and nothing that was cached could become old."""
    if not plans:
        return ""
    share = max((float(one) for plan in plans for one in plan.get("cache_hit_share", ())), default=0.0)
    hot = f"the cache answered {share:.0%} of the look-ups, and " if share >= MOSTLY_HITS else ""
    return f"{hot}staleness is not shown, nobody changes a profile while the look-ups run"


def nothing_waits(plans: Plans) -> str:
    """No message came before the one in front of it could be acknowledged."""
    rate = max((_messages_a_second(plan) for plan in plans), default=1 / ACK_SECONDS)
    if rate * ACK_SECONDS >= 1:
        return ""
    gap = f"{1000 / rate:.1f} ms"
    return f"at {rate:.3g} messages/s one comes every {gap}, and an acknowledgement takes about one"


def _messages_a_second(plan: Mapping[str, Any]) -> float:
    """To the broker: hints that are there at once share one, where they may."""
    alone = plan.get("held", {}).get("HINTS_PER_MESSAGE") == "1"
    return float(plan["rate"]) / (1 if alone else min(map(float, plan.get("hints_at_once", (1,)))))


def pool_never_full(plans: Plans) -> str:
    """On no side an operation had to wait for a connection: then none had too few."""
    waits = [float(wait) for plan in plans for wait in plan.get("acquire_wait_ms", ())]
    if not waits or max(waits) >= LITTLE_WAIT_MS:
        return ""
    return (
        f"an operation waited {max(waits):.3f} ms for a connection at most, in the mean of a side: "
        "no pool was full, and the size of one that is not cannot be told from another"
    )


def no_batch(plans: Plans) -> str:
    """Hints came so far apart that each had a message of its own on both sides."""
    counted = [float(number) for plan in plans for number in plan.get("hints_at_once", ())]
    if counted:
        most = max(counted)
        return "" if most >= FEW_AT_ONCE else f"{most:.1f} hints were there at once, in the mean, at most"
    rate = max((float(plan["rate"]) for plan in plans), default=BATCHES_FROM)
    if rate >= BATCHES_FROM:
        return ""
    return (
        f"at {rate:g}/s hardly two hints share a message, 1.1 of them at 250/s on one publisher and 1.4 at "
        "1,000/s (docs/results/broker.md), and both values do nearly the same"
    )


def few_meet(plans: Plans) -> str:
    """In the longest interval that was pulled hardly two hints met."""
    longest = max(
        (max(map(float, plan["values"])) * float(plan["rate"]) for plan in plans), default=FEW_AT_ONCE
    )
    if longest >= FEW_AT_ONCE:
        return ""
    return f"{longest:.1f} hints come in an interval, in the mean, so that hardly two meet"


def nodes_share_the_cores(plans: Plans) -> str:
    """What a pull says of nodes is their price where they have one machine, in CPU or in time."""
    return (
        "all nodes share the cores of one machine: what they cost is shown, not how fast they are"
        if plans
        else ""
    )


def nothing_replicated(plans: Plans) -> str:
    """A pull of the queue type has one node: the benefit of a majority is in no figure."""
    return "one node ran: a quorum queue had its price there, and nothing was replicated" if plans else ""


def relief_unseen(plans: Plans) -> str:
    """The work of a read is counted wherever it is done, so that what the primary saves is in no figure."""
    return (
        "a read is charged to who asked for it, on either server: relief of the primary is in no figure"
        if plans
        else ""
    )


def refetches_uncounted(plans: Plans) -> str:
    """Of a side that fetches contents nobody counted how often."""
    known = any(plan.get("refetches_per_1k") for plan in plans)
    return (
        "" if known or not plans else "what the refetches cost is in the CPU of all, how many there were not"
    )
