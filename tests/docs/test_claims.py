"""Every figure of docs/results/claims.md stands in a page that its line links to."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

RESULTS = Path(__file__).parents[2] / "docs" / "results"
LINK = re.compile(r"\((?!http)([^()#\s]+\.(?:md|json))\)")
NUMBER = r"\d[\d,]*(?:\.\d+)?"
SHARE = re.compile(rf"[+-]?{NUMBER}(?:x| ?%)")  # stands there with its sign and its unit
THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
WITH_UNIT = re.compile(
    rf"(?<![\d.,])({NUMBER})(?![\d.])(?: to ({NUMBER}))? ?(?:ms|s|MiB|times|\w*/s|(?:\w+ )?a second)\b"
)
HISTORY = re.compile(r"^## Measured more than once$.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
FORMER_CLIENT = "former AMQP client"


def passages() -> list[str]:
    """Lines of the table without what is claimed and by whom, and the paragraphs outside the table."""
    text = (RESULTS / "claims.md").read_text()
    table = [line.split("|", 3)[3] for line in text.splitlines() if line.startswith("| ")]
    prose = [part for part in text.split("\n\n") if not part.startswith(("|", "#"))]
    return [passage for passage in table + prose if figures(passage)]


def figures(passage: str) -> list[str]:
    """Shares, factors, and numbers with a thousands separator or a unit; code and links are none."""
    told = LINK.sub("", re.sub(r"`[^`]*`", "", passage))
    units = [number for found in WITH_UNIT.findall(told) for number in found if number]
    return list(dict.fromkeys([*SHARE.findall(told), *THOUSANDS.findall(told), *units]))


def stands(figure: str, page: str) -> bool:
    """Whether it is there as a number of its own: 4.2% is not in 14.2%, nor 40 in 40.5. 2,000 is 2000 too."""
    words = rf"{re.escape(figure)}|{re.escape(figure.replace(',', ''))}"
    return bool(re.search(rf"(?<![\d.,])(?:{words})(?!\d|[.,]\d)", page))


def links(passage: str) -> list[Path]:
    return [RESULTS / target for target in LINK.findall(passage)]


def text_of(page: Path) -> str:
    """A page without its history: a claim rests on the present results, not on superseded ones."""
    return HISTORY.sub("", page.read_text())


def figures_of(page: Path) -> list[Path]:
    """The files of figures behind a page: those it links to, and the one of its name."""
    linked = [page.parent / target for target in LINK.findall(text_of(page)) if target.endswith(".json")]
    return [path for path in (*linked, page.with_suffix(".json")) if path.exists()]


def settings_in(raw: Any) -> Iterator[dict[str, Any]]:
    """What the processes reported that they use, wherever it is in the file."""
    if isinstance(raw, dict):
        if "broker" in raw and "routing" in raw:
            yield raw
        for value in raw.values():
            yield from settings_in(value)
    elif isinstance(raw, list):
        for value in raw:
            yield from settings_in(value)


def by_the_former_client(page: Path) -> bool:
    """Whether something on the page was measured over RabbitMQ before AMQP_CLIENT was there to report."""
    told = [one for path in figures_of(page) for one in settings_in(json.loads(path.read_text()))]
    return any(one["broker"] == "rabbitmq" and "amqp_client" not in one for one in told)


@pytest.mark.parametrize("passage", passages())
def test_a_figure_is_in_a_page_that_its_line_links_to(passage):
    assert links(passage), "a figure without a page"
    pages = [text_of(path) for path in links(passage)]
    missing = [one for one in figures(passage) if not any(stands(one, page) for page in pages)]
    assert not missing


@pytest.mark.parametrize("passage", passages())
def test_what_was_measured_with_the_former_client_says_so(passage):
    if any(by_the_former_client(page) for page in links(passage) if page.suffix == ".md"):
        assert FORMER_CLIENT in passage


def test_pages_of_the_former_client_are_told_from_those_of_the_present_one():
    assert by_the_former_client(RESULTS / "levers" / "balance.md")
    assert not by_the_former_client(RESULTS / "levers" / "broker.md")
    assert not by_the_former_client(RESULTS / "levers" / "event_loop.md")


def test_a_superseded_figure_is_none_of_a_page(tmp_path):
    page = tmp_path / "lever.md"
    page.write_text("# lever\n\n+1.0 %\n\n## Measured more than once\n\n+2.0 %\n\n## Different\n\n+3.0 %\n")
    assert [stands(one, text_of(page)) for one in ("+1.0 %", "+2.0 %", "+3.0 %")] == [True, False, True]


@pytest.mark.parametrize(
    ("passage", "found"),
    [
        ("stored 10,391 to 15,497 messages/s", ["10,391", "15,497"]),
        ("2,098 of 2,098 answered, slowest 0.56 s", ["2,098", "0.56"]),
        ("-11.7 % (-13.5 % to -5.9 %), 5.8x", ["-11.7 %", "-13.5 %", "-5.9 %", "5.8x"]),
        ("from 3.05 to 105 ms, 353/s, 31.1 times", ["3.05", "105", "353", "31.1"]),
        ("at 700 a second, 2,000 messages a second", ["700", "2,000"]),
        ("240 sends/s in mode `multi --rate 1,000` with four services ([a](levers/a.md))", ["240"]),
    ],
)
def test_figures_are_found_with_a_separator_or_a_unit(passage, found):
    assert sorted(figures(passage)) == sorted(found)


def test_a_part_of_a_number_is_not_that_number():
    assert stands("4.2%", "at most 4.2%, no more")
    assert not any(stands(one, "14.2% and 2,098.5 and 10,391") for one in ("4.2%", "2,098", "391", "10"))


def test_what_a_delay_costs_is_said_in_milliseconds():
    (line,) = (line for line in passages() if "debounce.md" in line)
    assert re.search(r"delivery p50 from \d[\d.]* to \d[\d.]* ms", line)


def test_of_the_loop_a_tail_is_left_open_and_one_rate_follows_from_a_searched_capacity():
    (line,) = (line for line in passages() if "the standard loop costs" in line)
    assert "of p99 up to 8.3% could hide" in line and "at 1,050/s (the rate that a search" in line


def test_no_share_of_a_capacity_is_given_where_none_was_reached():
    for passage in passages():
        for target in re.findall(r"\(levers/(\w+)\.md\)", passage):
            files = sorted((RESULTS / "pulls").glob(f"{target}.*.json"))
            searched = [json.loads(path.read_text())["capacity"] or {} for path in files]
            if any(side["fails"] is None for one in searched for side in one.values() if type(side) is dict):
                assert "of its capacity" not in passage


def test_the_seeds_numbers_are_all_there():
    text = (RESULTS / "claims.md").read_text()
    for claim in ("1,000 events/s", "350 requests/s", "(2 x cores + 1)", "200 ms", "uvloop", "unix", "HUP"):
        assert claim in text
