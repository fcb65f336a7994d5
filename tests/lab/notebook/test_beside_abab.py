"""A duet and ABAB are held against each other in one count, whatever decided each."""

from dataclasses import replace
from pathlib import Path

import pytest

from lab.experiments.arrangement import arrange
from lab.experiments.trial import observations_of
from lab.notebook.beside_abab import beside_abab, both_ways, rows, spent
from lab.notebook.evidence import evidence
from lab.trials.observation import Observation
from tests.lab.experiments.fakes import plan
from tests.lab.experiments.test_trial import ALONE, TOGETHER, duet, record
from tests.lab.report.made_up_pulls import made_up


def pulled(design, a, b, at=0, noise=0.0, **changes):
    """A pull of which (API, PostgreSQL for it, another process) are known, in ms for 1,000 sends."""
    number = "" if design == "duet" else "-1"

    def detail(one: Observation):
        api, database, other = b if one.side == "b" else a
        rough = 1 + noise * (one.round % 3 - 1) * (one.side == "b")
        named = {f"backend{number}": api * rough, f"postgres for backend{number}": database * rough}
        return {**one.detail, "cpu": {**named, "websocket-1": other, "postgres, own work": other}}

    made = made_up(design=design, also=(), **changes)
    found = [replace(one, detail=detail(one)) for one in made.observations]
    return Path(f"{design}.{at}.json"), replace(made, observations=found, started_at=1.7e9 + at)


def test_only_the_api_and_what_postgresql_does_for_it_is_counted():
    cpu = {"backend-1": 500.0, "postgres for backend-1": 300.0, "websocket-1": 90.0, "postgres": 1.0}
    more = {
        "postgres for websocket-1": 40.0,
        "postgres, own work": 5.0,
        "postgres for backend-1 (shared)": 7.0,
    }
    found = Observation(0, 0, "a", 0.0, {}, 1, detail={"cpu": cpu | more})
    assert spent(found) == 800.0
    assert spent(replace(found, detail={})) is None
    assert spent(replace(found, detail={"cpu": {"backend-1": 500.0}})) is None


def test_the_names_are_those_that_a_trial_of_either_design_gives(tmp_path):
    b = next(one for one in observations_of(record(), TOGETHER, plan(), duet(tmp_path)) if one.side == "b")
    assert spent(b) == pytest.approx(b.metrics["cpu_per_1k_total"])
    whole = plan(design="abab")
    [alone] = observations_of(record(), ALONE, whole, arrange(whole, tmp_path))
    assert spent(alone) == pytest.approx((2.0 + 1.5 + 0.5) / 2_500 * 1_000_000)


def test_ratios_agree_where_only_the_other_processes_dilute_one_design():
    found = [
        pulled("duet", (600, 400, 0), (780, 520, 0), noise=0.01),
        pulled("abab", (500, 300, 800), (650, 390, 800), noise=0.01),
    ]
    (row,) = rows(found)
    assert row.startswith("| [event_loop](levers/event_loop.md) | `uvloop`, `asyncio` | 500/s | [+30.0 % (")
    assert row.count("[+30.0 % (") == 2 and row.count(", 12 pairs") == 2
    assert row.endswith("| overlap | 1,000, 800 µs a send |")


def test_intervals_that_are_apart_are_said_to_be():
    found = [pulled("duet", (6, 4, 0), (9, 6, 0)), pulled("abab", (6, 4, 0), (6, 4.4, 0))]
    assert "| do not overlap |" in rows(found)[0]


def test_pulls_at_one_rate_are_set_beside_each_other_before_newer_ones_at_two():
    figures = (6, 4, 0), (9, 6, 0)
    abab, alike = pulled("abab", *figures), pulled("duet", *figures)
    faster = pulled("duet", *figures, at=9, rate=900.0)
    assert both_ways([abab, alike, faster]) == [(alike, abab)]
    assert "| duet 900/s; ABAB 500/s |" in rows([abab, faster])[0]


def test_few_pairs_another_load_and_an_invalid_pull_are_no_comparison():
    figures = (6, 4, 0), (9, 6, 0)
    abab = pulled("abab", *figures)
    for other in (
        pulled("duet", *figures, looks=(6,)),
        pulled("duet", *figures, content_characters=2_000),
        pulled("duet", *figures, part="websocket"),
        pulled("duet", *figures, failing={4, 5, 6}),
    ):
        assert beside_abab([abab, other]) == []


def test_the_section_stands_in_the_evidence():
    figures = (6, 4, 0), (9, 6, 0)
    found = [pulled("duet", *figures), pulled("abab", *figures)]
    assert "\n## A duet beside ABAB\n" in evidence(found)
    assert "## A duet beside ABAB" not in evidence(found[:1])
