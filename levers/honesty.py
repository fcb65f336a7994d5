"""Which `dishonest_if` is true of the results at hand, as far as the plans of their pulls can tell."""

from collections.abc import Mapping, Sequence
from typing import Any

Plans = Sequence[Mapping[str, Any]]

TINY_CHARACTERS = 200  # with all that is around it a few hundred bytes: headers and calls are the price
PARTITIONS = 64  # of ROUTING=partition
SERVICES = 2  # websocket services of a pull of the routing
ACK_SECONDS = 0.001  # about what a hint and its acknowledgement take to and from a broker on the same machine
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
