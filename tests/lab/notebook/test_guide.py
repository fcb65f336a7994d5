"""The notebook is made of result files alone: largest effect first, and what was not run is said."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lab.experiments.preparation import ELSEWHERE
from lab.load.plan import MIXES
from lab.notebook import guide, scaling
from lab.notebook.evidence import evidence
from lab.notebook.head import conditions, summary
from lab.notebook.hops import hops
from lab.notebook.lever_page import lever_page
from lab.notebook.ranking import ranking
from lab.notebook.resolved import bonds, resolved, twins_judged
from lab.notebook.signs import signs
from lab.notebook.standing import latest_of, mark
from lab.report.links import linked
from lab.report.load_words import OPERATIONS, origin
from lab.report.pull import html
from lab.scaling.usl import as_json, fit
from levers.catalogue import catalogue, lever_named
from tests.lab.report.made_up_pulls import made_up

MACHINE = {"cpu": "x", "cores": 2, "memory_bytes": 8 * 2**30, "system": "Debian", "python": "3.11"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    small = replace(made_up(effect=1.2), fingerprint=MACHINE)
    large = made_up(effect=1.8, lever="http_parser", values=("httptools", "h11"))
    large = replace(large, fingerprint=MACHINE)
    invalid = made_up(failing={4, 5, 6}, lever="logging", values=("warning", "debug"))
    invalid = replace(invalid, fingerprint=MACHINE)
    for number, result in enumerate((small, large, invalid)):
        result.save(folder / "pulls" / f"{result.lever}.{number}.json")
    guide.write(folder)
    return folder


def test_what_changes_most_comes_first(folder):
    text = (folder / "ranking.md").read_text()
    keep = text.partition("## Keep")[2]
    assert keep.index("1. **[http_parser](levers/http_parser.md)**: `httptools`.") < keep.index(
        "2. **[event_loop]"
    )


def test_one_pull_is_kept_as_the_page_that_it_draws(folder, tmp_path):
    assert "<h1>event_loop: uvloop or asyncio?" in (folder / "pull.html").read_text()
    assert "[pull.html](pull.html)" in (folder / "README.md").read_text()
    invalid = (Path("a.json"), replace(made_up(failing={4, 5, 6}), fingerprint=MACHINE))
    assert guide.example_of([invalid]) is None


def test_a_page_that_no_pull_made_is_linked_with_its_pictures(tmp_path):
    (tmp_path / "faults.md").write_text("# What happens\n")
    (tmp_path / "seed.md").write_text("# Seeding\n")
    (tmp_path / "faults.html").touch()
    assert guide.others(tmp_path) == [
        "[What happens](faults.md) ([drawn](faults.html))",
        "[Seeding](seed.md)",
    ]


def test_the_page_of_a_lever_says_what_a_value_costs(folder):
    text = (folder / "levers" / "event_loop.md").read_text()
    assert "- `asyncio`: the standard library's loop. Costs:" in text


def test_an_invalid_result_claims_nothing(folder):
    text = (folder / "evidence.md").read_text()
    assert "| `warning`, `debug` | 500 sends | 83% * | CPU per 1,000, API | - | 5 | ✗" in text
    text = (folder / "ranking.md").read_text()
    line = next(line for line in text.splitlines() if line.startswith("1. **[logging]"))
    assert "invalid: achieved 0.7" in line
    assert "%" not in line


def test_it_is_said_how_many_pairs_stand_behind_a_verdict_and_what_older_code_measured(folder):
    text = (folder / "evidence.md").read_text()
    row = next(line for line in text.splitlines() if line.startswith("| [event_loop]"))
    assert "| 12 | ▼ [worse](pulls/event_loop.0.json) ° |" in row


def test_it_is_said_whose_the_predictions_were():
    mine = replace(made_up(effect=1.2), fingerprint=MACHINE, prediction="down")
    catalogues = replace(mine, prediction="up", plan={**mine.plan, "values": ["uvloop", "asyncio_debug"]})
    text = "\n".join(summary([(Path("a.json"), mine), (Path("b.json"), catalogues)]))
    assert "1 came true, 1 did not, and 0 were not decided; 1 of them repeat what the catalogue" in text


def test_a_pull_by_another_metric_than_the_lever_s_says_so():
    pulled = replace(made_up(effect=1.4, lever="pool_size", values=("10", "2"), metric="p50", also=()))
    text = evidence([(Path("a.json"), pulled)])
    assert "| p50 (the lever's own: p99) |" in text


def test_what_was_not_run_is_said_with_a_command_that_runs(folder):
    text = (folder / "evidence.md").read_text().partition("## Not pulled yet")[2]
    for name, lever in catalogue().items():
        if name in ("event_loop", "http_parser", "logging"):
            assert f"- {name}:" not in text
        else:
            command = next(line for line in text.splitlines() if line.startswith(f"- {name}:")).split("`")[1]
            metric = command.partition("--metric ")[2] or lever.metric
            assert command.startswith("lab sweep" if metric == "capacity" else "lab pull")
            assert metric == "capacity" or metric not in ELSEWHERE


def test_what_was_swept_was_run(tmp_path):
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "uvicorn_workers.multi.20260102-030405.json").write_text(
        json.dumps(swept((100.0, 190.0, 200.0)))
    )
    guide.write(tmp_path, [])
    assert "- uvicorn_workers:" not in (tmp_path / "evidence.md").read_text()


def test_each_lever_has_verdict_figure_and_command(folder):
    text = (folder / "levers" / "event_loop.md").read_text()
    for part in ("**▼ worse.**", "../figures/event_loop.0.svg", "```\nlab pull event_loop", "As expected:"):
        assert part in text


def test_the_command_asks_the_same_also_where_the_lever_has_another_metric_now():
    asked = {"lever": "event_loop", "rate": 240.0, "trial_seconds": 4.0, "also": ()}
    other = replace(made_up(metric="p50", **asked), command="lab pull event_loop")
    command = "lab pull event_loop --values uvloop,asyncio --mode multi --rate 240 --trial-seconds"
    for page in (lever_page("event_loop", [(Path("a.json"), other)]), html(other)):
        assert f"{command} 4 --seed 7 --metric p50\n" in page.replace("</pre>", "\n")
    too_short = made_up(metric="p99", **asked)
    assert f"{command} 29 --seed 7" in lever_page("event_loop", [(Path("a.json"), too_short)])


def test_a_round_that_was_measured_again_is_on_the_page(tmp_path):
    result = replace(
        made_up(effect=1.2), fingerprint=MACHINE, notes=["round 3 was measured again: it lagged"]
    )
    result.save(tmp_path / "pulls" / "event_loop.0.json")
    guide.write(tmp_path)
    assert "- Round 3 was measured again: it lagged." in (tmp_path / "levers" / "event_loop.md").read_text()


def test_every_link_leads_somewhere(folder):
    import re

    for page in [
        *(folder / name for name in ("README.md", "ranking.md", "evidence.md")),
        *(folder / "levers").glob("*.md"),
    ]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            known = {
                "../measuring.md",
                "claims.md",
                "pulls",
                "capacity",
                "sweeps",
            }  # written by hand, beside the generated pages
            assert target in known or (page.parent / target).exists(), (page, target)


def test_a_figure_opens_by_itself(folder):
    import xml.etree.ElementTree as xml

    for path in (folder / "figures").glob("*.svg"):
        assert "var(--" not in path.read_text()
        assert xml.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"


def test_the_heat_map_opens_offline(folder):
    text = (folder / "index.html").read_text()
    assert "<code>httptools</code> → <code>h11</code>" in text
    assert "https://" not in text


def test_pages_that_no_pull_made_are_listed(tmp_path):
    (tmp_path / "seed.md").write_text("# How fast seeding is\n\nFast.\n")
    guide.write(tmp_path, [])
    assert "- [How fast seeding is](seed.md)" in (tmp_path / "README.md").read_text()


def test_pictures_of_other_pages_are_left_alone(tmp_path):
    (tmp_path / "figures").mkdir()
    other, stale = tmp_path / "figures" / "shards-1.svg", tmp_path / "figures" / "cache.off-redis.1.svg"
    for picture in (other, stale):
        picture.write_text("<svg/>")
    guide.write(tmp_path, [])
    assert (other.exists(), stale.exists()) == (True, False)


def test_a_curve_is_drawn_with_its_band_and_printed_with_its_command(tmp_path):
    curve = as_json(fit([(n, 100 * n / (1 + 0.1 * (n - 1))) for n in (1.0, 2.0, 3.0, 4.0)]))
    command = "lab scale-curve uvicorn_workers --values 1,2,3,4 --mode multi"
    raw = swept((100.0, 182.0, 250.0, 308.0), ("1", "2", "3", "4"))
    without = scaling.drawn(raw)
    raw |= {"curve": json.loads(json.dumps(curve)), "command": command}
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "uvicorn_workers.multi.20260102-030405.json").write_text(json.dumps(raw))
    guide.write(tmp_path, [])
    page = (tmp_path / "levers" / "uvicorn_workers.md").read_text()
    assert f"```\n{command}\n```" in page
    assert "The law that fits: one gives 100/s; contention 10.0%" in page
    assert "95 % band" in scaling.drawn(raw)
    assert "95 % band" not in without


def test_how_long_operations_waited_for_a_connection_is_beside_the_capacity():
    raw = swept((100.0, 190.0, 200.0))
    for one, wait in zip(raw["points"], (3.25, 0.5, 0.001), strict=True):
        one["acquire_wait_ms"] = wait
    path = Path("uvicorn_workers.multi.20260102-030405.json")
    assert "| 1 | 100/s | 110/s | 50 MiB | 3.250 ms |" in scaling.on_lever("uvicorn_workers", [(path, raw)])
    raw["points"][0]["acquire_wait_ms"] = 177.0  # the SLO is 100 ms
    told = scaling.on_lever("uvicorn_workers", [(path, raw)])
    assert "| 1 | 100/s | 110/s | 50 MiB | did not hold again |" in told


def test_searches_of_one_value_that_were_repeated_show_their_spread():
    once, again = swept((100.0, 190.0, 200.0)), swept((120.0, 150.0, 200.0))
    path = Path("uvicorn_workers.multi.20260102-030405.json")
    alone = "\n".join(scaling.on_lever("uvicorn_workers", [(path, once)]))
    both = once | {"repeats": 2, "points": once["points"] + again["points"]}
    words = "\n".join(scaling.on_lever("uvicorn_workers", [(path, both)]))
    assert "| 1 | 100/s | 110/s |" in alone
    assert "| 1 | 100/s (100 to 120/s) | 110/s |" in words and "2 searches a value" in words


def swept(held, values=("1", "2", "4"), unbounded=None):
    points = [
        {
            "value": value,
            "memory_mib": 50.0,
            "bracket": {
                "passes": low,
                "fails": None if low == unbounded else low * 1.1,
                "slo": {},
                "attempts": [],
            },
        }
        for value, low in zip(values, held, strict=True)
    ]
    return {
        "kind": "sweep", "lever": "uvicorn_workers", "mode": "multi", "repeats": 1, "seed": 1,
        "values": list(values), "points": points,
    }  # fmt: skip


def test_on_top_it_is_said_how_busy_the_machine_was_and_that_rates_were_given():
    calm = replace(made_up(effect=1.2), fingerprint=MACHINE)
    busy = [replace(one, detail={**one.detail, "others": 1.5}) for one in calm.observations]
    shared = replace(calm, observations=busy, capacity=None)
    (words, _) = conditions([(Path("a.json"), calm), (Path("b.json"), shared)])
    assert "In 1 of 2 sessions other programs used more than 0.3 cores (median 1.5)" in words
    assert "2 of 2 measured p99 got a verdict" in words
    assert "In 1 the rate was given" in words


def test_it_is_said_why_a_p99_was_not_decided():
    enough = replace(made_up(effect=1.2), fingerprint=MACHINE)
    told = [replace(one, samples=300 + one.round) for one in enough.observations]
    few = replace(enough, observations=told)
    words = "2 of 2 measured p99 got a verdict"
    assert f"{words}. " in conditions([(Path("a.json"), enough), (Path("b.json"), enough)])[0]
    why = ": in 1 the smallest trial had 300 to 300 samples, 2,000 are needed. "
    assert f"{words}{why}" in conditions([(Path("a.json"), enough), (Path("b.json"), few)])[0]


def test_what_a_changed_tree_measured_is_counted_signed_and_not_firm():
    clean = replace(made_up(effect=1.2, also=()), fingerprint=MACHINE)
    changed = replace(clean, fingerprint={**MACHINE, "changed": True})
    latest = [(Path("a.json"), clean), (Path("b.json"), changed), (Path("c.json"), beside(clean, 1.5))]
    assert "3 showed a difference (1 of them firmly:" in summary(latest)[0]
    assert "1 come from a tree with changes that were not committed (§" in conditions(latest)[0]
    assert "[worse](pulls/b.json) ° § |" in evidence(latest)
    assert mark(changed) == " (code not committed)"


def test_a_page_says_which_load_was_run_and_what_was_not_committed(tmp_path):
    result = replace(made_up(effect=1.2), fingerprint={**MACHINE, "commit": "abc", "changed": True})
    replace(result, capacity=None).save(tmp_path / "pulls" / "event_loop.0.json")
    guide.write(tmp_path)
    page = (tmp_path / "levers" / "event_loop.md").read_text()
    assert (
        "500 sends a second over 3 processes (the rate was given, capacity not searched; mix `send`)" in page
    )
    assert "80 characters a message, 200 listening sockets" in page
    assert "commit abc with changes that are not committed." in page
    assert "Not pulled: `asyncio_debug`." in page
    assert "Predicted before the run: up, came true." in page


def test_a_rate_is_called_found_only_where_the_search_saw_one_fail():
    found = made_up(effect=1.2)
    sides = found.capacity
    endless = {**sides, "b": {**sides["b"], "fails": None}}
    assert origin(found) == "found by a search of the capacity"
    assert origin(replace(found, capacity=endless)).endswith("ended before any rate failed")
    assert origin(replace(found, capacity=None)) == "given, capacity not searched"


def test_the_reason_of_the_second_value_is_not_given_for_another():
    lever = lever_named("event_loop")
    second = (Path("a.json"), made_up(effect=1.2))
    third = (Path("b.json"), made_up(effect=1.2, values=("uvloop", "asyncio_debug")))
    assert lever.because in lever_page("event_loop", [second])
    page = lever_page("event_loop", [third])
    assert lever.because not in page
    assert "As expected it went up." in page


@pytest.mark.parametrize(
    ("lever", "values", "changes", "words"),
    [
        ("encoding", ("json", "msgpack"), {}, "no message was longer than 80 characters"),
        ("encoding", ("json", "msgpack"), {"content_characters": 2_000}, ""),
        ("group_commit", ("on", "off"), {}, "it is shown at 500/s only"),
        ("pair_index", ("on", "off"), {}, "the table had 20,000 rows, all of them in memory"),
        ("pair_index", ("on", "off"), {"messages": 2_000_000}, ""),
        *(
            ("routing", ("partition", "fanout"), {"mode": mode, "design": "abab"}, words)
            for mode, words in (
                ("multi", "in mode multi each service had users of 79% of the partitions"),
                ("stack", ""),
            )
        ),
        (
            *("cache", ("off", "process"), {}),
            "staleness is not shown, nobody changes a profile while the look-ups run",
        ),
        *(
            ("prefetch", ("100", "1"), {"design": "abab", "rate": rate}, words)
            for rate, words in (
                (500.0, "at 500 messages/s one comes every 2.0 ms, and an acknowledgement takes about one"),
                (1_600.0, ""),
            )
        ),
        (
            *("query_path", ("raw", "orm_async"), {}),
            "an ORM reads before it writes: for each message orm_async had 4 statements in a "
            "transaction, the others 1; GROUP_COMMIT is off on both sides; orm_async checked the signature "
            "of each token, which the other side remembers",
        ),
        ("query_path", ("raw", "fastapi"), {}, ""),
        ("query_path", ("raw", "fastapi_asyncpg"), {"held": {"TOKEN_CACHE": "off"}}, ""),
        (
            *("query_path", ("fastapi", "fastapi_asyncpg"), {}),
            "fastapi_asyncpg checked the signature of each token, which the other side remembers",
        ),
    ],
)
def test_a_result_that_breaks_its_own_condition_says_so(lever, values, changes, words):
    found = [(Path("a.json"), made_up(lever=lever, values=values, also=(), **changes))]
    page = lever_page(lever, found)
    assert (f"**That applies here**: {words}." in page) if words else ("That applies" not in page)


def test_the_firmest_result_that_counts_answers_for_its_question_whatever_came_after():
    full = made_up(effect=1.3, lever="http_parser", values=("httptools", "h11"), also=())
    later = replace(full, started_at=full.started_at + 10)
    few = replace(later, observations=[one for one in full.observations if one.round < 6])
    invalid = replace(later, verdicts=[replace(full.primary, word="INVALID")])
    for worse in (few, invalid, beside(later, 1.5)):
        assert latest_of([(Path("full.json"), full), (Path("worse.json"), worse)]) == [
            (Path("full.json"), full)
        ]
    newer = (Path("newer.json"), later)
    assert latest_of([newer, (Path("full.json"), full)]) == [newer]
    assert latest_of([(Path("invalid.json"), invalid)])  # the only one is shown


def beside(result, cores):
    """The same, with other programs on the machine."""
    told = [replace(one, detail={**one.detail, "others": cores}) for one in result.observations]
    return replace(result, observations=told)


def test_what_stands_less_firmly_has_signs_in_the_table(tmp_path):
    result = beside(replace(made_up(effect=1.3), fingerprint=MACHINE), 0.5)
    result.observations[0].detail["again"] = ["achieved 0.7"]
    latest = [(Path("a.json"), result)]
    assert "▼ [worse](pulls/a.json) † ↻1 °" in evidence(latest)
    assert "at 500/s † ↻1 °" in ranking(latest)
    page = lever_page("event_loop", latest)
    assert "(other programs used 0.5 cores; 1 of 12 rounds measured again)" in page


@pytest.mark.parametrize("changes", [{}, {"lever": "debounce", "values": ("0", "0.2"), "part": "websocket"}])
def test_older_code_has_its_sign_and_newer_code_of_no_kind_of_process_has_it(changes):
    then = made_up(effect=1.3, also=(), **changes)
    now = replace(then, settings={side: {**of, "gc_threshold": 20_000} for side, of in then.settings.items()})
    assert signs(then) == " °"
    assert signs(now) == ""


@pytest.mark.parametrize(
    ("reported", "words", "signed"),
    [
        ({"broker": "rabbitmq"}, "broker rabbitmq, client aio-pika, the default then", True),
        ({"broker": "rabbitmq", "amqp_client": "lean"}, "broker rabbitmq, client lean", False),
        ({"broker": "postgres"}, "broker postgres,", False),
    ],
)
def test_what_the_client_of_then_measured_is_told_from_newer_figures(reported, words, signed):
    result = made_up(1.3, lever="encoding", values=("json", "msgpack"), design="abab", also=())
    whole = replace(result.primary, metric="cpu_per_1k_total")
    told = [replace(one, metrics={"cpu_per_1k_total": 1.0, **one.metrics}) for one in result.observations]
    settings = {side: {**of, **reported} for side, of in result.settings.items()}
    found = replace(result, settings=settings, observations=told, verdicts=[result.primary, whole])
    latest = [(Path("a.json"), found)]
    assert words in lever_page("encoding", latest)
    assert ("‡" in signs(found)) == signed
    assert hops(latest)[-2].endswith(f"| worse{' ‡' if signed else ''} | 0.05 |")
    assert "‡: over RabbitMQ" in evidence(latest)


def test_the_twins_of_all_sessions_are_judged_as_if_they_were_a_lever():
    def told(times):
        """A session whose twin costs so many times A, but for one part in a thousand."""
        costs = {"a": (10.0, 10.01), "a2": (10.0 * times, 10.0 * times), "b": (13.0, 13.0)}
        result = made_up(effect=1.3, also=())
        noisy = [
            replace(one, metrics={"cpu_per_1k": costs[one.side][one.round % 2]})
            for one in result.observations
        ]
        return Path("a.json"), replace(result, observations=noisy)

    words = twins_judged([told(1.0005), told(1.01), told(1.05), told(0.95)])
    assert "beyond the least margin of 2% in 2 of 4 sessions" in words
    assert "leaves out 0 in 3 (an interval of 95% may in 0.2)" in words
    assert words in resolved([told(1.0005), told(1.01), told(1.05), told(0.95)])


def test_pairs_of_one_set_of_processes_that_are_alike_are_counted():
    one = made_up(design="abab", renew_every=3, also=())

    def moved(by_renewal, by_pair):
        told = []
        for each in one.observations:
            factor = 1 + by_renewal * (each.round // 3) + by_pair * (each.round % 3)
            told.append(replace(each, metrics={"cpu_per_1k": 1_000.0 * (factor if each.side == "b" else 1)}))
        return Path("a.json"), replace(one, observations=told)

    assert "in 1 of 1 sessions" in bonds([moved(0.1, 0.001)])
    assert "in 0 of 1 sessions" in bonds([moved(0.0, 0.1)])
    assert bonds([(Path("a.json"), made_up(also=()))]) == ""


def test_a_second_rate_is_a_second_result_with_its_own_heading():
    slow = made_up(lever="group_commit", values=("on", "off"), also=())
    fast = replace(slow, plan={**slow.plan, "rate": 2_000.0})
    latest = latest_of([(Path("a.json"), slow), (Path("b.json"), fast)])
    page = lever_page("group_commit", latest)
    assert "## on or off, of CPU, 500/s" in page
    assert "## on or off, of CPU, 2,000/s" in page
    assert "That applies" not in page


def test_another_load_or_a_setting_held_is_a_question_of_its_own_with_its_heading():
    usual = made_up(lever="group_commit", values=("on", "off"), also=())
    mixed = replace(usual, plan={**usual.plan, "mix": "list"})
    held = replace(usual, plan={**usual.plan, "held": {"SWEEP_SECONDS": "60"}})
    latest = latest_of([(Path("a.json"), usual), (Path("b.json"), mixed), (Path("c.json"), held)])
    page = lever_page("group_commit", latest)
    assert "## on or off, of CPU, mix list\n" in page
    assert "## on or off, of CPU, `SWEEP_SECONDS=60`\n" in page
    assert "both sides with `SWEEP_SECONDS=60`" in page
    assert page.index("at 500/s `off`") < page.index("at 500/s, newest pages of a dialog `off`")
    assert "SWEEP_SECONDS" in evidence(latest) and "SWEEP_SECONDS" not in ranking(latest) + guide.index(
        latest
    )


def test_documents_that_a_lever_names_are_links():
    assert linked("see docs/delivery.md", "results") == "see [delivery](../delivery.md)"
    assert linked("(docs/results/citus.md)", "results/levers") == "([citus](../citus.md))"


def test_every_load_has_words():
    assert set(OPERATIONS) == set(MIXES)


def test_what_the_processes_counted_is_on_the_page(tmp_path):
    result = replace(made_up(effect=1.2), fingerprint=MACHINE)
    waited = {"a": 0.0, "a2": 0.0, "b": 0.25}
    told = [
        replace(one, detail={**one.detail, "counted": {"acquire_wait_ms": waited[one.side]}})
        for one in result.observations
    ]
    replace(result, observations=told).save(tmp_path / "pulls" / "event_loop.0.json")
    guide.write(tmp_path)
    page = (tmp_path / "levers" / "event_loop.md").read_text()
    assert "mean of all operations: `uvloop` 0.000 ms, `asyncio` 0.250 ms." in page
    assert "look-ups" not in page.lower()


def test_a_sweep_is_on_the_index_and_on_its_lever_s_page(tmp_path):
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "uvicorn_workers.multi.20260102-030405.json").write_text(
        json.dumps(swept((100.0, 190.0, 200.0)))
    )
    guide.write(tmp_path, [])
    assert (
        "[uvicorn_workers](levers/uvicorn_workers.md): held: 1 100/s, 2 190/s, 4 200/s; two searches"
        in (tmp_path / "evidence.md").read_text()
    )
    page = (tmp_path / "levers" / "uvicorn_workers.md").read_text()
    assert "| 2 | 190/s | 209/s | 50 MiB | - |" in page
    assert (tmp_path / "figures" / "uvicorn_workers.multi.20260102-030405.svg").exists()


def test_what_a_kill_loses_and_how_long_a_sync_takes_is_on_the_page_of_durability(tmp_path):
    result = made_up(effect=0.7, lever="durability", values=("on", "off"), metric="p50", also=())
    replace(result, fingerprint={**MACHINE, "disk_sync_seconds": 0.0021}).save(
        tmp_path / "pulls" / "durability.0.json"
    )
    (tmp_path / "faults.md").write_text(
        "| fault | expected | observed | repair | lost / twice / disorder | held |\n"
        "|---|---|---|---|---|---|\n"
        "| kill -9 of PostgreSQL, with crash recovery | 503 | nothing | none late | 0 / 0 / 0 | yes |\n"
    )
    guide.write(tmp_path)
    page = (tmp_path / "levers" / "durability.md").read_text()
    assert "a synced write of 8 KiB took 2.1 ms" in page
    assert "- kill -9 of PostgreSQL, with crash recovery: 0 / 0 / 0 lost / twice / out of order" in page
    assert "(../faults.md)" in page


def test_stale_reads_are_said_also_when_there_were_none(tmp_path):
    result = replace(made_up(effect=1.2, lever="read_routing", values=("primary", "replica")))
    told = [
        replace(one, detail={**one.detail, "counted": {"stale_reads": 0.015, "stale_own_reads": 0.0}})
        for one in result.observations
    ]
    replace(result, fingerprint=MACHINE, observations=told).save(tmp_path / "pulls" / "read_routing.0.json")
    guide.write(tmp_path)
    page = (tmp_path / "levers" / "read_routing.md").read_text()
    assert (
        "acknowledged before: `primary` 1.50%, `replica` 1.50% (of all sides of the duet together)." in page
    )
    assert "the reader had sent: `primary` 0.00%" in page


def test_who_stops_it_while_it_draws_keeps_the_old_pages(tmp_path, monkeypatch):
    found = [(Path("event_loop.0.json"), made_up(effect=1.2))]
    page = tmp_path / "levers" / "event_loop.md"
    page.parent.mkdir()
    page.write_text("old")

    def stopped(result):
        raise KeyboardInterrupt

    monkeypatch.setattr("lab.report.pull.intervals", stopped)
    with pytest.raises(KeyboardInterrupt):
        guide.write(tmp_path, found)
    assert page.read_text() == "old"


def test_the_index_has_firm_results_alone_and_no_signs():
    parser = made_up(effect=1.3, lever="http_parser", values=("httptools", "h11"), also=())
    busy = beside(made_up(effect=1.8, lever="token_cache", values=("on", "off"), also=()), 1.5)
    queue = made_up(effect=1.4, lever="queue_type", values=("classic", "quorum"), design="abab", also=())
    text = guide.index([(Path("a.json"), parser), (Path("b.json"), busy), (Path("c.json"), queue)])
    assert "[http_parser]" in text
    assert "[token_cache]" not in text  # beside other programs
    assert "[queue_type]" not in text and "#our-load-cannot-show-these" in text
    assert not set("†¶‡§°↻") & set(text)
    assert "Only firm results are here: 12 pairs or more" in text
    assert "Only firm" not in guide.index([(Path("b.json"), busy)])
