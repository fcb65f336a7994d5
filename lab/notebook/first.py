"""What to pull first: the largest effects that an ordinary FastAPI service can have.

Which levers those are, and the words of each step, is templates/pull_first.txt; whether a step is there,
its place and its figure is up to the results.
"""

import re
from collections.abc import Sequence

from lab.experiments.result import PullResult
from lab.notebook.hot_path import behind_layers, second_figure
from lab.notebook.opening import Answers
from lab.notebook.standing import Found, unsteady
from lab.notebook.words import by_key
from lab.report.doubts import applies
from lab.report.load_words import OPERATION
from lab.verdict_words import percent

HEAD = [
    "## What to pull first",
    "",
    "For a service whose handlers are FastAPI's; skip what you do not have. The largest effect is first, by",
    "the figure behind FastAPI where there is one: sends and pages are answered in front of it here, and",
    "behind it the share is smaller.",
    "",
]


def first(latest: Sequence[Found], open_questions: bool = False) -> list[str]:
    """The section; nothing where no step was decided. `open_questions`: some levers our load cannot show."""
    answers = Answers(latest)
    found: dict[str, tuple[float, str]] = {}  # the largest of each lever
    for key, words in by_key("pull_first.txt").items():
        result = answers.answer(*key.split())
        if result:
            size = _reader_s(result, latest)
            if size > found.get(result.lever, (0.0, ""))[0]:
                found[result.lever] = (size, _step(result, words, latest))
    steps = [text for _, text in sorted(found.values(), key=lambda each: -each[0])]
    if not steps:
        return []
    unshown = ", and [what our load cannot show](ranking.md#our-load-cannot-show-these)"
    return [
        *HEAD,
        *(f"{number}. {text}" for number, text in enumerate(steps, 1)),
        "",
        f"What else was measured is in [the ranking](ranking.md){unshown if open_questions else ''}: what is "
        "kept there is a default of this lab, so look whether it is yours.",
        "",
    ]


def _reader_s(result: PullResult, latest: Sequence[Found]) -> float:
    """How large the effect is for who has FastAPI's layers, as a factor above 1."""
    assert result.primary.effect is not None
    ratio = behind_layers(result, latest) or result.primary.effect.ratio
    return max(ratio, 1 / ratio)


def _step(result: PullResult, words: str, latest: Sequence[Found]) -> str:
    told, _, behind = words.partition(" | ")
    label = result.label(result.primary.metric).replace("CPU per 1,000,", "CPU,")
    return (
        f"{told} {label}, {OPERATION[result.plan['mix']]}, with `{result.values[1]}`: "
        f"{_figure(result, latest)} ([{result.lever}](levers/{result.lever}.md)).{_behind(behind, latest)}"
        f"{_beware(result)}"
    )


def _behind(words: str, latest: Sequence[Found]) -> str:
    """A second sentence with the figure of the result that it names in braces; '' without that result."""
    key = re.search(r"\{(.*)\}", words)
    result = Answers(latest).answer(*key[1].split()) if key else None
    return f" {words.replace(key[0], _figure(result, latest))}" if key and result else ""


def _beware(result: PullResult) -> str:
    unfit = applies([result])
    return f" Here {unfit}." if unfit else ""


def _figure(result: PullResult, latest: Sequence[Found]) -> str:
    """+31.3 % at 800/s (behind FastAPI about +15 %)"""
    assert result.primary.effect is not None
    besides = "; ".join(words for words in (second_figure(result, latest), unsteady(result)) if words)
    return (
        f"{percent(result.primary.effect.ratio)} at {result.plan['rate']:,g}/s{besides and f' ({besides})'}"
    )
