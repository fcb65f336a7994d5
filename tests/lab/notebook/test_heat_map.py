"""The heat map shows each lever's pulls, what a verdict says, and no more than that."""

import re
from dataclasses import replace
from pathlib import Path

from lab.notebook.heat_map import heat_map
from tests.lab.report.made_up_pulls import made_up

MACHINE = {"cpu": "x", "cores": 2, "memory_bytes": 8 * 2**30, "system": "Debian", "python": "3.11"}


def test_two_designs_of_one_question_are_two_rows_of_the_heat_map():
    duet = replace(made_up(effect=1.2), fingerprint=MACHINE)
    abab = replace(duet, plan={**duet.plan, "design": "abab"})
    text = heat_map([(Path("a.json"), duet), (Path("b.json"), abab)])
    values = "<code>uvloop</code> → <code>asyncio</code>"
    assert f"<td>{values}</td>" in text and f"<td>{values} <small>by abab</small></td>" in text
    long = replace(duet, plan={**duet.plan, "content_characters": 2_000})
    assert f"<td>{values} <small>2,000 characters</small></td>" in heat_map([(Path("c.json"), long)])


def cells_of(result):
    """Class, shade and words of each cell of the map of one result."""
    text = heat_map([(Path("a.json"), replace(result, fingerprint=MACHINE))])
    return re.findall(r'<td class="cell (.*?)" style="--shade:(\d+)%" title="[^"]+">(.*?)</td>', text)


def test_a_cell_is_the_darker_the_more_it_moved_and_a_number_that_claims_nothing_is_grey():
    (worse, *_), (much, *_) = (cells_of(made_up(effect=effect, also=())) for effect in (1.3, 2.5))
    assert worse[0] == much[0] == "bad decides" and int(worse[1]) < int(much[1])
    assert worse[2].startswith("▼ +") and re.fullmatch(r"▼ 2\.\dx", much[2])
    verdict = replace(made_up(effect=1.3).primary, word="no difference shown")
    (open_,) = cells_of(replace(made_up(effect=1.3, also=()), verdicts=[verdict]))
    assert (
        open_[0].split() == ["soft", "decides"]
        and int(open_[1]) < int(worse[1])
        and open_[2].startswith("? +")
    )


def test_only_the_metric_that_was_named_before_the_run_is_bold():
    bold = ["decides" in one[0] for one in cells_of(made_up(effect=1.3))]
    assert len(bold) > 1 and bold == [True, *[False] * (len(bold) - 1)]


def test_a_pull_without_a_figure_is_a_row_that_says_so():
    text = heat_map([(Path("a.json"), replace(made_up(failing=(1, 2, 3)), fingerprint=MACHINE))])
    assert "✗ INVALID</td>" in text and 'class="cell' not in text


def test_an_earlier_answer_stays_on_the_index():
    then, now = (replace(made_up(effect=effect), fingerprint=MACHINE) for effect in (1.2, 1.4))
    latest = [(Path("now.json"), now)]
    assert "Earlier answers" not in heat_map(latest, latest)
    assert "Earlier answers" in heat_map(latest, [(Path("then.json"), then), *latest])
