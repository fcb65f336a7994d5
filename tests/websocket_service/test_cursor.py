"""Cursors: written and read back, and anything else refused."""

from hypothesis import given
from hypothesis import strategies as st

from websocket_service.cursor import Cursor, parse


@given(
    st.builds(
        Cursor,
        st.binary(min_size=8, max_size=8),
        st.floats(0, 1e10),
        st.binary(min_size=8, max_size=8),
        st.integers(0, 2**63),
    )
)
def test_a_cursor_is_read_as_it_was_written(cursor: Cursor):
    assert parse(cursor.text()) == cursor


@given(st.one_of(st.text(), st.binary().map(lambda data: data.decode("latin-1"))))
def test_any_text_is_a_cursor_or_none(text: str):
    assert parse(text) is None or parse(text).time >= 0  # type: ignore[union-attr]


@given(st.sampled_from([float("nan"), float("inf"), -1.0, 1e300]))
def test_an_impossible_time_is_none(time: float):
    assert parse(Cursor(bytes(8), time, bytes(8), 0).text()) is None
