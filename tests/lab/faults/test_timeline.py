"""The picture of a fault: lines at their heights, broken where nothing was measured, and the fault marked."""

import re
from xml.etree import ElementTree

from lab.faults.timeline import GAP, HIGH, LEFT, RIGHT, TOP, timeline

MIDDLE = (LEFT + RIGHT) / 2


def drawn(**changes) -> str:
    lines = {
        "rates": {"answered": [0, 50, 100]},
        "latencies": {"p99": [0.001, None, 0.1]},
        "counts": {"failed": [0, 0, 0], "open": [4, 4, 4]},
        "marks": [(1.0, "fault <here>")],
    }
    return timeline(**{**lines, **changes})


def lines(svg: str, number: int) -> list[str]:
    return re.findall(rf'class="line{number}" d="([^"]+)M', svg)


def test_a_rate_is_drawn_between_zero_and_its_highest():
    assert lines(drawn(), 1)[0] == f"M{LEFT} {TOP + HIGH}L{MIDDLE:.0f} {TOP + HIGH // 2}L{RIGHT} {TOP}"


def test_latency_is_logarithmic_and_breaks_where_there_is_none():
    top = TOP + HIGH + GAP
    assert lines(drawn(), 1)[1] == f"M{LEFT} {top + HIGH}M{RIGHT} {top}"
    assert ">100</text>" in drawn() and ">1</text>" in drawn()


def test_a_mark_stands_at_its_second_with_its_word():
    assert f'class="mark" d="M{MIDDLE:.0f} {TOP}V' in drawn() and "fault &lt;here&gt;" in drawn()


def test_whatever_was_measured_makes_a_picture():
    for values in ([], [None, None], [0.0], [0.0] * 4000):
        svg = drawn(rates={"a": values}, latencies={"b": values}, counts={}, marks=[])
        assert ElementTree.fromstring(svg).tag == "svg"
        assert len(re.findall('text-anchor="middle"', svg)) < 100
