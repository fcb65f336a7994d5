"""The spans of a load around a change, from the file of its requests."""

from pathlib import Path

import pytest

from lab.shards.account import refused, words
from lab.shards.fared import SPANS, Second, Window, read, seconds, windows

TIMES = (10.0, 20.0, 30.0, 40.0)


def asked(path: Path, *requests: tuple[str, float, float, int]) -> Path:
    """A file of requests: operation, due, answered (nan: never), status."""
    lines = [",".join(map(str, request)) for request in requests]
    path.write_text("\n".join(["operation,intended,answered,status", *lines]) + "\n")
    return path


def of(what: str, file: Path) -> list[Window]:
    found = [one for one in windows(read(file), TIMES) if one.what == what]
    assert tuple(one.name for one in found) == SPANS
    return found


def test_a_request_counts_in_the_span_in_which_it_was_due_and_with_its_kind(tmp_path):
    file = asked(
        tmp_path / "a",
        *(("send", 10.5, 10.6, 201), ("send", 19.9, 22.0, 201), ("send", 20.1, 20.2, 200)),
        *(("list", 20.5, 20.9, 200), ("dialogs", 31.0, 31.5, 200)),
    )
    before, during, after = of("sends", file)
    assert [one.requests for one in (before, during, after)] == [2, 1, 0]
    assert before.slowest == pytest.approx(2.1)
    assert during.p99 == pytest.approx(0.1)
    assert (before.seconds, during.seconds, after.seconds) == (10, 10, 10)
    assert [one.requests for one in of("pages", file)] == [0, 1, 0]
    assert [one.requests for one in of("lists of dialogs", file)] == [0, 0, 1]


def test_what_was_refused_is_counted_by_answer_over_its_time_and_is_in_no_latency(tmp_path):
    nan = float("nan")
    file = asked(
        tmp_path / "a",
        *(("send", 21.0, 21.1, 503), ("send", 22.0, nan, -1)),
        *(("send", 24.0, 24.1, 503), ("send", 25.0, 25.2, 201)),
    )
    during = of("sends", file)[1]
    assert during.refused == {"503": 2, "timeout": 1}
    assert during.refused_seconds == 3.0
    assert during.slowest == pytest.approx(0.2)
    assert refused(during) == "2 x 503, 1 x timeout within 3.0 s"
    assert words(during).endswith("slowest 200 ms; refused 2 x 503, 1 x timeout within 3.0 s")


def test_a_span_without_an_answer_says_so(tmp_path):
    before, during, _ = of("sends", asked(tmp_path / "a", ("send", 21.0, float("nan"), -1)))
    assert words(before) == "0 in 10.0 s, none answered; none refused"
    assert words(during) == "1 in 10.0 s, none answered; refused 1 x timeout within 0.0 s"


def test_each_second_has_its_p99_and_its_refusals_for_each_kind(tmp_path):
    file = asked(
        tmp_path / "a",
        *(("send", 9.9, 10.0, 201), ("send", 10.2, 10.7, 201), ("send", 10.9, 11.0, 503)),
        *(("dialogs", 12.0, float("nan"), -1), ("send", 39.5, 39.6, 201)),
    )
    first, last = seconds(read(file), 10.0, 39.4)
    assert (first.what, first.at, first.refused) == ("sends", 0, 1)
    assert first.p99 == pytest.approx(0.5)
    assert last == Second("lists of dialogs", 2, None, 1)
