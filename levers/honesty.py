"""Which `dishonest_if` is true of the results at hand, as far as the plans of their pulls can tell.

A plan may bring along what its pull counted: `acquire_wait_ms` of each side, where that was measured.
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


def staleness_unseen(plans: Plans) -> str:
    """Nothing that was cached could become old."""
    return "staleness is not shown, nobody changes a profile while the look-ups run" if plans else ""


def nothing_waits(plans: Plans) -> str:
    """No hint came before the one in front of it could be acknowledged."""
    rate = max((float(plan["rate"]) for plan in plans), default=1 / ACK_SECONDS)
    if rate * ACK_SECONDS >= 1:
        return ""
    return f"at {rate:g}/s a hint comes every {1000 / rate:.1f} ms, and an acknowledgement takes about one"


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
    rate = max((float(plan["rate"]) for plan in plans), default=BATCHES_FROM)
    if rate >= BATCHES_FROM:
        return ""
    return (
        f"at {rate:g}/s hardly two hints share a message, 1.1 of them at 250/s on one publisher and 1.4 at "
        "1,000/s (docs/results/broker.md), and both values do nearly the same"
    )
