"""The page of one lever in the notebook: what it is, and what pulling it gave."""

import re
from collections.abc import Sequence
from pathlib import Path

from lab.experiments.plan import PullPlan
from lab.experiments.result import PullResult
from lab.report.advice import Found, between
from lab.report.counted import counted
from lab.trials.schedule import SIDES
from lab.verdict import GLYPHS, Verdict
from levers.catalogue import lever_named, page, paragraphs
from levers.lever import Lever
from levers.metrics import METRICS


def lever_page(name: str, own: Sequence[Found], besides: Sequence[str] = ()) -> str:
    """The whole page. `besides`: what other commands found out about the lever, as Markdown lines."""
    lever = lever_named(name)
    told = paragraphs(page(name))
    lines = [f"# {name}", "", told["question"], "", _sentence(told.get("Problem", "")), ""]
    texts = dict.fromkeys(told[value] for value in lever.values if value in told)
    for text in texts:  # a text may be about several values
        values = " or ".join(f"`{value}`" for value in lever.values if told.get(value) == text)
        lines.append(f"- {values}: {text}")
    lines.append("")
    for path, result in own:
        lines += _told(path, result, lever)
    lines += [
        *besides,
        "## When it would be different",
        "",
        f"{_sentence(told.get('Different when', ''))} The comparison would be dishonest if "
        f"{lever.dishonest_if}.",
        "",
        f"Said where the lever comes from ({', '.join(lever.sources)}): “{lever.claim}”.",
        "",
        "[All results](../README.md)",
    ]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


def _told(path: Path, result: PullResult, lever: Lever) -> list[str]:
    verdict = result.primary
    lines = [
        f"## {result.values[0]} or {result.values[1]}{apart(result)}",
        "",
        f"**{GLYPHS[verdict.word]} {verdict.word}.** {verdict.sentence}",
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
        f"{_meaning(result, lever)} {_how(result)}",
        "",
        f"```\n{result.command}\n```",
        "",
        f"[The figures](../pulls/{path.name}); `lab report docs/results/pulls/{path.name}` draws the page.",
        "",
    ]
    return lines


def _how(result: PullResult) -> str:
    plan = result.plan
    rounds = len({one.round for one in result.observations})
    quick = " (one look at six rounds: large effects only)" if len(plan["looks"]) == 1 else ""
    share = f" over {len(SIDES)} processes" if plan["design"] == "duet" else ""
    return (
        f"{plan['rate']:g}/s{share}, {plan['design']}, {rounds} rounds of {plan['trial_seconds']:g} s"
        f"{quick}, {plan['users']:,} users and {plan['messages']:,} messages in the tables, "
        f"messages of {content_of(result):,} characters, "
        f"mode {plan['mode']}{_broker(result)}{_disk(result)}, {result.day}, "
        f"{result.seconds / 60:.1f} minutes, "
        f"commit {result.fingerprint.get('commit') or 'unknown'}."
    )


def _disk(result: PullResult) -> str:
    """What a commit waits for here."""
    seconds = result.fingerprint.get("disk_sync_seconds")
    return f", a synced write of 8 KiB took {seconds * 1000:.2g} ms" if seconds else ""


def _broker(result: PullResult) -> str:
    """What carried the hints, where both sides used the same."""
    found = {side.get("broker") for side in result.settings.values()}
    return f", broker {found.pop()}" if len(found) == 1 and None not in found else ""


def _unclaimed(verdicts: Sequence[Verdict]) -> list[str]:
    """One line for each reason why metrics beside the primary one have no figure."""
    reasons: dict[str, list[str]] = {}
    for one in verdicts:
        if one.word == "INVALID":
            label = METRICS[one.metric].label
            seen = "; ".join(caveat.seen for caveat in one.caveats if caveat.grave)
            # The reason names its metric: without it, those of several metrics are one.
            reasons.setdefault(seen.replace(f"{label} needs", "it needs"), []).append(label)
    return [f"- No figure is claimed of {' and '.join(labels)}: {seen}." for seen, labels in reasons.items()]


def apart(result: PullResult) -> str:
    """What sets this result apart from others of its lever and values: another design, the mode single."""
    lever = lever_named(result.lever)
    design = f", by {result.plan['design']}" if result.plan["design"] != lever.design else ""
    mode = f", mode {result.plan['mode']}" if result.plan["mode"] == "single" else ""
    content = content_of(result)
    return design + mode + (f", {content:,} characters" if content != PullPlan.content_characters else "")


def content_of(result: PullResult) -> int:
    """Characters of a message."""
    return int(result.plan.get("content_characters", PullPlan.content_characters))


def _meaning(result: PullResult, lever: Lever) -> str:
    """What to make of it, from what was expected and what came."""
    word, effect = result.primary.word, result.primary.effect
    if effect is None:
        return "Nothing may be concluded from it."
    if word == "no difference shown":
        return "Neither a difference nor sameness was shown: longer trials or a quieter machine are needed."
    moved = "up" if effect.ratio > 1 else "down"
    if lever.metric != result.plan["metric"] or lever.default not in result.values:
        return f"From `{result.values[0]}` to `{result.values[1]}` it went {moved}."
    if word == "same within the margin":
        return f"Expected was {_expected(lever)}; here it does not matter."
    if lever.expected == moved:
        return f"As expected: {lever.because}."
    return f"Expected was {_expected(lever)} ({lever.because}); it went {moved}."


def _expected(lever: Lever) -> str:
    if lever.expected == "either":
        return "a move, either way"
    return f"{METRICS[lever.metric].label} {lever.expected}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
