"""`lab plan` rests on capacities that belong together, says which, and prints every assumption."""

import math
from dataclasses import replace

import pytest

from lab.cli import run
from lab.commands import plan
from lab.scaling.capacity import Attempt, Bracket, Slo
from tests.lab.scaling.test_stored import result

HERE = {"cpu": "x", "cores": 2, "memory_bytes": 4 * 2**30, "kernel": "6", "container": False}
THERE = {**HERE, "cpu": "y"}


def capacity(passes, fails=None, p99=0.1, **changes):
    changes.setdefault("fingerprint", HERE)
    bracket = Bracket(passes, fails or passes * 1.1, Slo(p99))
    return result(**{"mode": "multi", "bracket": bracket, **changes})


@pytest.fixture(autouse=True)
def _wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(plan, "here", lambda: HERE)


@pytest.fixture
def planned(monkeypatch, capsys):
    """Runs `lab plan` over these results; returns what it printed."""

    def over(*results, words=(), code=0):
        found = sorted(results, key=lambda one: one.started_at)
        monkeypatch.setattr(plan, "stored", lambda *folders: [("", one) for one in found])
        assert run(["plan", *words]) == code
        said = capsys.readouterr()
        return said.err if code else said.out

    return over


def test_every_assumption_is_printed_with_its_option(planned):
    out = planned(capacity(1_000), words=["--users", "900000"])
    assert "500,000 to 560,000" in out
    for words in (
        *(
            "an action: send  (--mix)",
            "SLO: p99 100 ms from the intended send, 99% answered in time, at most 0.1% errors  (--slo-ms)",
        ),
        *("actions a user and day: 40  (--actions)", "peak against mean: 3  (--peak)"),
        *(
            "load kept below: 70% of the capacity  (--utilisation)",
            "price of a machine hour: 0.05 USD  (--price)",
        ),
        *("what one database holds: not measured  (--write-bound)", "settings: the defaults  (--result)"),
        "machine: 2 cores of x, 4.0 GiB, kernel 6, this one, generator and database included  (--result)",
    ):
        assert words in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--actions", "80"], "250,000 to 280,000"),
        (["--peak", "6"], "250,000 to 280,000"),
        (["--utilisation", "0.35"], "250,000 to 280,000"),
        (["--price", "0.1", "--currency", "EUR"], "0.108 to 0.119"),
        (["--mix", "list"], "1,000,000 to 1,200,000"),
        (["--slo-ms", "50"], "50,000 to 56,000"),
    ],
)
def test_each_assumption_can_be_changed(planned, words, said):
    others = (capacity(2_000, mix="list"), capacity(100, p99=0.05))
    assert said in planned(capacity(1_000), *others, words=words)


def test_the_capacity_of_another_load_decides_nothing(planned):
    listing = capacity(5_000, mix="list", mode="single")
    out = planned(capacity(100, mode="single"), listing, words=["--users", "900000"])
    assert "Stage: several processes" in out
    assert "load list: 1 left out (--mix)" in out
    assert "5,000" not in out


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"levers": {"QUERY_PATH": "orm_sync"}}, "settings QUERY_PATH=orm_sync: 1 left out (--result)"),
        ({"fingerprint": THERE}, "machine 2 cores of y, 4.0 GiB, kernel 6: 1 left out (--result)"),
        ({"p99": 0.5}, "SLO 500 ms: 1 left out (--slo-ms)"),
    ],
)
def test_a_newer_capacity_of_other_settings_machine_or_slo_is_left_out_and_said(planned, other, words):
    out = planned(capacity(1_000), capacity(9_000, started_at=2e9, **other))
    assert words in out
    assert "500,000 to 560,000" in out
    assert "9,000" not in out


def test_of_another_machine_only_is_planned_with_that_and_said(planned):
    assert "2 cores of y, 4.0 GiB, kernel 6, not this one" in planned(capacity(1_000, fingerprint=THERE))


def test_the_range_is_from_the_lowest_that_held_to_the_highest_that_failed_of_all_repeats(planned):
    out = planned(capacity(1_000), capacity(500, started_at=2e9), words=["--users", "200000"])
    assert "500 to 1,100" in out
    assert "250,000 to 560,000" in out
    assert "under 70% of the 500/s that one machine held" in out
    assert (
        "multi (2 backend) rests on: 2 searches, from the lowest that held to the highest that failed "
        "(commit unknown)  (lab capacity --repeats)"
    ) in out


def test_one_search_alone_is_said_to_be_one(planned):
    out = planned(capacity(1_000, fingerprint={**HERE, "commit": "abc"}))
    assert "one search; repeats differ by tens of per cent (commit abc)" in out


