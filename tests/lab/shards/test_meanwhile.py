"""The spans of a load around a change, from the file of its messages' ways."""

from pathlib import Path

import pytest

from lab.shards.account import refused, words
from lab.shards.meanwhile import windows

HEAD = "number,id,dialog_id,seq,from_user_id,to_user_id,status,device,user_id,intended,sent,answered\n"


def ways(path: Path, *sends: tuple[float, float, int]) -> Path:
    """A file of sends: due, answered (0: never), status. Each was received by two devices."""
    lines = [
        f"{number},i,d,1,1,2,{status},{device},2,{due},{due},{answered or ''}\n"
        for number, (due, answered, status) in enumerate(sends)
        for device in (1, 2)
    ]
    path.write_text(HEAD + "".join(lines))
    return path


def test_a_send_counts_once_in_the_span_in_which_it_was_due(tmp_path):
    file = ways(tmp_path / "w", (10.5, 10.6, 201), (19.9, 22.0, 201), (20.1, 20.2, 200), (31.0, 31.5, 201))
    before, during, after = windows(file, (10, 20, 30, 40))
    assert [one.sends for one in (before, during, after)] == [2, 1, 1]
    assert before.slowest == pytest.approx(2.1)
    assert during.p99 == pytest.approx(0.1)
    assert (before.seconds, during.seconds, after.seconds) == (10, 10, 10)


def test_what_was_refused_is_counted_by_answer_over_its_time_and_is_in_no_latency(tmp_path):
    file = ways(tmp_path / "w", (21.0, 21.1, 503), (22.0, 0, -1), (24.0, 24.1, 503), (25.0, 25.2, 201))
    _, during, _ = windows(file, (10, 20, 30, 40))
    assert during.refused == {"503": 2, "timeout": 1}
    assert during.refused_seconds == 3.0
    assert during.slowest == pytest.approx(0.2)
    assert refused(during) == "refused 2 x 503, 1 x timeout within 3.0 s"


def test_a_span_without_an_answer_says_so(tmp_path):
    before, during, _ = windows(ways(tmp_path / "w", (21.0, 0, -1)), (10, 20, 30, 40))
    assert words(before) == "0 in 10.0 s, none answered; none refused"
    assert words(during) == "1 in 10.0 s, none answered; refused 1 x timeout within 0.0 s"
