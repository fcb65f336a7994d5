"""Should the hint carry the whole message, or only say that there is one?

Problem: a notification without content keeps the broker light and makes every receiver ask the database.

Plain way, `full`: the message travels in the hint. Costs: bytes on the broker, once a process. Fails to
be light at payload limits: beyond 8,000 bytes a NOTIFY is cut into pieces.

`notify`: all but the content travels. Costs: a query for each hint in the websocket service.
Fails as a thundering refetch: a busy dialog makes every device's process ask at once.

Different when: messages are large and most receivers are away.
"""

from levers.honesty import refetches_uncounted
from levers.lever import Lever

LEVER = Lever(
    name="payload",
    question="Should the hint carry the whole message, or only say that there is one?",
    env="PAYLOAD",
    values=("full", "notify"),
    processes=("backend", "websocket"),
    restarts=("backend", "websocket"),
    design="abab",
    metric="cpu_per_1k_total",
    expected="up",
    because="bytes saved on the broker come back as queries",
    sources=("P7",),
    claim="tell only the type and let the client refetch",
    dishonest_if="the refetches are not counted",
    also=("cpu_per_1k", "delivery_p50", "delivery_p99"),
    applies=refetches_uncounted,
)
