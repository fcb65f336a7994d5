"""The page of one lever in the notebook: what it is, and what pulling it gave."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.experiments.audit import difference
from lab.experiments.preparation import OF_ANOTHER
from lab.experiments.result import PullResult
from lab.notebook.advice import between
from lab.notebook.apart import apart
from lab.notebook.head import machines
from lab.notebook.load_point import words
from lab.notebook.meaning import meaning
from lab.notebook.predictions import prediction, repeated
from lab.notebook.repeats import repeats
from lab.notebook.scaling import Searched
from lab.notebook.signs import client_of_then
from lab.notebook.standing import Found, latest_of, mark
from lab.report.again import pull_again
from lab.report.counted import counted
from lab.report.doubts import doubts, unchecked
from lab.report.links import linked
from lab.report.load_words import load_of
from lab.verdict import LOOKS, Verdict
from lab.verdict_words import GLYPHS
from levers.catalogue import lever_named, page, paragraphs
from levers.lever import Lever
from levers.metrics import METRICS

HERE = "**That applies here**"


@dataclass(frozen=True)
class Beside:
    """What a page tells besides its own results.

    `lines`: what other commands found out about the lever, as Markdown; `sweeps` are the lever's own, that
    know the capacity of its values; `found` are all results of all levers, also those that no page shows
    otherwise.
    """

    lines: Sequence[str] = ()
    sweeps: Sequence[Mapping[str, Any]] = ()
    found: Sequence[Found] = ()
    capacities: Sequence[Searched] = ()


def lever_page(name: str, own: Sequence[Found], beside: Beside | None = None) -> str:
    """The whole page."""
    lever, beside = lever_named(name), beside or Beside()
    told = paragraphs(page(name))
    lines = [f"# {name}", "", told["question"], "", _sentence(told.get("Problem", "")), ""]
    texts = dict.fromkeys(told[value] for value in lever.values if value in told)
    for text in texts:  # a text may be about several values
        values = " or ".join(f"`{value}`" for value in lever.values if told.get(value) == text)
        lines.append(f"- {values}: {text}")
    swept = {value for sweep in beside.sweeps for value in sweep["values"]}
    unknown = [f"`{value}`" for value in never_pulled(lever, own, swept)]
    lines += ["", *([f"Not pulled: {', '.join(unknown)}.", ""] if unknown else [])]
    lines += meaning([one for _, one in own], latest_of(beside.found), beside.sweeps)
    for path, result in own:
        lines += _told(path, result, own, beside)
    lines += [
        *repeats([one for one in beside.found if one[1].lever == name]),
        *beside.lines,
        "## When it would be different",
        "",
        f"{_sentence(told.get('Different when', ''))} The comparison would be dishonest if "
        f"{lever.dishonest_if}.{doubts([result for _, result in own], applying='**That applies here**')}",
        "",
        lever.said,
        "",
        *(machines(own) if own else []),
        "[The guide](../README.md), [all results](../evidence.md)",
    ]
    return linked(re.sub(r"\n{3,}", "\n\n", "\n".join(lines)), "results/levers") + "\n"


def never_pulled(lever: Lever, own: Sequence[Found], swept: Collection[str] = ()) -> list[str]:
    """The values of a lever of which neither a pull nor a sweep, nor another lever, says anything."""
    known = {value for _, result in own if result.lever == lever.name for value in result.values}
    known |= {*swept, *(value for of, value in OF_ANOTHER if of == lever.name)}
    return [value for value in lever.values if value not in known]


def _told(path: Path, result: PullResult, own: Sequence[Found], beside: Beside) -> list[str]:
    verdict, lever = result.primary, lever_named(result.lever)
    medians = between(result, verdict.metric) if verdict.effect else ""
    lines = [
        f"## {result.values[0]} or {result.values[1]}{apart(result, own)}",
        "",
        f"**{GLYPHS[verdict.word]} {verdict.word}.**{mark(result)} {verdict.sentence}{medians}"
        f"{_expectation(result, lever)}{_predicted(result, beside.found)}{_judged_by(result, lever)}",
        "",
    ]
    if verdict.effect:
        lines += [f"![Change of each metric with its interval](../figures/{path.stem}.svg)", ""]
    lines += [
        f"- {one.sentence}{between(result, one.metric)}"
        for one in result.verdicts[1:]
        if one.word != "INVALID"
    ]
    lines += [*_unclaimed(result.verdicts[1:]), *counted(result), ""]
    lines += [f"{caveat.name}: {caveat}\n" for caveat in verdict.caveats]
    lines += [f"- {note[:1].upper()}{note[1:]}." for note in result.notes]
    lines += [
        "",
        f"{_how(result, beside.capacities)}"
        f"{_along(result, lever)}"
        f"{unchecked(result, [one for _, one in own])}",
        "",
        f"```\n{pull_again(result)}\n```",
        "",
        f"[The figures](../pulls/{path.name}); `lab report docs/results/pulls/{path.name}` draws the page.",
        "",
    ]
    return lines


def _judged_by(result: PullResult, lever: Lever) -> str:
    """Where the lever's own metric is, if the command asked for another; '' otherwise."""
    if result.plan["metric"] == lever.metric:
        return ""
    own = METRICS[lever.metric].label
    if any(one.metric == lever.metric for one in result.verdicts):
        where = "is below"
    else:
        where = "is searched for, not pulled" if lever.metric == "capacity" else "was not measured"
    return f" Judged by this metric, as the command asked; the lever's own, {own}, {where}."


