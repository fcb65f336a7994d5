"""A sweep takes its values in a shuffled order, goes on where it was interrupted, and keeps what it found."""

import json
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from lab.cli import run
from lab.commands.all import choose, questions
from lab.commands.scale_curve import check
from lab.commands.sweep import Wanted, drafted, measured, save, table
from lab.errors import StackError
from lab.experiments.arrangement import requested
from lab.experiments.counting import Counters
from lab.load.record import Figures, Latency
from lab.scaling import sweeping
from lab.scaling.capacity import Attempt, Bracket, Slo
from lab.scaling.measured import Measured
from lab.scaling.points import Point, Unfinished
from lab.scaling.sweeping import Sweep
from lab.stack.description import Process
from levers.catalogue import catalogue, lever_named
from tests.lab.experiments.fake_stack import EXAMPLE, description


def point(value, passes, fails=None):
    return Point(value, Bracket(passes, fails or passes * 1.1, Slo()), 50.0)


def test_each_value_is_measured_equally_often_in_shuffled_order():
    order = Sweep("pool_size", ["1", "2", "5", "10"], "multi", 3, 7).order()
    assert sorted(order) == sorted(["1", "2", "5", "10"] * 3)
    assert order != sorted(order)


MACHINE = {"cpu": "made up", "commit": "abc", "changed": False}


def unfinished(folder, sweep, machine=MACHINE):
    return Unfinished(folder / "points.jsonl", sweep.as_json(), machine)


@pytest.fixture
def asked(monkeypatch):
    """The values for which a stack was brought up; `asked.stop` is how many before a Ctrl-C."""

    class Asked(list[str]):
        stop = 99

    def measured_point(plan, value, *_, keep):
        if len(values) == values.stop:
            raise KeyboardInterrupt
        values.append(value)
        tried = Attempt(100.0, float("inf"), 1.0, 0.0, p50_seconds=0.01, others_cores=0.1)
        bracket = Bracket(100.0, float("inf"), Slo(), (tried,))
        keep(Point(value, bracket, 50.0))

    values = Asked()
    monkeypatch.setattr("lab.scaling.sweeping.measure", measured_point)
    return values


def swept(folder, sweep, machine=MACHINE):
    load = Measured(None, mix="send", seconds=1.0)  # type: ignore[arg-type]  # nothing is loaded
    plan = drafted(lever_named("pool_size"), "multi", "history", 1)
    return sweeping.run(
        sweep, plan, load, Slo(), tell=lambda line: None, unfinished=unfinished(folder, sweep, machine)
    )


def test_an_interrupted_sweep_goes_on_with_the_points_that_it_has(tmp_path, asked):
    sweep = Sweep("pool_size", ["1", "2", "5"], "multi", 2, 2)
    asked.stop = 4
    part = swept(tmp_path, sweep)
    assert part.interrupted and len(part.points) == 4
    asked.stop = 99
    whole = swept(tmp_path, sweep)
    assert asked == sweep.order()
    assert [one.value for one in whole.points] == sweep.order()
    assert not whole.interrupted and whole.machine == MACHINE
    assert whole.points[:4] == part.points


def test_the_points_are_kept_until_the_result_is_written(tmp_path, asked, monkeypatch):
    sweep = Sweep("pool_size", ["1", "2"], "multi", 1, 2)
    whole, kept = swept(tmp_path / "kept", sweep), unfinished(tmp_path / "kept", sweep)
    monkeypatch.setattr("lab.commands.sweep.RUNS", Path("/proc/none"))
    with pytest.raises(OSError, match="/proc/none"):
        save(whole, keep=False, unfinished=kept)
    assert len(kept.points()) == 2
    monkeypatch.setattr("lab.commands.sweep.RUNS", tmp_path / "runs")
    save(replace(whole, interrupted=True), keep=False, unfinished=kept)
    assert len(kept.points()) == 2
    save(whole, keep=False, unfinished=kept)
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_stack_that_does_not_stop_takes_no_point_with_it(monkeypatch, tmp_path):
    """Told, and the point is in the file before the stack is taken down."""

    class Search(Measured):
        async def capacity(self, stack, slo, tell, **_):
            self.last = EXAMPLE
            return Bracket(100.0, 110.0, slo)

        async def acquire_wait_ms(self, stack, rate):
            return None

    sweep = Sweep("pool_size", ["1", "2"], "multi", 1, 2)
    kept, lines = unfinished(tmp_path, sweep), []

    @contextmanager
    def running(request):
        yield description("a")
        lines.append(len(kept.path.read_text().splitlines()) - 1)
        raise StackError("had to kill backend-1")

    monkeypatch.setattr(sweeping, "running", running)
    monkeypatch.setattr(sweeping, "seed", lambda stack, plan: None)
    told: list[str] = []
    load = Search(None, mix="send", seconds=1.0)  # type: ignore[arg-type]  # nothing is loaded
    plan = drafted(lever_named("pool_size"), "multi", "history", 1)
    found = sweeping.run(sweep, plan, load, Slo(), tell=told.append, unfinished=kept)
    assert [one.value for one in found.points] == sweep.order()
    assert lines == [1, 2]
    assert f"{sweep.order()[0]} is kept, but had to kill backend-1" in told


