"""A verdict in words: its sign, its sentence, its interval, and what became of a prediction."""

from collections.abc import Mapping
from typing import Literal

from lab.statistics import Effect

Word = Literal["better", "worse", "same within the margin", "no difference shown", "INVALID"]

# A sign beside the colour, for whoever does not see the colour.
GLYPHS: Mapping[Word, str] = {
    "better": "▲",
    "worse": "▼",
    "same within the margin": "=",
    "no difference shown": "?",
    "INVALID": "✗",
}


def sentence(
    label: str,
    word: Word,
    effect: Effect,
    margin: float,
    *,
    sides: tuple[str, str],
    withheld: str = "",
    unit: str = "pairs",
) -> str:
    """The verdict in words, with the interval. `withheld`: why a change that was seen is not claimed."""
    a, b = sides
    low, moved, high = percents(effect)
    bounds = f"95 % interval {low} to {high}, {effect.pairs} {unit}"
    if word == "same within the margin":
        return f"{b} and {a} are the same in {label} within {margin:.1%} ({bounds})."
    if withheld:
        seen = f"{moved} was seen, {withheld} ({bounds})"
        return f"No difference between {b} and {a} is claimed in {label}: {seen}."
    if word == "no difference shown":
        return (
            f"No difference between {b} and {a} was shown in {label}; "
            f"it could be up to {effect.largest_change:.1%} ({bounds})."
        )
    return f"{b} is {word} than {a} in {label}: {moved} ({bounds}; margin {margin:.1%})."


def percent(ratio: float) -> str:
    """A ratio as a signed change: 1.104 -> +10.4 %; factors from 2 on as 3.2x."""
    return f"{ratio:.1f}x" if ratio >= 2 else f"{(ratio - 1) * 100:+.1f} %"


def percents(effect: Effect) -> tuple[str, str, str]:
    """Low, middle and high in the notation of the middle: +95 % to 2.1x cannot be read as one interval."""
    figures = (effect.low, effect.ratio, effect.high)
    if effect.ratio < 2:
        low, middle, high = (f"{(one - 1) * 100:+.1f} %" for one in figures)
    else:
        low, middle, high = (f"{one:.{1 if one >= 1.95 else 2}f}x" for one in figures)
    return low, middle, high


def change(effect: Effect) -> str:
    """+10.8 % (+9.1 % to +12.0 %)"""
    low, middle, high = percents(effect)
    return f"{middle} ({low} to {high})"


def prediction_came_true(expected: str, word: Word, effect: Effect | None) -> str:
    """What to say about a prediction `up`, `down` or `same` of the metric."""
    if effect is None or word == "INVALID":
        return "not decided: the run is invalid"
    if word == "no difference shown":
        return "not decided: no difference was shown, and equality was not shown either"
    moved = "same" if word == "same within the margin" else ("up" if effect.ratio > 1 else "down")
    return "came true" if moved == expected else f"did not come true: expected {expected}, it was {moved}"
