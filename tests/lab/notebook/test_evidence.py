"""What takes from a figure is beside it: its load, what was asked before, and what nobody asked."""

import re
from dataclasses import replace
from pathlib import Path

from lab.caveats import caveat
from lab.notebook import guide, scaling
from lab.notebook.evidence import evidence
from lab.notebook.hops import hops
from lab.notebook.lever_page import Beside, lever_page
from lab.notebook.load_point import cell, changing, provisos, words
from lab.notebook.predictions import prediction, predictions
from lab.notebook.ranking import ranking
from lab.notebook.resolved import resolved
from lab.scaling.capacity import Bracket, Slo
from lab.scaling.stored import CapacityResult
from tests.lab.notebook.test_advice import beside
from tests.lab.report.made_up_pulls import made_up

SECOND = 1_700_000_000.0


def search(passes, fails, *, commit="new", mode="multi", at=SECOND, levers=None):
    bracket = Bracket(passes, fails, Slo(), (), "p99 342 ms", "the machine (97% in use)")
    return CapacityResult(
        *(mode, "send", {"backend": 2}, bracket, {"commit": commit, "cores": 2}),
        *(levers or {}, "lab capacity", at, 60),
    )


def searched(tmp_path, *results):
    for one in results:
        one.save(tmp_path)
    return scaling.capacities_of(tmp_path)


def test_all_searches_of_the_newest_commit_of_a_mode_are_shown_with_their_range(tmp_path):
    known = searched(
        tmp_path,
        search(9_000, 9_500, commit="old"),
        search(3_600, 3_900, at=SECOND + 100),
        search(4_000, 4_200, at=SECOND + 200),
        search(5_000, 5_200, mode="stack", at=SECOND + 300),
    )
    rows = [line for line in scaling.section([], known) if line.startswith(("| multi", "| stack"))]
    assert "| multi | send | the defaults | 2 backend | 3,600 to 4,200 | 2 searches, held [3,600](" in rows[0]
    assert "| 5,000 to 5,200 | 1 search, held [5,000](" in rows[1]
    assert len(rows) == 2


def test_the_rate_of_a_pull_stands_as_a_part_of_what_its_mode_carries(tmp_path):
    known = searched(tmp_path, search(4_000, 4_200), search(1_000, 1_100, levers={"GROUP_COMMIT": "off"}))
    own = made_up(also=())
    given = replace(own, capacity=None)
    assert words(given, known) == "about 12% of what mode multi carries by default (2 backend)"
    assert (cell(given, known), cell(given, [])) == ("12%", "-")
    assert cell(replace(given, plan={**given.plan, "mix": "list"}), known) == "-"
    assert cell(replace(given, plan={**given.plan, "content_characters": 2_000}), known) == "-"
    assert (words(own, known), cell(own, known)) == (
        "about 83% of what the slower side carried alone, shared by three sides",
        "83% *",
    )
    latest = [(Path("a.json"), given)]
    assert (
        "known for 1 of 1 pulls: the rate was about 12% of it in the median, and 12% at most"
        in provisos(latest, known)[0]
    )
    assert provisos(latest, []) == []
    assert "of what mode multi carries by default" in lever_page(
        "event_loop", latest, Beside(capacities=known)
    )
    assert "| 500 sends | 12% |" in evidence(latest, capacities=known)


def test_what_came_out_otherwise_at_another_rate_is_named():
    def at(rate, effect):
        return Path(f"{rate}.json"), made_up(effect=effect, also=(), rate=rate)

    (told,) = changing([at(240.0, 1.0), at(960.0, 1.3)])
    assert "% at 240/s ° (same within the margin), +" in told
    assert told.startswith(
        "[event_loop](levers/event_loop.md) from `uvloop` to `asyncio`, CPU per 1,000, API "
    )
    assert changing([at(240.0, 1.3), at(960.0, 1.3)]) == []


def asked(at, word="up", **changes):
    path = Path(f"event_loop.{at}.json")
    return path, replace(made_up(also=(), **changes), prediction=word, started_at=SECOND + at)


def test_a_prediction_counts_only_the_first_time_that_its_question_is_asked():
    first, again, faster = asked(0, "down"), asked(1, "up"), asked(2, "up", rate=900.0)
    found = [first, again, faster]
    assert prediction(first[1], found) == "down: did not come true"
    assert prediction(again[1], found) == "up: came true (repeat)"
    assert prediction(faster[1], found) == "up: came true (repeat)"
    assert predictions(found).startswith("Of 1 predictions")
    assert "0 came true, 1 did not, and 0 were not decided" in predictions(found)
    assert "2 more were noted before a repeat" in predictions(found)
    other = asked(3, "up", values=("uvloop", "asyncio_debug"))
    assert predictions([*found, other]).startswith("Of 2 predictions")
    silent = (first[0], replace(first[1], prediction=None))
    assert predictions([silent, again]).startswith("Of 0 predictions")
    assert "| up: came true (repeat) |" in evidence([again], found)
    page = lever_page("event_loop", [again], Beside(found=found))
    assert "Predicted before the run: up, came true; the answer was known from a pull before." in page


