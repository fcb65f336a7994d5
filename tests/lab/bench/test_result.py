"""The result of made-up figures whose answer is known."""

from pathlib import Path

import pytest

from lab.bench.contenders import BASE, CONTENDERS
from lab.bench.page import page, short
from lab.bench.result import CELLS, BenchResult, Cell, load
from tests.lab.bench.made_up import MACHINE

FACTOR = {one.name: 2.0**place for place, one in enumerate(CONTENDERS)}


def made_up(rounds: int = 6, command: str = "lab bench") -> BenchResult:
    cells = [
        Cell(name, cell, number, 1000, 1.0, 0.1 * factor * (1 + number / 100), 0.05, 0.001 * factor, 0.002)
        for number in range(rounds)
        for cell in CELLS
        for name, factor in FACTOR.items()
    ]
    ledger = {"acknowledged": 10, "stored": 10, "gaps": 0}
    when = "2026-11-21T21:17:01+00:00"
    return BenchResult(command, MACHINE, when, rounds, 1.0, cells, ledger, 0.1, 0.0, {})


def test_ratios_are_of_rounds_that_belong_together():
    result = made_up()
    effect = result.against("ours", BASE, "send_32", "cpu_ms")
    assert effect is not None
    assert effect.ratio == effect.low == effect.high == pytest.approx(FACTOR["ours"] / FACTOR[BASE])


def test_too_few_rounds_give_no_interval():
    assert made_up(4).against("ours", BASE, "send_32", "cpu_ms") is None


def test_a_result_is_the_same_after_it_was_saved(tmp_path: Path):
    result = made_up()
    result.save(tmp_path / "bench.json")
    assert load(tmp_path / "bench.json") == result


def test_the_page_names_command_machine_ledger_and_every_contender():
    text = page(made_up(), "bench.json")
    for word in ("lab bench", "a cpu", "27 us", "Acknowledged 10, stored 10", *(c.words for c in CONTENDERS)):
        assert word in text
    assert "| 0.25 [0.25, 0.25] |" in text
    assert "commit abc, with changes that are not committed" in text
    assert len(short(made_up())) == len(CONTENDERS) + 1


def test_a_run_before_others_has_a_title_of_its_own():
    own = page(made_up(command="chrt -r 1 lab bench"), "bench.json").splitlines()[0]
    assert own.startswith(page(made_up(), "bench.json").splitlines()[0] + ", ")
