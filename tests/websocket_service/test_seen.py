"""What was heard of, against a plain set of numbers."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from websocket_service.seen import LONGEST_GAP, Seen

DIALOG = UUID(int=1)
SEQS = st.lists(st.integers(1, 40), max_size=60)


@given(SEQS)
def test_a_seq_is_a_duplicate_exactly_when_it_was_noted_before(seqs: list[int]):
    seen, noted = Seen(), set()
    for seq in seqs:
        assert (seen.note(DIALOG, seq) == "duplicate") == (seq in noted)
        noted.add(seq)


@given(SEQS, st.integers(1, 40), st.integers(1, 40))
def test_holes_are_what_was_not_noted(seqs: list[int], one: int, other: int):
    seen = Seen()
    for seq in seqs:
        seen.note(DIALOG, seq)
    first, last = sorted((one, other))
    holes = list(seen.holes(DIALOG, first, last))
    listed = [seq for start, stop in holes for seq in range(start, stop + 1)]
    assert listed == [seq for seq in range(first, last + 1) if seq not in seqs]


def test_words_for_what_comes():
    seen = Seen()
    assert [seen.note(DIALOG, seq) for seq in (5, 6, 9, 7, 4, 6)] == [
        *("new", "new", "gap", "reordered", "reordered", "duplicate")
    ]


def test_a_huge_jump_takes_no_memory():
    seen = Seen()
    seen.note(DIALOG, 1)
    assert seen.note(DIALOG, 2 + LONGEST_GAP) == "gap"
    assert seen.note(DIALOG, 10**15) == "gap"
    assert list(seen.holes(DIALOG, 10**15, 10**15)) == []


def test_dialogs_that_went_quiet_are_forgotten():
    seen = Seen()
    seen.note(DIALOG, 1)
    seen.forget(60)
    assert len(seen) == 1
    seen.forget(-1)
    assert len(seen) == 0
