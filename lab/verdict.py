"""Records in, verdict out. Pure: no clock, no files, no processes.

The words, in the order in which they are decided:

INVALID                a guard failed or a grave caveat stands; no figure is claimed
better, worse          the whole interval lies beyond the margin, and Wilcoxon agrees
same within the margin the whole interval lies within 5 %, of 12 pairs or more; never of sides that share what
                       slows them, as latencies in a duet
no difference shown    none of these; the sentence says how large a difference could still hide

The margin of a difference is the larger of 2 % and the noise floor F of this session (A against A). That of
sameness is fixed: one that grew with the noise would call more things the same the noisier the machine is.
Where A and its twin differ, B must be told from the twin as well, by the same word.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from lab.caveats import Caveat, caveat, guard_failed
from lab.statistics import (
    LEAST_SESSIONS,
    Effect,
    drift,
    effect_of,
    log_ratios,
    one_more_session,
    order_difference,
    over_sessions,
)
from lab.verdict_words import Word, change, percent, sentence
from levers.metrics import METRICS, Metric

Order = Literal["ab", "ba", "together"]

LOOKS = (12, 20, 30)  # the only numbers of pairs at which a session may stop
# Pocock's bound for three looks: each at 0.022, all together 0.05. Looking more often is not free.
ALPHA = {1: 0.05, 2: 0.0294, 3: 0.0221}
LEAST_MARGIN = 0.02
LEAST_TWINS = 5  # pairs of B and A's twin; an interval of fewer means nothing
SAMENESS = 0.05  # the margin of sameness; it must not follow from the session's own noise


@dataclass(frozen=True)
class Pair:
    """One figure of A and one of B that belong together, and which came first."""

    number: int
    a: float
    b: float
    order: Order = "together"


@dataclass(frozen=True)
class Guard:
    """A condition without which figures do not count. `words` state the value and the limit."""

    name: str
    ok: bool
    words: str


@dataclass(frozen=True)
class Record:
    """What was measured of one metric: pairs A/B, pairs A/A, guards, the smallest number of samples.

    `twin_pairs` are the same B against A's twin: asked where the twins differ. `shared`: the sides slow each
    other, which makes a difference smaller; then there is no sameness.
    """

    metric: str
    pairs: Sequence[Pair]
    floor_pairs: Sequence[Pair]
    guards: Sequence[Guard] = ()
    least_samples: int | None = None
    looks: Sequence[int] = LOOKS
    remarks: Sequence[Caveat] = ()
    label: str = ""  # what was counted in this design, where the metric's own label does not say it
    twin_pairs: Sequence[Pair] = ()
    shared: bool = False


@dataclass(frozen=True)
class Verdict:
    """The answer about one metric. `effect` and `margin` are None when nothing may be claimed."""

    metric: str
    word: Word
    sentence: str
    effect: Effect | None = None
    floor: Effect | None = None
    margin: float | None = None
    caveats: Sequence[Caveat] = field(default_factory=tuple)
    guards: Sequence[Guard] = field(default_factory=tuple)
    withheld: str = ""  # why a change that was seen is not claimed

    @property
    def decided(self) -> bool:
        """Whether more pairs could not change the word without being unlucky."""
        return self.word not in ("no difference shown", "INVALID")


def judge(record: Record, a: str = "A", b: str = "B") -> Verdict:
    """The verdict about one metric; `a` and `b` name the sides in the sentence."""
    metric = METRICS[record.metric]
    grave = _grave(record, metric)
    if grave:
        return _invalid(record, grave)
    ratios = ratios_of(record.pairs)
    effect = effect_of(ratios)
    floor = effect_of(ratios_of(record.floor_pairs))
    margin = max(LEAST_MARGIN, floor.largest_change)
    notes = [*record.remarks, *_notes(record, ratios, floor)]
    order = _order_caveat(record, ratios, effect, margin)
    if order:
        return _invalid(record, [order, *notes])
    alpha = ALPHA[min(len(record.looks), 3)]
    word = _word(effect, margin, metric, alpha)
    if word == "no difference shown" and effect.largest_change <= SAMENESS and effect.pairs < LOOKS[0]:
        notes.append(caveat("too few for sameness", have=effect.pairs, need=LOOKS[0]))
    withheld = "" if word != "no difference shown" else _withheld(effect, margin)
    if _biased(floor) and word != "no difference shown":
        twin = effect_of(ratios_of(record.twin_pairs)) if len(record.twin_pairs) >= LEAST_TWINS else None
        if twin is None or _word(twin, margin, metric, alpha) != word:
            word, withheld = "no difference shown", f"and {b} against the twin of {a} does not say the same"
            notes.append(caveat("twins disagree", seen=change(twin) if twin else "not measured"))
    if word == "same within the margin" and record.shared:
        word = "no difference shown"
        withheld = "and sides that share a database show no sameness" if effect.excludes_one else ""
        notes.append(caveat("shared by the sides", most=effect.largest_change))
    small = effect.largest_change <= SAMENESS and effect.excludes_one and effect.p_value <= alpha
    if word != "no difference shown" and small:
        notes.append(caveat("real but small", change=effect.ratio - 1, most=effect.largest_change))
    return Verdict(
        record.metric,
        word,
        sentence(
            record.label or metric.label,
            word,
            effect,
            SAMENESS if word == "same within the margin" else margin,
            sides=(a, b),
            withheld=withheld,
        ),
        effect,
        floor,
        margin,
        tuple(notes),
        tuple(record.guards),
        withheld,
    )


def judge_sessions(
    sessions: Sequence[Verdict], a: str = "A", b: str = "B", label: str = "", *, shared: bool = False
) -> Verdict:
    """The verdict of three or more sessions about one metric, each a claim of its own: one figure a session.

    The margin is as in `judge`, with A against A over the same sessions. `shared` as in `Record`. Raises
    ValueError for fewer than three claims.
    """
    metric = METRICS[sessions[0].metric]
    told = [math.log(one.effect.ratio) for one in sessions if one.effect]
    effect = over_sessions(told)
    floor = over_sessions([math.log(one.floor.ratio) for one in sessions if one.floor])
    margin = max(LEAST_MARGIN, floor.largest_change)
    word = _word(effect, margin, metric, ALPHA[1], LEAST_SESSIONS)
    if word == "same within the margin" and shared:
        word = "no difference shown"
    withheld = "" if word != "no difference shown" else _withheld(effect, margin)
    said = sentence(
        label or metric.label,
        word,
        effect,
        SAMENESS if word == "same within the margin" else margin,
        sides=(a, b),
        withheld=withheld,
        unit="sessions",
    )
    low, high = (percent(end) for end in one_more_session(told))
    text = f"{said} One more session may say {low} to {high}."
    return Verdict(sessions[0].metric, word, text, effect, floor, margin, withheld=withheld)


def _word(effect: Effect, margin: float, metric: Metric, alpha: float, enough: int = LOOKS[0]) -> Word:
    """What an effect is called. Both ends of the interval count, for sameness as for a difference."""
    if effect.least_change > margin and effect.p_value <= alpha:
        return "better" if (effect.ratio < 1) == (metric.better == "lower") else "worse"
    if effect.largest_change <= SAMENESS and effect.pairs >= enough:
        return "same within the margin"
    return "no difference shown"


def _withheld(effect: Effect, margin: float) -> str:
    """Why a change whose interval leaves out 0 is not claimed; '' where it does not leave it out."""
    if not effect.excludes_one:
        return ""
    if effect.least_change > margin:
        return f"which Wilcoxon's test does not bear out (p {effect.p_value:.2g})"
    if margin > LEAST_MARGIN:
        return f"perhaps within the noise of A against A ({margin:.1%})"
    return f"perhaps less than the least margin ({margin:.1%})"


def _biased(floor: Effect) -> bool:
    """Whether A and its twin differ by more than the least margin."""
    return floor.excludes_one and abs(floor.ratio - 1) > LEAST_MARGIN


def ratios_of(pairs: Sequence[Pair]) -> list[float]:
    """The log ratios B / A of the pairs."""
    return log_ratios([pair.a for pair in pairs], [pair.b for pair in pairs])


def _grave(record: Record, metric: Metric) -> list[Caveat]:
    """What takes the verdict away before any figure is looked at."""
    found = [guard_failed(guard.name, guard.words) for guard in record.guards if not guard.ok]
    found += [remark for remark in record.remarks if remark.grave]
    if len(record.pairs) < min(record.looks):
        found.append(caveat("too few pairs", have=len(record.pairs), need=min(record.looks)))
    if len(record.floor_pairs) < 5:
        found.append(caveat("no floor"))
    if record.least_samples is not None and record.least_samples < metric.least_samples:
        found.append(
            caveat(
                "too few samples", metric=metric.label, have=record.least_samples, need=metric.least_samples
            )
        )
    ab = sum(pair.order == "ab" for pair in record.pairs)
    ba = sum(pair.order == "ba" for pair in record.pairs)
    if abs(ab - ba) > max(2, len(record.pairs) // 6):
        found.append(caveat("unbalanced order", ab=ab, ba=ba))
    return found


def _order_caveat(record: Record, ratios: Sequence[float], effect: Effect, margin: float) -> Caveat | None:
    """Grave when the order moves the ratio more than the margin and more than half the lever's effect."""
    ab = [r for r, pair in zip(ratios, record.pairs, strict=True) if pair.order == "ab"]
    ba = [r for r, pair in zip(ratios, record.pairs, strict=True) if pair.order == "ba"]
    apart, p = order_difference(ab, ba)
    grave = p < 0.01 and apart > margin and apart > abs(effect.ratio - 1) / 2
    return caveat("order decides", apart=apart, p=p) if grave else None


def _notes(record: Record, ratios: Sequence[float], floor: Effect) -> list[Caveat]:
    notes = []
    if floor.largest_change > 0.10:
        notes.append(caveat("noisy machine", floor=floor.largest_change))
    if _biased(floor):
        notes.append(caveat("biased sides", change=floor.ratio - 1))
    rho, p = drift(ratios)
    if p < 0.01:
        notes.append(caveat("drift", rho=rho))
    return notes


def _invalid(record: Record, found: Sequence[Caveat]) -> Verdict:
    reasons = "; ".join(one.seen for one in found if one.grave)
    text = f"INVALID: {reasons}. No figure is claimed."
    return Verdict(record.metric, "INVALID", text, caveats=tuple(found), guards=tuple(record.guards))
