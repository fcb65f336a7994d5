"""JSON or msgpack for hints on the broker?

Problem: binary formats are smaller and quicker on paper. Between processes that use a compiled codec the
difference in CPU is small, and the bytes never leave the host.

Plain way, `json`: text that a person can read off the wire. Costs: a third more bytes, uuids as text.
Fails on nothing.

`msgpack`: binary, uuids as 16 bytes. Costs: a tool to look at it. Fails in a rolling update if one
side does not know it yet.

Different when: payloads are large and numeric, or the link is metered; on one-word messages there is
nothing to gain, and a run shows that too.
"""

from levers.honesty import tiny_messages
from levers.lever import Lever

LEVER = Lever(
    name="encoding",
    question="JSON or msgpack for hints on the broker?",
    env="ENCODING",
    values=("json", "msgpack"),
    processes=("backend", "websocket"),
    restarts=("backend", "websocket"),
    design="abab",
    metric="cpu_per_1k_total",
    expected="down",
    because="fewer bytes to write, copy and parse",
    sources=("P6",),
    claim="msgpack is faster than JSON",
    dishonest_if="only tiny or only huge payloads are sent",
    also=("cpu_per_1k", "delivery_p50", "delivery_p99"),
    applies=tiny_messages,
)
