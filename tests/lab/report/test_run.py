"""The page of a run: whole, offline, escaped, and void where the run is."""

import re
from dataclasses import replace

import pytest

from lab.report import run
from tests.lab.report import made_up_runs


@pytest.fixture(scope="module")
def page() -> str:
    return run.html(made_up_runs.run())


def test_the_page_needs_nothing_from_outside(page: str) -> None:
    outside = re.findall(r'(?:src|href|xlink:href)="(?!#)[^"]*"|@import|url\((?!#)[^)]*\)', page)
    assert outside == []
    assert "<script" not in page


def test_what_runs_were_told_is_only_text(page: str) -> None:
    assert "Is &lt;b&gt;this&lt;/b&gt; escaped?" in page
    assert "It &amp; everything else is." in page


def test_every_picture_is_there_with_words_for_who_cannot_see_it(page: str) -> None:
    assert page.count("<svg") == 5
    assert len(re.findall(r'<svg [^>]*role="img"><title>[^<]+</title>', page)) == 5


def test_ids_are_used_once(page: str) -> None:
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for target in re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', page):
        assert (target[0] or target[1]) in ids


def test_colours_follow_the_reader(page: str) -> None:
    assert "prefers-color-scheme:dark" in page
    drawings = "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))
    assert re.findall(r"#[0-9a-f]{6}\b", drawings) == []


def test_an_invalid_run_claims_nothing() -> None:
    page = run.html(made_up_runs.invalid_run())
    assert "✗ INVALID" in page
    assert "VALID</b>" in page
    assert "✓ VALID" not in page
    assert 'class="tiles void"' in page
    assert "its lag p99 was 30 ms" in page


def test_settings_that_differ_between_processes_stand_apart() -> None:
    common, own = run.settings_of(made_up_runs.run().settings)
    assert common == {"event_loop": "uvloop", "group_commit": "on"}
    assert own == {"pool_size": {"backend-1": "10", "backend-2": "5"}}


def test_a_percentile_without_enough_samples_says_so(page: str) -> None:
    assert "too few" in page


def test_a_run_without_figures_still_makes_a_page() -> None:
    nothing = replace(
        made_up_runs.run(), latencies=[], parts=[], hops=[], processes=[], settings={},
        timeline=run.Timeline({}, {}, {}),
    )  # fmt: skip
    page = run.html(nothing)
    assert "<svg" not in page
    assert "did not keep hop times" in page
