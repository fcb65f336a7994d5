"""One row of the failure table: what is broken, for how long, and what may be noticed of it."""

from typing import Any, Literal

import msgspec

Server = Literal["rabbitmq", "haproxy"]


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fault and its bounds. Asserted where loses_seconds is 0: nothing lost, twice or out of order.

    `begin` and `mend` are a verb and its objects (lab/faults/verbs.py); what the supervisor restarts needs no
    mending. `late_seconds` is how late a message may be after it was meant to be sent.
    """

    name: str
    what: str
    sender: str  # expected, in words
    recipient: str
    begin: str
    mend: str = ""
    lasts_seconds: float = 0.0
    late_seconds: float
    back_seconds: float | None = None  # what was killed serves again within; None: RabbitMQ takes its time
    polled_seconds: float | None = None  # the same of what is sent after the sweep and before the mending
    sends_may_wait: bool = False  # a send may be slower than the client's own time limit
    # The price of the row's levers: what was acknowledged in so many seconds may be gone. Its number is given
    # to another message then, so that devices disagree: that is counted, and has no bound.
    loses_seconds: float = 0.0
    closes: frozenset[str] = frozenset()  # the codes that clients may see; any other breaks the row
    watch_seconds: float = 6.0  # load goes on for so long after the mending
    needs: frozenset[Server] = frozenset()
    nodes: int = 1  # RabbitMQ nodes
    front: bool = False  # proxies that misbehave stand before and behind HAProxy as well
    queries_factor: float | None = None  # the database may be asked so many times its usual number
    quick: bool = False  # part of the short lane
    load: dict[str, Any] = {}  # how its load differs: fields of LoadPlan
    levers: dict[str, str] = {}  # how its stack differs: settings of all services
