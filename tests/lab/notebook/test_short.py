"""The first screen: few rows, the surest and largest, in natural units, and a line for each complaint."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from lab.caveats import caveat
from lab.notebook.first import first
from lab.notebook.head import machines
from lab.notebook.hot_path import behind_layers
from lab.notebook.short import ROWS, chosen, short_answer
from lab.notebook.symptoms import symptoms
from lab.notebook.words import by_key
from levers.catalogue import lever_named
from tests.lab.notebook.test_advice import beside, counted, pulled
from tests.lab.report.made_up_pulls import made_up


def rows(latest):
    return [line for line in short_answer(latest) if line.startswith("| [")]


def test_a_row_says_what_to_do_what_moves_in_microseconds_and_how_sure_it_is():
    (row,) = rows([pulled(1.3, "http_parser", ("httptools", "h11"), also=())])
    assert row.startswith("| [http_parser](levers/http_parser.md) | keep `httptools` | CPU, API: `h11` +")
    assert " µs a send, +" in row
    assert row.endswith("| different when a proxy in front speaks to the process over few keep-alive "
                        "connections; parsing stays, connection set-up goes | 1 |")  # fmt: skip


def test_a_row_says_what_other_sessions_of_the_same_question_say():
    values = ("httptools", "h11")
    own = [
        pulled(effect, "http_parser", values, also=(), seed=seed) for seed, effect in enumerate((1.3, 1.36))
    ]
    other = pulled(1.9, "http_parser", values, also=(), rate=900.0)
    (row,) = [
        line
        for line in short_answer(own[:1], (), [*own, other, beside(own[0], 1.5)])
        if line.startswith("| [")
    ]
    assert re.search(r"\| 2: \+(29|30)\.\d % to \+3[567]\.\d % \|$", row)


def test_the_values_of_a_lever_share_a_row():
    orm = pulled(4.8, "query_path", ("raw", "orm_async"), also=(), rate=72.0)
    layers = pulled(2.1, "query_path", ("raw", "fastapi"), also=())
    usual = [pulled(1.3, "http_parser", ("httptools", "h11"), also=()), layers]
    direct = pulled(3.2, "query_path", ("fastapi_asyncpg", "orm_async"), also=(), rate=240.0)
    row = next(one for one in rows([orm, *usual, direct]) if "query_path" in one)
    assert row.index("`orm_async` +") < row.index(" at 72/s, behind FastAPI 3.2x; `fastapi` +")
    assert "`fastapi_asyncpg` to `orm_async`" not in row


def test_what_does_not_begin_at_the_default_says_from_where_it_goes():
    whole = pulled(1.4, "run_mode", ("single", "multi"), design="abab", also=())
    part = pulled(1.3, "run_mode", ("multi", "stack"), design="abab", also=())
    (row,) = rows([whole, part])
    assert "begin with `single`" in row and "; `multi` to `stack` +" in row
    assert "`multi` rather than `stack`" in rows([part])[0]


def test_a_row_is_of_the_metric_that_its_lever_is_about():
    values = ("uvicorn", "granian")
    cpu = pulled(1.3, "http_server", values, also=(), rate=240.0)
    path, slow = pulled(2.5, "http_server", values, also=(), rate=1_500.0)
    tail = (path, replace(slow, plan={**slow.plan, "metric": "p99"}))
    (row,) = rows([cpu, tail])
    assert "CPU, API: `granian` +" in row and " at 240/s " in row


def test_a_count_alone_and_what_was_not_decided_have_no_row():
    alone = counted(pulled(1.0, "routing", ("partition", "fanout"), design="abab", also=()),
                    "received_per_wanted", 0.5)  # fmt: skip
    assert short_answer([alone, pulled(1.0, "event_loop", ("uvloop", "asyncio"), also=())]) == []


def test_there_are_few_rows_and_those_of_the_default_stack_come_first():
    names = [
        ("event_loop", "uvloop", "asyncio"), ("http_parser", "httptools", "h11"),
        ("delivery", "confirm", "outbox"), ("http_server", "uvicorn", "granian"),
        ("token_cache", "on", "off"), ("logging", "warning", "info"),
        ("prepared_statements", "on", "off"), ("group_commit", "on", "off"), ("paging", "keyset", "offset"),
        ("query_path", "raw", "orm_async"), ("run_mode", "single", "multi"), ("payload", "full", "notify"),
    ]  # fmt: skip
    usual = [pulled(1.2, lever, (a, b), also=()) for lever, a, b in names]
    rabbit = pulled(1.9, "amqp_client", ("lean", "aio_pika"), mode="stack", design="abab", also=())
    assert len(chosen([*usual, rabbit])) == ROWS
    assert "amqp_client" not in {own[0].lever for own in chosen([*usual, rabbit])}
    (row,) = rows([rabbit])
    assert "[amqp_client](levers/amqp_client.md), if you run RabbitMQ | keep `lean`" in row


def test_a_complaint_leads_to_what_moved_its_metric_also_where_another_one_decides():
    latest = [
        pulled(1.3, "http_parser", ("httptools", "h11"), also=()),
        pulled(1.6, "durability", ("on", "off"), metric="p50", also=()),
    ]
    text = "\n".join(symptoms(latest))
    busy, disk = (line for line in text.splitlines() if line.startswith("- "))
    assert busy.startswith(
        "- **API processes are busy**. *Hurts*: [http_parser](levers/http_parser.md) `httptools` to"
    )
    assert disk.startswith(
        "- **The disk is slow**. *Hurts*: [durability](levers/durability.md) `on` to `off` +"
    )
    late = replace(made_up(effect=1.3, also=()).primary, metric="delivery_p50", word="worse")
    path, result = latest[0]
    told = [replace(one, metrics={**one.metrics, "delivery_p50": 3.0}) for one in result.observations]
    more = (path, replace(result, observations=told, verdicts=[result.primary, late]))
    assert "- **Deliveries come late**. *Hurts*: [http_parser]" in "\n".join(symptoms([more]))
    assert symptoms([(Path("a.json"), made_up(effect=1.0, also=()))]) == []


def test_what_was_measured_on_a_full_machine_stands_behind_what_had_room():
    values = ("httptools", "h11")
    roomy = pulled(1.3, "http_parser", values, also=(), rate=240.0)
    path, one = pulled(1.6, "http_parser", values, also=(), rate=1_500.0)
    crowd = (caveat("full machine", share=0.8),)
    full = (path, replace(one, verdicts=[replace(one.primary, caveats=crowd)]))
    (row,) = rows([full, roomy])
    assert " at 240/s" in row
    assert " at 1,500/s" in rows([(path, one), roomy])[0]


def test_a_share_on_the_path_in_front_of_fastapi_has_a_second_figure_for_a_handler_of_fastapi():
    layers = pulled(2.0, "query_path", ("raw", "fastapi"), also=())
    loop = pulled(1.3, "event_loop", ("uvloop", "asyncio"), also=())
    of_all = pulled(1.4, "run_mode", ("single", "multi"), design="abab", also=())
    (row,) = (row for row in rows([layers, loop, of_all]) if "behind FastAPI" in row)
    assert re.search(r"\[event_loop\].*\+\d\d\.\d % \(.*\) at 500/s, behind FastAPI about \+1\d %", row)
    told = "\n".join(short_answer([layers, loop]))
    assert re.search(r"2\.0 times as much at 500/s .*the same µs are about (49|50|51)% of the share", told)
    assert "behind FastAPI's own layers the share is smaller" in "\n".join(short_answer([loop]))
    assert "FastAPI" not in "\n".join(short_answer([of_all]))


def test_a_pull_behind_fastapi_takes_the_place_of_the_share_and_no_row():
    layers = pulled(2.0, "query_path", ("raw", "fastapi"), also=())
    loop = pulled(1.3, "event_loop", ("uvloop", "asyncio"), also=())
    behind = {"QUERY_PATH": "fastapi"}
    there = pulled(1.1, "event_loop", ("uvloop", "asyncio"), also=(), rate=700.0, held=behind)
    (row,) = (row for row in rows([layers, loop, there]) if "[event_loop]" in row)
    assert re.search(r" at 500/s, behind FastAPI \+(9|1\d) % \|", row)
    assert "700/s" not in row
    assert behind_layers(loop[1], [layers, loop, there]) == there[1].primary.effect.ratio
    open_ = replace(there[1], verdicts=[replace(there[1].primary, word="no difference shown")])
    (row,) = (row for row in rows([layers, loop, (there[0], open_)]) if "[event_loop]" in row)
    assert "behind FastAPI no difference shown" in row
    assert "asyncio" not in "".join(rows([there]))
    assert "asyncio" not in "".join(symptoms([there]))


def test_the_layers_are_those_of_the_pull_at_the_nearest_rate_and_count_also_beside_postgresql():
    slow = pulled(2.0, "query_path", ("raw", "fastapi"), also=(), rate=100.0)
    fast = pulled(4.0, "query_path", ("raw", "fastapi"), also=(), rate=900.0)
    parsers = ("http_parser", ("httptools", "h11"))
    for rate, expected in ((100.0, 1.4), (800.0, 1.2)):
        _, one = pulled(1.8, *parsers, also=(), rate=rate)
        assert behind_layers(one, [slow, fast]) == pytest.approx(expected, abs=0.02)
    _, api = pulled(1.8, "prepared_statements", ("on", "off"), also=(), rate=900.0)
    counted = [
        replace(one, metrics={**one.metrics, "cpu_per_1k_total": 3 * one.metrics["cpu_per_1k"]})
        for one in api.observations
    ]
    whole = replace(api, verdicts=[replace(api.primary, metric="cpu_per_1k_total")], observations=counted)
    # Three times the API's CPU with PostgreSQL's, and three times the API's again for the layers: half.
    assert behind_layers(whole, [slow, fast]) == pytest.approx(1.4, abs=0.02)
    unknown = replace(whole, observations=[replace(one, metrics={}) for one in counted])
    assert behind_layers(unknown, [slow, fast]) == 0.0


def test_what_was_unsteady_while_it_was_measured_stands_behind_the_figure():
    path, one = pulled(1.6, "http_parser", ("httptools", "h11"), also=())
    shaky = (path, replace(one, verdicts=[replace(one.primary, caveats=(caveat("drift", rho=0.7),))]))
    for told in (rows([shaky])[0], steps([shaky])[0]):
        assert "the ratio moves with time (Spearman +0.70)" in told
    assert "moves with time" not in rows([(path, one)])[0]


def test_microseconds_of_a_duet_are_said_to_be_those_of_a_process_with_a_third_of_the_rate():
    duet = pulled(1.3, "event_loop", ("uvloop", "asyncio"), also=())
    whole = pulled(1.4, "run_mode", ("single", "multi"), design="abab", also=())
    third = "each process carries a third of it"
    assert third in "\n".join(short_answer([duet, whole]))
    assert third not in "\n".join(short_answer([whole]))


def test_an_answer_about_the_disk_says_how_fast_it_was():
    def told(seconds):
        path, result = pulled(0.7, "durability", ("on", "off"), metric="p50", also=())
        disk = (path, replace(result, fingerprint={**result.fingerprint, "disk_sync_seconds": seconds}))
        (line,) = (line for line in symptoms([disk]) if "The disk is slow" in line)
        return line

    assert "on a disk that syncs a write in 0.1 ms (a slow disk was not asked)" in told(0.0001)
    assert "on a disk that syncs a write in 5.0 ms; what" in told(0.005)


def steps(latest):
    return [line for line in first(latest) if re.match(r"\d\. ", line)]


def test_the_steps_come_by_what_a_handler_of_fastapi_gains_and_each_lever_once():
    layers = pulled(2.1, "query_path", ("raw", "fastapi"), also=())
    orm = pulled(4.8, "query_path", ("raw", "orm_async"), also=(), rate=72.0)
    index = pulled(3.6, "pair_index", ("on", "off"), also=())
    parser = pulled(1.3, "http_parser", ("httptools", "h11"), also=())
    cache = pulled(0.75, "cache", ("off", "process"), also=())
    direct = pulled(2.5, "query_path", ("fastapi_asyncpg", "orm_async"), also=(), rate=240.0)
    found = steps([parser, cache, layers, index, orm, direct])
    names = [re.findall(r"\(levers/(\w+)\.md\)", line)[0] for line in found]
    assert names == ["pair_index", "query_path", "cache", "http_parser"]
    assert re.search(r"`orm_async`: 4\.\d+x at 72/s \(behind FastAPI 2\.\dx\)", found[1])
    assert re.search(
        r"layers are in the first figure, and alone 2\.\dx at 500/s\. Here an ORM reads ", found[1]
    )
    assert "FastAPI's own layers" not in steps([orm])[0]
    many = [
        ("prepared_statements", "on", "off"),
        ("token_cache", "on", "off"),
        ("paging", "keyset", "offset"),
        ("event_loop", "uvloop", "asyncio_debug"),
    ]
    more = [pulled(1.2, lever, (a, b), also=()) for lever, a, b in many]
    told = [
        re.findall(r"\(levers/(\w+)\.md\)", line)[0] for line in steps([parser, cache, index, orm, *more])
    ]
    assert len(told) == len(set(told)) == 8


def test_a_step_whose_result_says_something_else_by_now_is_gone():
    assert steps([pulled(1.2, "pair_index", ("on", "off"), also=())])
    assert first([pulled(0.8, "pair_index", ("on", "off"), also=())]) == []
    assert first([pulled(1.0, "pair_index", ("on", "off"), also=())]) == []


def test_every_half_of_a_sentence_is_of_a_lever_and_values_that_exist():
    for key, words in by_key("pull_first.txt").items():
        for told in (key, *re.findall(r"\{(.*?)\}", words)):
            lever, a, b, word = told.split()
            assert {a, b} <= set(lever_named(lever).values) and word in ("better", "worse")
    for lever in by_key("cannot_show.txt"):
        assert lever_named(lever).applies
    for key in by_key("given_up.txt"):
        lever, _, value = key.partition(" ")
        assert not value or value in lever_named(lever).values


def on_kernel(found, kernel):
    path, result = found
    return path, replace(result, fingerprint={**result.fingerprint, "kernel": kernel})


def test_a_figure_of_another_machine_beside_one_of_this_is_marked():
    parser = on_kernel(pulled(1.3, "http_parser", ("httptools", "h11"), also=()), "6.1")
    there = pulled(1.17, "http_parser", ("httptools", "h11"), also=(), held={"QUERY_PATH": "fastapi"})
    assert "behind FastAPI +18 % ◊" in rows([parser, on_kernel(there, "6.2")])[0]
    assert "behind FastAPI +18 % |" in rows([parser, on_kernel(there, "6.1")])[0]
    text = "\n".join(machines([parser, on_kernel(there, "6.2")]))
    assert "in 2 machines: Linux 6.1 (1 pull, " in text and " and Linux 6.2 (1 pull, " in text
    assert machines([parser])[0].endswith("Python None, Linux 6.1.")


def test_what_is_given_up_and_waited_for_is_of_each_value_of_durability():
    def told(value, standbys):
        path, result = pulled(0.75, "durability", ("on", value), metric="p50", also=(), design="abab")
        settings = {side: {**of, "synchronous_standbys": standbys} for side, of in result.settings.items()}
        return path.with_name(f"{value}.json"), replace(
            result, settings=settings, fingerprint={**result.fingerprint, "disk_sync_seconds": 0.0001}
        )

    (line,) = rows([told("off", "none"), told("local", "FIRST 1 (replica_1)")])
    assert "`off`: acknowledged messages are lost" in line and "`local`: what the standby has not got" in line
    assert line.count("on a disk that syncs a write") == 1
    assert line.count("beside a synchronous standby (`FIRST 1") == 1