def test_every_result_of_a_question_is_on_the_page_of_its_lever():
    first, again = asked(0), asked(1)
    shaky = (first[0], replace(beside(first, 1.5)[1], fingerprint={"commit": "abc", "changed": True}))
    page = lever_page("event_loop", [again], Beside(found=[shaky, again]))
    table = page.partition("## Measured more than once")[2]
    assert "(../pulls/event_loop.0.json) † ° § | 12 | 1.50 | abc |" in table
    assert table.index("event_loop.0.json") < table.index("event_loop.1.json")
    alone = lever_page("event_loop", [again], Beside(found=[again]))
    assert "Measured more than once" not in alone


def test_a_design_says_from_which_change_on_it_gives_a_verdict():
    (row,) = (line for line in resolved([asked(0)]) if line.startswith("| duet | API | CPU per 1,000, API"))
    half, _, needed = (float(one.split("%")[0]) for one in row.split("|")[5:8])
    assert needed >= half + 2.0  # no margin is less


def test_milliseconds_of_two_rows_of_the_hops_are_said_to_be_of_two_sessions():
    def total(at, times):
        path, one = asked(at, lever="delivery", values=("confirm", "outbox"))
        told = [
            replace(each, metrics={"cpu_per_1k_total": each.metrics["cpu_per_1k"] * times})
            for each in one.observations
        ]
        verdict = replace(one.primary, metric="cpu_per_1k_total")
        return path, replace(one, observations=told, verdicts=[verdict])

    found = [beside(total(0, 100.0), 1.25), total(1, 200.0)]
    text = "\n".join(hops(found[:1], found))
    assert "**Milliseconds of two rows cannot be compared**" in text
    assert " (*API* in 2 sessions at default settings and one rate: " in text
    assert text.rstrip().endswith("| 1.25 |")


def test_values_that_nobody_pulled_are_listed():
    text = evidence([asked(0)])
    assert (
        "Values of the others that were never pulled: [event_loop](levers/event_loop.md) `asyncio_debug`."
        in text
    )
    assert "A verdict for 1 of " in text


def test_shares_are_said_to_be_of_the_path_in_front_of_fastapi_with_the_price_of_its_layers():
    layers = (Path("q.json"), made_up(2.04, lever="query_path", values=("raw", "fastapi"), also=()))
    found = [asked(0), layers]
    page = lever_page("event_loop", [asked(0)], Beside(found=found))
    price = r"2\.\d times as much at \d+/s \(\[query_path\]\(query_path\.md\)\), .* are about \d\d%"
    assert re.search(price, page)
    assert "µs a send, +" in page.partition("**▼ worse.**")[2].partition("\n")[0]
    assert "(backend/hot_path.py)" not in lever_page("debounce", [])
    assert "[query_path](levers/query_path.md)), so there the same µs" in ranking(found)
    assert "so there the same µs are a smaller share" in ranking(found[:1])


def test_the_pull_that_is_kept_as_a_page_has_a_capacity_to_draw():
    drawn = asked(0)
    result, capacity = drawn[1], drawn[1].capacity
    bare = (Path("b.json"), replace(asked(1)[1], capacity=None))
    assert guide.example_of([bare, drawn]) is result
    endless = {**capacity, "b": {**capacity["b"], "fails": None, "passes": 1.0}}
    unbounded = (Path("c.json"), replace(drawn[1], capacity=endless))
    assert guide.example_of([bare, unbounded, drawn]) is result
    assert guide.example_of([bare, unbounded]) == unbounded[1]
    assert guide.example_of([beside(drawn, 1.5), bare]) is bare[1]


def test_the_pull_that_is_kept_as_a_page_was_predicted_on_a_machine_with_room_where_there_is_one():
    drawn = asked(0)
    whole = drawn[1]
    blind = (Path("b.json"), replace(whole, prediction=None))
    crowd = replace(whole.primary, caveats=(caveat("pressure", share=0.8),))
    full = (Path("c.json"), replace(whole, verdicts=[crowd]))
    assert guide.example_of([blind, full, drawn]) is whole
    other = asked(1, lever="logging", values=("warning", "info"))
    assert guide.example_of([blind, full, other]) is other[1]
    assert guide.example_of([other, drawn]) is whole
    assert guide.example_of([blind, full]) == blind[1]