def test_points_of_another_question_machine_or_code_are_dropped(tmp_path, asked):
    sweep = Sweep("pool_size", ["1", "2", "5"], "multi", 2, 2)
    for machine, question in (
        ({**MACHINE, "cpu": "other"}, sweep),
        ({**MACHINE, "commit": "def"}, sweep),
        ({**MACHINE, "changed": True}, sweep),
        (MACHINE, replace(sweep, seed=3)),
    ):
        asked.clear()
        asked.stop = 2
        swept(tmp_path, sweep)
        asked.stop = 8
        swept(tmp_path, question, machine)
        assert len(asked) == 8


def test_each_question_about_a_lever_keeps_its_points(tmp_path, asked):
    told: list[str] = []
    short, other = (
        Unfinished.of("pool_size", Sweep("pool_size", values, "multi", 1, 2).as_json(), MACHINE, tmp_path)
        for values in (["1", "2"], ["1", "5"])
    )
    short.points(told.append)
    short.add(1, point("1", 100.0))
    assert told == []
    other.points(told.append)
    assert len(told) == 1 and told[0].startswith(
        f"unfinished sweeps of pool_size are kept: {short.path.name}"
    )
    assert list(short.points(told.append)) == [1]
    replace(short, machine={**MACHINE, "cpu": "other"}).points(told.append)
    assert told[1:] == ["the points of an interrupted sweep (1) are dropped, not alike in cpu"]


def test_a_torn_point_is_measured_again(tmp_path, asked):
    sweep = Sweep("pool_size", ["1", "2"], "multi", 1, 2)
    asked.stop = 1
    swept(tmp_path, sweep)
    file = tmp_path / "points.jsonl"
    file.write_text(file.read_text()[:-9])
    asked.stop = 99
    assert len(swept(tmp_path, sweep).points) == 2
    assert len(asked) == 3


def test_an_interrupted_sweep_is_not_kept_among_the_committed(tmp_path, monkeypatch):
    monkeypatch.setattr("lab.commands.sweep.RUNS", tmp_path / "runs")
    monkeypatch.setattr("lab.commands.sweep.KEPT", tmp_path / "kept")
    sweep = Sweep("pool_size", ["1", "2"], "multi", 1, 7, (point("1", 100.0),))
    assert save(sweep, keep=True).parent.name == "kept"
    assert save(replace(sweep, interrupted=True), keep=True).parent.name == "runs"


def test_a_value_whose_stack_does_not_start_is_told_and_the_others_are_kept(monkeypatch, tmp_path):
    def measured_point(plan, value, *_, keep):
        if value == missing:
            raise StackError("postgres did not start")
        keep(point(value, 100.0))

    monkeypatch.setattr("lab.scaling.sweeping.measure", measured_point)
    sweep = Sweep("pool_size", ["1", "2", "5"], "multi", 2, 2)
    told: list[str] = []
    load = Measured(None, mix="send", seconds=1.0)  # type: ignore[arg-type]  # nothing is loaded
    load.last = EXAMPLE
    missing = sweep.order()[1]  # before the first point there is nothing to keep
    plan = drafted(lever_named("pool_size"), "multi", "history", 1)
    found = sweeping.run(sweep, plan, load, Slo(), tell=told.append, unfinished=unfinished(tmp_path, sweep))
    assert len(found.points) == 4 and missing not in {one.value for one in found.points}
    assert told.count(f"{missing} is missing: postgres did not start") == 2