def test_each_mode_and_shape_has_its_own_range(planned):
    out = planned(capacity(500), capacity(700, shape={"backend": 4}))
    assert "500 to 550" in out
    assert "700 to 770" in out


def test_searches_of_an_older_commit_are_no_repeats_and_are_left_out_and_said(planned):
    old, new = ({**HERE, "commit": commit} for commit in ("abc", "def"))
    out = planned(capacity(1_000, fingerprint=old), capacity(500, started_at=2e9, fingerprint=new))
    assert "500 to 550" in out
    assert "older commits: 1 left out (--result)" in out


def test_named_results_are_repeats_of_whatever_commits(tmp_path, capsys):
    files = [
        str(capacity(rate, fingerprint={**HERE, "commit": commit}).save(tmp_path))
        for rate, commit in ((1_000, "abc"), (500, "def"))
    ]
    assert run(["plan", "--result", files[0], "--result", files[1]]) == 0
    out = capsys.readouterr().out
    assert "500 to 1,100" in out
    assert "(commit abc and def)  (lab capacity --repeats)" in out


@pytest.mark.parametrize(
    ("cores", "words"),
    [
        ([0.1, 0.3], ""),
        ([0.1, 0.9], "other programs, multi (2 backend): they used 0.5 cores in the mean of a search"),
        ([math.nan], "other programs, multi (2 backend): what they used was not counted"),
    ],
)
def test_what_other_programs_used_is_named_where_it_is_much_or_unknown(planned, cores, words):
    attempts = [Attempt(100, 0.01, 1.0, 0.0, others_cores=one) for one in cores]
    out = planned(capacity(1_000, bracket=Bracket(1_000, 1_100, Slo(), attempts)))
    assert (words in out) if words else ("other programs" not in out)


def test_without_a_single_process_nothing_is_said_of_one(planned):
    out = planned(capacity(1_000), words=["--users", "1000"])
    assert "Stage: one machine, several processes." in out
    assert "whether one process is enough was not measured" in out
    assert "above one process" not in out


@pytest.mark.parametrize("mode", ["citus", "docker"])
def test_a_plan_of_citus_or_docker_alone_divides_by_nothing(planned, mode):
    out = planned(capacity(1_000, mode=mode), words=["--users", "1000"])
    wanted = "Stage: unknown" if mode == "citus" else "Stage: one machine, several processes"
    assert wanted in out


def test_machines_and_cost_carry_the_interval(planned):
    out = planned(capacity(1_000), words=["--users", "1020000"])
    assert "needs 2 to 3 machines" in out
    assert "Machines like the measured one: 2 to 3," in out
    assert "Cost: 0.100 to 0.150 USD an hour" in out


def test_without_a_measured_capacity_nothing_is_made_up(planned):
    assert "no capacity was measured yet" in planned(code=2)
    assert "only with list (--mix)" in planned(capacity(10, mix="list"), code=2)


def test_named_results_may_have_other_settings_but_must_belong_together(tmp_path, capsys):
    own = {"QUERY_PATH": "orm_sync"}
    one = capacity(1_000, levers=own).save(tmp_path)
    other = capacity(2_000, levers=own, mix="list").save(tmp_path)
    assert run(["plan", "--result", str(one)]) == 0
    assert "settings: QUERY_PATH=orm_sync" in capsys.readouterr().out
    assert run(["plan", "--result", str(one), "--result", str(other)]) == 2
    assert "not of one load: send and list" in capsys.readouterr().err


def test_a_named_result_at_which_nothing_held_is_refused_in_one_line(tmp_path, capsys):
    path = replace(capacity(1), bracket=Bracket(0, 10, Slo())).save(tmp_path)
    assert run(["plan", "--result", str(path)]) == 2
    assert "no rate held the SLO" in capsys.readouterr().err


def test_a_plan_that_is_kept_spells_its_command_and_every_assumption_out(planned, monkeypatch, tmp_path):
    monkeypatch.setattr(plan, "PAGE", tmp_path / "plan.md")
    out = planned(capacity(1_000), words=["--users", "900000", "--peak", "4", "--keep"])
    page = (tmp_path / "plan.md").read_text()
    command = next(line for line in page.splitlines() if line.startswith("lab plan "))
    assert "--users 900000" in command and "--peak 4" in command and "--price 0.05" in command
    assert "900,000 users are" in page and "\x1b" not in page
    assert planned(capacity(1_000), words=command.split()[2:]) == out.partition("page ")[0]
