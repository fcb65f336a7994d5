"""`lab replicas promote --output`: the figures of a promotion as a file."""

import json
from pathlib import Path

import msgspec

from lab.commands.replicas import write
from lab.faults.observation import pause_seconds
from lab.load.record import load
from lab.stack.promotion import Promotion

RECORD = load(Path(__file__).parents[1] / "load" / "example_record.json")
PROMOTION = Promotion("replica-1", planned=False, down_seconds=1.5, lost_bytes=0, rejoin_seconds=2.0)


def test_the_file_has_what_the_promotion_took_and_what_became_of_the_load(tmp_path):
    write(tmp_path / "new" / "one.json", PROMOTION, RECORD)
    found = json.loads((tmp_path / "new" / "one.json").read_text())
    assert found["promotion"]["down_seconds"] == 1.5
    assert found["sends"] == RECORD.total.sent
    assert found["ledger"]["acknowledged"] == RECORD.ledger.acknowledged
    write(tmp_path / "alone.json", PROMOTION, None)
    assert set(json.loads((tmp_path / "alone.json").read_text())) == {"promotion"}


def test_a_pause_is_the_longest_row_of_seconds_without_a_good_answer():
    template = RECORD.seconds[0]
    seconds = [msgspec.structs.replace(template, offered=5, ok=ok) for ok in (5, 0, 5, 0, 0, 0, 5, 0)]
    assert pause_seconds(msgspec.structs.replace(RECORD, seconds=seconds)) == 3
    idle = [msgspec.structs.replace(template, offered=0, ok=0)] * 4
    assert pause_seconds(msgspec.structs.replace(RECORD, seconds=idle)) == 0