def test_a_sweep_is_saved_without_infinities(tmp_path, monkeypatch):
    monkeypatch.setattr("lab.commands.sweep.RUNS", tmp_path)
    held = Attempt(100, 0.01, 1.0, 0.0, machine_share=0.4, others_cores=0.2)
    bracket = Bracket(100, float("inf"), Slo(), (held, Attempt(160, float("inf"), 0.0, 1.0)))
    sweep = Sweep("pool_size", ["1"], "multi", 1, 7, (Point("1", bracket, 50.0),))
    raw = json.loads(save(sweep, keep=False).read_text(), parse_constant=pytest.fail)
    assert raw["points"][0]["bracket"]["fails"] is None
    first, second = raw["points"][0]["bracket"]["attempts"]
    assert (first["rate"], first["machine_share"], first["others_cores"]) == (100, 0.4, 0.2)
    assert second["p99_seconds"] is None
    assert table(sweep).row_count == 1


def test_a_curve_is_saved_with_its_bands_and_the_command_that_repeats_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("lab.commands.sweep.RUNS", tmp_path)
    points = tuple(point(str(n), 100.0 * n / (1 + 0.1 * (n - 1))) for n in (1, 2, 3, 4) * 2)
    made = Sweep("uvicorn_workers", ["1", "2", "3", "4"], "multi", 2, 1, points)
    monkeypatch.setattr(
        "lab.commands.scale_curve.measured", lambda wanted: (made, unfinished(tmp_path / "kept", made))
    )
    assert run(["scale-curve", "uvicorn_workers", "--values", "1,2,3,4", "--slo-ms", "50"]) == 0
    raw = json.loads(next(tmp_path.glob("*.json")).read_text())
    assert raw["command"].startswith(
        "lab scale-curve uvicorn_workers --values 1,2,3,4 --mode multi --mix send --repeats 2"
    )
    assert "--slo-ms 50" in raw["command"]
    first, *_, last = raw["curve"]["band"]
    assert (first[0], last[0]) == (1, 4)
    assert all(low <= middle <= high for _, middle, low, high in raw["curve"]["band"])
    assert raw["curve"]["sentence"] in " ".join(capsys.readouterr().out.split())


def test_each_value_gets_a_stack_that_has_it(tmp_path):
    lever = lever_named("websocket_instances")
    request = requested(drafted(lever, "multi", "send", 1), "4", tmp_path)
    assert request.websockets == 4
    lever = lever_named("uvicorn_workers")
    request = requested(drafted(lever, "multi", "send", 1), "3", tmp_path)
    assert request.levers["UVICORN_WORKERS"] == "3"


def test_all_leaves_out_what_a_pull_cannot_measure():
    chosen, left_out = choose(list(catalogue()))
    assert "event_loop" in chosen
    assert ("uvicorn_workers", "lab sweep uvicorn_workers") in left_out
    assert set(chosen) | {name for name, _ in left_out} == set(catalogue())


def test_all_asks_for_each_value_when_told_to():
    assert questions("event_loop", every_value=False) == ["uvloop,asyncio"]
    assert questions("event_loop", every_value=True) == ["uvloop,asyncio", "uvloop,asyncio_debug"]
    assert not any("memory" in words for words in questions("broker", every_value=True))


def test_all_that_is_interrupted_says_what_is_left(capsys, monkeypatch):
    def pulled(words):
        if "asyncio_debug" in words[3]:
            raise KeyboardInterrupt
        return 0

    monkeypatch.setattr("lab.commands.all._pull", pulled)
    assert run(["all", "--only", "event_loop,http_parser", "--every-value", "--rate", "50", "--quick"]) == 130
    left = [line.strip() for line in capsys.readouterr().out.splitlines() if line.startswith("  lab ")]
    assert left == [
        "lab pull event_loop --values uvloop,asyncio_debug --predict none --rate 50 --quick",
        "lab pull http_parser --values httptools,h11 --predict up --rate 50 --quick",
    ]


def test_all_refuses_an_unknown_lever_in_one_line_before_anything_runs(capsys, monkeypatch):
    monkeypatch.setattr("lab.commands.all._pull", None)  # would end in a traceback
    assert run(["all", "--only", "event_loop,pool_siz"]) == 2
    assert capsys.readouterr().err.strip() == "lab: lever 'pool_siz' is unknown; did you mean pool_size?"


def test_a_lever_that_is_measured_by_capacity_sends_to_the_sweep(capsys):
    assert run(["pull", "uvicorn_workers", "--predict", "up"]) == 2
    assert "lab sweep uvicorn_workers" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["sweep", "scale-curve"])
def test_an_unknown_value_is_one_line(command, capsys):
    assert run([command, "pool_size", "--values", "3,none"]) == 2
    assert "expected one of" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["uvicorn_workers", "websocket_instances", "shards"])
