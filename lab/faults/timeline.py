"""The timeline of a fault as a small SVG, so that a page of forty of them can be kept with the results."""

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape

LEFT, RIGHT, TOP, HIGH, GAP = 46, 560, 20, 64, 18  # of the panels, in points
WIDTH = 700  # with the legend on the right
TICKS_SECONDS = (5, 10, 20, 30, 60)
MOST_TICKS = 12
Lines = Mapping[str, Sequence[float | None]]


def timeline(rates: Lines, latencies: Lines, counts: Lines, marks: Sequence[tuple[float, str]]) -> str:
    """Three panels, one under the other, a value a second. Latencies are in seconds and drawn in ms."""
    panels = [_level(rates, "per second"), _logarithmic(latencies), _level(counts, "count")]
    seconds = max(
        (len(values) for lines in (rates, latencies, counts) for values in lines.values()), default=1
    )
    across, bottom = (RIGHT - LEFT) / max(1, seconds - 1), TOP + len(panels) * (HIGH + GAP) - GAP
    parts = [
        f'<svg class="timeline" viewBox="0 0 {WIDTH} {bottom + 30}" role="img">'
        "<title>Rates, latencies and counts second by second</title>"
    ]
    for number, panel in enumerate(panels):
        parts += panel(TOP + number * (HIGH + GAP), across)
    step = next((one for one in TICKS_SECONDS if seconds / one <= MOST_TICKS), TICKS_SECONDS[-1])
    for second in range(0, seconds, step):
        parts.append(_text(LEFT + second * across, bottom + 13, str(second), "middle"))
    parts.append(_text((LEFT + RIGHT) / 2, bottom + 26, "seconds of the measured time", "middle"))
    for at, word in marks:
        x = LEFT + at * across
        parts.append(f'<path class="mark" d="M{x:.0f} {TOP}V{bottom}"/>{_text(x, TOP - 5, word, "middle")}')
    return "".join([*parts, "</svg>"])


Panel = Callable[[float, float], list[str]]  # (its top, points a second) -> elements


def _level(lines: Lines, unit: str) -> Panel:
    highest = _highest(lines)
    return _panel(lines, unit, [0, highest], lambda value: value / highest)


def _logarithmic(lines: Lines) -> Panel:
    """What is late is a hundred times what is not."""
    shown = {
        label: [None if one is None else one * 1000 for one in values] for label, values in lines.items()
    }
    powers = max(1, math.ceil(math.log10(_highest(shown))))
    ticks = [10.0**power for power in range(powers + 1)]
    return _panel(shown, "ms", ticks, lambda value: math.log10(max(value, 1)) / powers)


def _highest(lines: Lines) -> float:
    return max((one or 0 for values in lines.values() for one in values), default=0) or 1


def _panel(lines: Lines, unit: str, ticks: Sequence[float], share: Callable[[float], float]) -> Panel:
    """`share` of the panel's height at which a value stands."""

    def drawn(top: float, across: float) -> list[str]:
        def y(value: float) -> float:
            return top + HIGH * (1 - share(value))

        parts = [
            f'<path class="rule" d="M{LEFT} {y(tick):.0f}H{RIGHT}"/>'
            + _text(LEFT - 5, y(tick) + 3, f"{tick:,.0f}", "end")
            for tick in ticks
        ]
        parts.append(_text(RIGHT + 10, top + 10, unit))
        for number, (label, values) in enumerate(lines.items(), 1):
            beside = top + 12 + 16 * number
            points = [
                None if value is None else (LEFT + at * across, y(value)) for at, value in enumerate(values)
            ]
            parts.append(f'<path class="line{number}" d="{_path(points)}M{RIGHT + 10} {beside - 4:.0f}h18"/>')
            parts.append(_text(RIGHT + 34, beside, label))
        return parts

    return drawn


def _path(points: Sequence[tuple[float, float] | None]) -> str:
    """A line that breaks where there is no value; whole points are fine enough to see."""
    path, pen = "", "M"
    for point in points:
        path += f"{pen}{point[0]:.0f} {point[1]:.0f}" if point else ""
        pen = "L" if point else "M"
    return path


def _text(x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{escape(words)}</text>'
