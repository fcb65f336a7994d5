"""The first screen: few rows, the surest and largest, in natural units, and a line for each complaint."""

import re
from dataclasses import replace
from pathlib import Path

from lab.caveats import caveat
from lab.notebook.short import ROWS, chosen, short_answer
from lab.notebook.symptoms import symptoms
from tests.lab.notebook.test_advice import beside, counted, pulled
from tests.lab.report.made_up_pulls import made_up


def rows(latest):
    return [line for line in short_answer(latest) if line.startswith("| [")]


def test_a_row_says_what_to_do_what_moves_in_microseconds_and_how_sure_it_is():
    (row,) = rows([pulled(1.3, "http_parser", ("httptools", "h11"), also=())])
    assert row.startswith("| [http_parser](levers/http_parser.md) | keep `httptools` | CPU, API: `h11` +")
    assert " µs a send, +" in row
    assert row.endswith("| different when a proxy in front speaks to the process over few keep-alive "
                        "connections | 1 |")  # fmt: skip


def test_a_row_says_what_its_result_lacks():
    sure = pulled(1.3, "http_parser", ("httptools", "h11"), also=())
    busy = beside(sure, 1.5)
    changed = (busy[0], replace(busy[1], fingerprint={**busy[1].fingerprint, "changed": True}))
    few = (
        changed[0],
        replace(changed[1], observations=[one for one in changed[1].observations if one.round < 6]),
    )
    ends = [rows([one])[0].rsplit("| ", 1)[1] for one in (sure, busy, changed, few)]
    busy_machine = "other programs used 1.5 cores"
    assert ends == [
        "1 |",
        f"1 ({busy_machine}) |",
        f"1 ({busy_machine}; code not committed) |",
        f"1 (6 pairs; {busy_machine}; code not committed) |",
    ]


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


def test_the_values_of_a_lever_share_a_row_and_its_surest_results_stand_for_it():
    orm = pulled(4.8, "query_path", ("raw", "orm_async"), also=(), rate=72.0)
    layers = pulled(2.1, "query_path", ("raw", "fastapi_asyncpg"), also=())
    shaky = beside(pulled(9.0, "query_path", ("raw", "orm_sync"), also=()), 1.5)
    usual = [pulled(1.3, "http_parser", ("httptools", "h11"), also=()), layers]
    row = next(one for one in rows([orm, shaky, *usual]) if "query_path" in one)
    assert row.index("`orm_async` +") < row.index(r") at 72/s (12%\*); `fastapi_asyncpg` +")
    assert "orm_sync" not in row


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
        "- **API processes are busy**: [http_parser](levers/http_parser.md) `httptools` to"
    )
    assert disk.startswith("- **The disk is slow**: [durability](levers/durability.md) `on` to `off` +")
    late = replace(made_up(effect=1.3, also=()).primary, metric="delivery_p50", word="worse")
    path, result = latest[0]
    told = [replace(one, metrics={**one.metrics, "delivery_p50": 3.0}) for one in result.observations]
    more = (path, replace(result, observations=told, verdicts=[result.primary, late]))
    assert "- **Deliveries come late**: [http_parser]" in "\n".join(symptoms([more]))
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
