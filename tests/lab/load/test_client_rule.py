"""The client rule: whatever order and number of copies the wire brings, each message once and in order."""

from hypothesis import given
from hypothesis import strategies as st

from lab.load.client_rule import DialogView


@given(st.integers(0, 5), st.data())
def test_any_order_with_any_copies_is_applied_once_and_in_order(last, data):
    count = data.draw(st.integers(1, 12))
    wanted = list(range(last + 1, last + count + 1))
    extra = data.draw(st.lists(st.integers(1, last + count), max_size=10))
    arriving = data.draw(st.permutations(wanted + extra))
    applied: list[int] = []
    view: DialogView[int] = DialogView(last)
    for seq in arriving:
        view.offer(seq, seq, lambda seq, _: applied.append(seq))
    assert applied == wanted
    assert not view.held


def test_message_after_a_gap_waits():
    applied: list[str] = []
    view: DialogView[str] = DialogView(4)
    assert view.offer(6, "six", lambda _, text: applied.append(text)) == "gap"
    assert applied == []
    assert view.offer(6, "six again", lambda _, text: applied.append(text)) == "known"
    assert view.offer(5, "five", lambda _, text: applied.append(text)) == "next"
    assert applied == ["five", "six"]


def test_first_message_of_an_unknown_dialog_sets_the_position():
    view: DialogView[int] = DialogView(None)
    assert view.offer(17, 17, lambda *_: None) == "next"
    assert view.offer(16, 16, lambda *_: None) == "known"
