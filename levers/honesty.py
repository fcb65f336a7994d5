"""Which `dishonest_if` is true of the results at hand, as far as the plans of their pulls can tell."""

from collections.abc import Mapping, Sequence
from typing import Any

Plans = Sequence[Mapping[str, Any]]

TINY_CHARACTERS = 200  # with all that is around it a few hundred bytes: headers and calls are the price
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