def test_workers_websocket_services_and_shards_have_values_enough_for_a_curve(name):
    check(name, None, None)
    check(name, "1,2,4,3" if name != "shards" else "32,1,8,2", None)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (
            ["websocket_instances", "--values", "1,2,4"],
            "a curve needs 4 values above 0 or more, of 1, 2, 3, 4",
        ),
        (["prefetch", "--values", "0,1,2,5"], "a curve needs 4 values above 0"),
        (["event_loop"], "its values are no numbers"),
        (
            ["uvicorn_workers", "--values", "1,2,3,4", "--upto", "9"],
            "--upto 9: a figure is given up to 2 x 4",
        ),
    ],
)
def test_what_can_give_no_curve_is_refused_before_anything_is_measured(words, reason, capsys, monkeypatch):
    monkeypatch.setattr("lab.commands.scale_curve.measured", None)  # would end in a traceback
    assert run(["scale-curve", *words]) == 2
    assert reason in capsys.readouterr().err


class Deliveries:
    """Answers in 10 ms at any rate; deliveries are late above `limit`, or do not come."""

    def __init__(self, limit, missing=0):
        self.limit, self.missing = limit, missing

    async def __call__(self, plan, *, on_begin=None):
        if on_begin:
            await on_begin()
        count = int(plan.rate * plan.duration)
        answers = Latency(samples=count, p50=0.005, p99=0.01)
        late = plan.rate > self.limit and not self.missing
        lost = self.missing if plan.rate > self.limit else 0
        return msgspec.structs.replace(
            EXAMPLE,
            settings=msgspec.structs.replace(EXAMPLE.settings, rate=plan.rate),
            total=Figures(
                offered=count, sent=count, ok=count, dropped=0, intended=answers, send=answers, lag=answers,
                delivery=Latency(samples=count, p50=0.5 if late else 0.02, p99=0.9 if late else 0.03),
            ),
            ledger=msgspec.structs.replace(EXAMPLE.ledger, owed=1_000, not_delivered=lost),
        )  # fmt: skip


@pytest.mark.parametrize(("missing", "why"), [(0, "delivery p99 900 ms"), (5, "0.50% errors")])
async def test_a_lever_about_deliveries_is_judged_by_deliveries(missing, why):
    lever = lever_named("websocket_instances")
    stack, load = description("a"), Deliveries(500, missing)
    found = await Measured(load, mix="send", seconds=1, metric=lever.metric).capacity(stack, Slo(), print)
    assert found.passes <= 500 < found.fails
    assert why in found.sentence()
    answers = await Measured(load, mix="send", seconds=1).capacity(stack, Slo(), print, most=1_000)
    assert answers.passes == 1_000


async def test_the_wait_for_a_connection_is_measured_at_the_rate_that_held(monkeypatch):
    pages = iter([Counters(acquire_wait_seconds=1.0), Counters(acquire_wait_seconds=1.5)])
    monkeypatch.setattr("lab.scaling.measured.counted", lambda urls: next(pages))
    api = Process("backend-1", "backend", 1, "http://127.0.0.1:1/health")
    stack = replace(description("a"), processes=[api])
    measured = Measured(Deliveries(500), mix="send", seconds=1)
    assert await measured.acquire_wait_ms(stack, 250) == pytest.approx(2.0)  # 0.5 s over 250 operations
    assert await measured.acquire_wait_ms(description("a"), 250) is None


@pytest.mark.parametrize("name", ["websocket_instances", "uvicorn_workers"])
def test_a_sweep_asks_for_the_latency_of_its_lever(name, monkeypatch):
    loads = []
    monkeypatch.setattr("lab.commands.sweep.run", lambda sweep, plan, load, slo, **_: loads.append(load))
    measured(Wanted(name, None, None, None, repeats=1, slo_ms=100, seconds=1, seed=1))
    assert [load.metric for load in loads] == [lever_named(name).metric]


@pytest.mark.parametrize(("mix", "reason"), [("list", "judged by deliveries"), ("lst", "expected one of")])
def test_a_mix_that_cannot_show_the_lever_is_refused_before_anything_is_measured(mix, reason, capsys):
    assert run(["sweep", "websocket_instances", "--mix", mix]) == 2
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize("command", ["pull", "sweep", "scale-curve"])
def test_an_unknown_run_mode_is_one_line_and_leaves_nothing(command, capsys, monkeypatch):
    def never(*_: object, **__: object) -> None:
        raise AssertionError("something was begun")

    monkeypatch.setattr("pathlib.Path.mkdir", never)
    assert run([command, "pool_size", "--mode", "multy"]) == 2
    assert "--mode multy: expected one of single, multi, stack, citus" in capsys.readouterr().err
