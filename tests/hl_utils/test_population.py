"""The made-up rows: repeatable, whole, skewed. No database."""

import uuid

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hl_utils.copy_text import escaped, password_hash, tables
from hl_utils.population import Plan, Population
from hl_utils.words import words
from wire.message import CONTENT_MAX_CHARACTERS, dialog_id_of


def _bytes(plan: Plan) -> list[bytes]:
    hashed = password_hash("password", plan.seed)
    return [b"".join(table.blocks()) for table in tables(Population(plan), words(plan.seed, "en_US"), hashed)]


def _rows(plan: Plan) -> list[list[list[str]]]:
    return [[line.split("\t") for line in text.decode().splitlines()] for text in _bytes(plan)]


def test_same_seed_gives_the_same_bytes() -> None:
    assert _bytes(Plan(50, 40, 300, seed=7)) == _bytes(Plan(50, 40, 300, seed=7))


def test_another_seed_gives_other_rows() -> None:
    ours, others = _bytes(Plan(50, 40, 300, seed=7)), _bytes(Plan(50, 40, 300, seed=8))
    assert all(a != b for a, b in zip(ours, others, strict=True))


def test_a_second_run_of_one_seed_makes_new_message_ids() -> None:
    first, second = (_rows(Plan(50, 40, 300, first_id=start))[2] for start in (1, 51))
    assert {row[2] for row in first}.isdisjoint({row[2] for row in second})


@settings(max_examples=40, deadline=None)
@given(users=st.integers(2, 40), part=st.floats(0, 1), extra=st.integers(0, 200), seed=st.integers(0, 9))
def test_any_plan_gives_different_pairs_and_gapless_sequences(
    users: int, part: float, extra: int, seed: int
) -> None:
    dialogs = max(1, int(part * users * (users - 1) // 2))
    population = Population(Plan(users, dialogs, dialogs + extra, seed, first_id=5))
    low, high = population.pairs
    assert len(set(zip(low.tolist(), high.tolist(), strict=True))) == dialogs
    assert (low < high).all()
    assert low.min() >= 5
    assert high.max() < 5 + users
    said = population.messages(10)
    assert len(said.seq) == dialogs + extra
    assert (np.diff(said.at_microseconds) >= 0).all(), "rows come in the order of time"
    for dialog, last in enumerate(population.last_seq.tolist()):
        assert said.seq[said.dialog == dialog].tolist() == list(range(1, last + 1))


def test_message_rows_name_their_dialog_and_carry_a_version_7_id_of_their_time() -> None:
    for dialog_id, _seq, id_, sender, receiver, content, at in _rows(Plan(30, 20, 400))[2]:
        assert uuid.UUID(dialog_id) == dialog_id_of(int(sender), int(receiver))
        identity = uuid.UUID(id_)
        assert identity.version == 7
        assert identity.variant == uuid.RFC_4122
        assert np.datetime64(identity.int >> 80, "ms") == np.datetime64(at.removesuffix("+00"), "ms")
        assert 0 < len(content) <= CONTENT_MAX_CHARACTERS


def test_a_few_dialogs_and_users_carry_most_messages() -> None:
    population = Population(Plan(10_000, 10_000, 200_000))
    sizes = np.sort(population.last_seq)[::-1]
    assert sizes[:1000].sum() > sizes.sum() / 2
    assert np.median(sizes) < sizes.mean() / 2
    talks = np.sort(np.bincount(np.concatenate(population.pairs)))[::-1]
    assert talks[:1000].sum() > 0.4 * talks.sum()


@pytest.mark.parametrize(
    ("users", "dialogs", "messages", "said"),
    [(0, 0, 0, "--users 0"), (3, 4, 9, "0 to 3"), (3, 0, 1, "no dialog"), (3, 2, 1, "at least one")],
)
def test_impossible_plans_are_refused_with_what_was_expected(
    users: int, dialogs: int, messages: int, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        Plan(users, dialogs, messages)


def test_unknown_locale_is_refused_with_near_ones() -> None:
    with pytest.raises(ValueError, match="de_DE"):
        words(1, "de_XX")


def test_copy_text_escapes_what_would_end_a_value_or_a_row() -> None:
    assert escaped("a\tb\\c\nd\r") == "a\\tb\\\\c\\nd\\r"
