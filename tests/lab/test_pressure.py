"""Pressure figures move when the machine is used, and own CPU is known to the nanosecond."""

import os
import time

import pytest

from lab import pressure


def burn(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def test_work_is_seen_as_own_cpu_and_as_a_busy_machine():
    before, own, true = pressure.moment(), pressure.cpu_seconds([os.getpid()]), time.process_time()
    burn(0.3)
    true, spent = time.process_time() - true, pressure.cpu_seconds([os.getpid()]) - own
    seen = pressure.between(before, pressure.moment())
    assert spent == pytest.approx(true, abs=0.03)  # the scheduler brings its count up to date at its ticks
    assert seen.busy_cores * seen.seconds >= 0.2


def test_own_work_is_not_the_work_of_others():
    assert pressure.Pressure(2.0, 0.1, 1.5).cores_of_others(2.0) == pytest.approx(0.5)
    assert pressure.Pressure(2.0, 0.1, 0.9).cores_of_others(2.0) == 0.0


def test_a_process_that_ended_counts_nothing():
    assert pressure.cpu_seconds([2**22 + 1]) == 0


def test_no_time_between_two_moments_is_refused():
    now = pressure.moment()
    with pytest.raises(ValueError, match="expected more than 0"):
        pressure.between(now, now)


def test_a_kernel_without_pressure_figures_gives_none(monkeypatch, tmp_path):
    (tmp_path / "stat").write_text("cpu 1 0 1 5 0 0 0 0 0 0\n")
    monkeypatch.setattr(pressure, "PROC", tmp_path)
    assert pressure.moment().waiting is None
