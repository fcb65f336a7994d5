"""The end report of a change: what it calls lost, in words, as an exit and on its page."""

from dataclasses import replace

import msgspec
import pytest

from lab.errors import VoidResult
from lab.shards.account import rows, write_page
from lab.shards.meanwhile import Meanwhile
from lab.shards.steps import judge
from lab.shards.watch import Account
from tests.lab.shards.made_up import RECORD, WELL


@pytest.mark.parametrize(
    ("account", "lost"),
    [
        (WELL, 0),
        (replace(WELL, lost_after=3), 3),
        (replace(WELL, lost_before=3, lost_after=3), 0),
        # A shard of dialogs and their messages went together: no seq is missing.
        (replace(WELL, messages_after=940), 60),
    ],
)
def test_holes_and_missing_rows_are_a_loss_wherever_it_is_told(tmp_path, account: Account, lost: int):
    page = write_page(account, Meanwhile(), tmp_path / "page.html").read_text()
    assert ("Messages were lost." in page) == bool(lost)
    assert ("No message was lost." in page) == (not lost)
    if not lost:
        judge("drain", account, Meanwhile())
        return
    with pytest.raises(VoidResult, match=f"{lost} messages were lost during: drain"):
        judge("drain", account, Meanwhile())


def test_the_rows_of_a_load_stand_beside_what_it_was_told():
    ledger = msgspec.structs.replace(RECORD.ledger, acknowledged=48)
    beside = Meanwhile(msgspec.structs.replace(RECORD, ledger=ledger))
    assert dict(rows(WELL, beside))["messages"] == "1,000 before, 1,050 after: +50, of them 48 acknowledged"
    assert dict(rows(WELL, Meanwhile()))["messages"] == "1,000 before, 1,050 after"
