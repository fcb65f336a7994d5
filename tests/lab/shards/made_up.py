"""A change that went well, as if it had been done."""

from pathlib import Path

from lab.load.record import load
from lab.shards.cluster import Moves, Node
from lab.shards.watch import Account, Sample

RECORD = load(Path(__file__).parents[1] / "load" / "example_record.json")
WORKER = Node("127.0.0.1", 7001, coordinator=False, active=True, wanted=True, shards=8, bytes=10)
WELL = Account(
    "drain 7002",
    samples=[Sample(at, [WORKER], Moves(0, 0, 0, "", None)) for at in (0.0, 2.0)],
    seconds=2.0,
    messages_before=1000,
    messages_after=1050,
)