def _how(result: PullResult, capacities: Sequence[Searched]) -> str:
    plan = result.plan
    point = words(result, capacities)
    rounds = len({one.round for one in result.observations})
    changed = " with changes that are not committed" if result.fingerprint.get("changed") else ""
    return (
        f"{load_of(result)}{f', {point}' if point else ''}, {plan['design']}, "
        f"{rounds} rounds of {plan['trial_seconds']:g} s{_one_look(plan['looks'])}, "
        f"mode {plan['mode']}{_broker(result)}{_disk(result)}, {result.day}, "
        f"{result.seconds / 60:.1f} minutes, "
        f"commit {result.fingerprint.get('commit') or 'unknown'}{changed}."
    )


def _one_look(looks: Sequence[int]) -> str:
    """That more rounds were not to come, and of few what they can show; '' where there were more looks."""
    if len(looks) != 1:
        return ""
    few = ": large effects only" if looks[0] < LOOKS[0] else ""
    return f" (one look at {looks[0]} rounds{few})"


def _along(result: PullResult, lever: Lever) -> str:
    """Settings that differed because the lever brings them along."""
    found = difference([result.settings.get("a", {})], [result.settings.get("b", {})])
    names = [f"`{name}` ({a}, {b})" for name, (a, b) in found.items() if name != lever.effective]
    return f" Different as well, since the lever brings it along: {', '.join(names)}." if names else ""


def _disk(result: PullResult) -> str:
    """What a commit waits for here."""
    seconds = result.fingerprint.get("disk_sync_seconds")
    return f", a synced write of 8 KiB took {seconds * 1000:.2g} ms" if seconds else ""


def _broker(result: PullResult) -> str:
    """What carried the hints, where both sides used the same, and by which client of RabbitMQ."""
    client = ", client aio-pika, the default then" if client_of_then(result) else ""
    found = {side.get("broker") for side in result.settings.values()}
    if len(found) != 1 or None in found:
        return client
    clients = {side.get("amqp_client") for side in result.settings.values()} - {None}
    return f", broker {found.pop()}{client or (f', client {clients.pop()}' if len(clients) == 1 else '')}"


def _unclaimed(verdicts: Sequence[Verdict]) -> list[str]:
    """One line for each reason why metrics beside the primary one have no figure."""
    reasons: dict[str, list[str]] = {}
    for one in verdicts:
        if one.word == "INVALID":
            label = METRICS[one.metric].label
            reason = "; ".join(caveat.seen for caveat in one.caveats if caveat.grave)
            # The reason names its metric: without it, those of several metrics are one.
            reasons.setdefault(reason.replace(f"{label} needs", "it needs"), []).append(label)
    return [f"- No figure is claimed of {' and '.join(labels)}: {why}." for why, labels in reasons.items()]


def _expectation(result: PullResult, lever: Lever) -> str:
    """What was expected of a decided answer and which way it went; '' where nothing was."""
    word, effect = result.primary.word, result.primary.effect
    if effect is None or word == "no difference shown":
        return ""
    if lever.metric != result.plan["metric"] or lever.default not in result.values:
        return ""
    if word == "same within the margin":
        return f" Expected was {_expected(lever)}."
    moved = "up" if effect.ratio > 1 else "down"
    # The reason is the second value's: of another one the page would give a wrong one.
    reason = lever.because if set(result.values) == set(lever.values[:2]) else ""
    if lever.expected == moved:
        return f" As expected: {reason}." if reason else f" As expected it went {moved}."
    return f" Expected was {_expected(lever)}{f' ({reason})' if reason else ''}; it went {moved}."


def _predicted(result: PullResult, found: Sequence[Found]) -> str:
    """What was noted before this very run, whether it came true, and whether the answer was known."""
    if not result.prediction:
        return ""
    told = prediction(result).replace(": ", ", ")
    known = "; the answer was known from a pull before" if repeated(result, found) else ""
    return f" Predicted before the run: {told}{known}."


def _expected(lever: Lever) -> str:
    if lever.expected == "either":
        return "a move, the way open"
    return f"{METRICS[lever.metric].label} {lever.expected}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
