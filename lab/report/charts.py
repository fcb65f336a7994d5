"""The pictures of one run, each a function from plain figures to an <svg>. Seconds in, milliseconds drawn."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

from lab.report.style import figure, svg
from lab.report.style.page import figures
from lab.report.style.palette import DASHES, MARK, SERIES

TAILS = (0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999)


def spectrum(lines: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Latency by percentile; the axis gives each further nine the same width. Points: (quantile, seconds)."""
    with figure(3.4) as drawn:
        axes = drawn.subplots()
        deepest = 0.9
        for number, (label, points) in enumerate(lines.items()):
            shown = [(quantile, seconds) for quantile, seconds in points if quantile < 1]
            if not shown:
                continue
            deepest = max(deepest, shown[-1][0])
            axes.plot(
                [-math.log10(1 - quantile) for quantile, _ in shown],
                [seconds * 1000 for _, seconds in shown],
                color=SERIES[number % len(SERIES)],
                linestyle=DASHES[number % len(DASHES)],
                label=label,
            )
        ticks = [tail for tail in TAILS if tail <= deepest + 1e-9]
        axes.set_xticks([-math.log10(1 - tail) for tail in ticks], [f"p{tail * 100:.5g}" for tail in ticks])
        axes.set_xlim(left=0)
        _logarithmic(axes)
        axes.set_ylabel("ms")
        axes.legend(loc="lower right")
        return svg(drawn, "Latency by percentile: " + ", ".join(lines))


def waterfall(hops: Sequence[tuple[str, float, float]]) -> str:
    """Where the time of a median message goes: each hop begins where the one before it ended.

    (name, p50, p99) of each hop; the thin line reaches to the hop's own p99.
    """
    with figure(0.55 + 0.36 * len(hops)) as drawn:
        axes = drawn.subplots()
        begin = 0.0
        for row, (_, middle, late) in enumerate(hops):
            axes.barh(row, middle * 1000, left=begin * 1000, height=0.62, color=SERIES[0])
            axes.plot(
                [(begin + middle) * 1000, (begin + max(middle, late)) * 1000],
                [row, row],
                color=SERIES[1],
                linewidth=1.6,
                solid_capstyle="butt",
            )
            axes.annotate(
                f"{figures(middle * 1000)} ms, p99 {figures(late * 1000)}",
                ((begin + max(middle, late)) * 1000, row),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                fontsize=9,
                color=MARK["soft"],
            )
            begin += middle
        axes.set_yticks(range(len(hops)), [name for name, _, _ in hops])
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("ms since the intended send")
        axes.margins(x=0.28)
        axes.set_xlim(left=0)
        return svg(drawn, "Time of each hop of a message")


def timeline(
    seconds: Sequence[float],
    rates: Mapping[str, Sequence[float]],
    latencies: Mapping[str, Sequence[float | None]],
    troubles: Mapping[str, Sequence[float]],
    marks: Sequence[tuple[float, str]] = (),
) -> str:
    """One second a point: rates, latencies, and what went wrong, one under the other. `marks` are events."""
    rows = [("per second", rates), ("ms", latencies), ("count", troubles)]
    with figure(5.6) as drawn:
        for axes, (unit, series) in zip(
            drawn.subplots(3, sharex=True, height_ratios=[1, 1, 0.7]), rows, strict=True
        ):
            for number, (label, values) in enumerate(series.items()):
                factor = 1000 if unit == "ms" else 1
                axes.plot(
                    seconds,
                    [math.nan if value is None else value * factor for value in values],
                    color=SERIES[number % len(SERIES)],
                    linestyle=DASHES[number % len(DASHES)],
                    label=label,
                )
            for at, _ in marks:
                axes.axvline(at, color=MARK["bad"], linewidth=1.2)
            if unit == "ms":
                _logarithmic(axes)
            else:
                highest = max((value or 0 for values in series.values() for value in values), default=0)
                axes.set_ylim(0, 1.15 * highest or 1)
                axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
            axes.set_ylabel(unit)
            axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.05))
        for at, label in marks:
            drawn.axes[0].annotate(
                label, (at, 1), xycoords=("data", "axes fraction"), xytext=(0, 3),
                textcoords="offset points", fontsize=9, color=MARK["bad"],
            )  # fmt: skip
        axes.set_xlabel("seconds since the start of the measured time")
        axes.margins(x=0.01)
        return svg(drawn, "Rates, latencies and troubles second by second")


def bars(values: Sequence[tuple[str, float, float]], unit: str, parts: tuple[str, str] = ("", "")) -> str:
    """One bar a name: (name, first part, second part), the total written behind it."""
    with figure(0.6 + 0.34 * len(values)) as drawn:
        axes = drawn.subplots()
        rows = range(len(values))
        first, second = [value[1] for value in values], [value[2] for value in values]
        axes.barh(rows, first, height=0.62, color=SERIES[0], label=parts[0])
        if any(second):
            axes.barh(rows, second, left=first, height=0.62, color=SERIES[4], hatch="///",
                      edgecolor=MARK["ground"], linewidth=0, label=parts[1])  # fmt: skip
            axes.legend(loc="lower right")
        for row in rows:
            axes.annotate(
                figures(first[row] + second[row]),
                (first[row] + second[row], row),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                fontsize=9,
                color=MARK["soft"],
            )
        axes.set_yticks(rows, [value[0] for value in values])
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(unit)
        axes.margins(x=0.18)
        axes.set_xlim(left=0)
        return svg(drawn, unit + " by process")


def _logarithmic(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(10, subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.yaxis.set_minor_locator(LogLocator(10, subs=()))
