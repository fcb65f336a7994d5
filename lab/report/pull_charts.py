"""The pictures of a pull, each a function from plain figures to an <svg>."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from lab.report.style import figure, svg
from lab.report.style.page import figures
from lab.report.style.palette import DASHES, MARK, SERIES

TONES = {
    "better": MARK["good"],
    "worse": MARK["bad"],
    "same within the margin": SERIES[0],
    "no difference shown": MARK["soft"],
    "INVALID": MARK["doubt"],
}
ORDERS = {"together": (SERIES[0], "-"), "ab": (SERIES[0], "-"), "ba": (SERIES[1], (0, (4, 1.5)))}


def intervals(rows: Sequence[tuple[str, str, float, float, float, float, float]]) -> str:
    """Each metric's change with its 95 % interval, on its margin band, with the A/A interval's reach.

    Rows: (label, word, ratio, low, high, margin, floor), ratios of B to A.
    """
    with figure(0.9 + 0.5 * len(rows)) as drawn:
        axes = drawn.subplots()
        for row, (_, word, ratio, low, high, margin, floor) in enumerate(rows):
            axes.fill_betweenx(
                [row - 0.36, row + 0.36], -margin * 100, margin * 100, color=MARK["rule"], linewidth=0
            )
            for side in (-floor, floor):
                axes.plot([side * 100] * 2, [row - 0.36, row + 0.36], color=MARK["soft"], linestyle=":")
            axes.plot(
                [change(low), change(high)], [row, row], color=TONES[word], linewidth=5, solid_capstyle="butt"
            )
            axes.plot(change(ratio), row, "o", color=TONES[word], markersize=8)
            axes.annotate(
                f"{change(ratio):+.1f} %",
                (change(ratio), row),
                xytext=(0, 9),
                textcoords="offset points",
                ha="center",
                fontsize=9,
                color=MARK["ink"],
            )
        axes.axvline(0, color=MARK["ink"], linewidth=1)
        axes.set_yticks(range(len(rows)), [row[0] for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.margins(x=0.12)
        axes.set_xlabel("change from A to B in % (band: margin; dotted: A against A)")
        return svg(drawn, "Change of each metric with its 95 % interval")


def change(ratio: float) -> float:
    """A ratio as a change in %."""
    return (ratio - 1) * 100


def pairs(points: Sequence[tuple[float, float, str]], sides: tuple[str, str], unit: str) -> str:
    """One line a pair, from its figure in A to its figure in B; the colour says which was first."""
    with figure(3.2) as drawn:
        axes = drawn.subplots()
        for a, b, order in points:
            colour, dash = ORDERS[order]
            axes.plot([0, 1], [a, b], color=colour, linestyle=dash, marker="o", markersize=4, linewidth=1.1)
        if any(order != "together" for _, _, order in points):
            for order, label in (("ab", f"{sides[0]} first"), ("ba", f"{sides[1]} first")):
                axes.plot([], [], color=ORDERS[order][0], linestyle=ORDERS[order][1], label=label)
            axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.05))
        axes.set_xticks([0, 1], list(sides))
        axes.set_xlim(-0.25, 1.25)
        axes.set_ylim(bottom=0)
        axes.set_ylabel(unit)
        return svg(drawn, "Every pair of trials")


def over_time(
    rounds: Sequence[int],
    ratios: Mapping[str, Sequence[float]],
    pressure: Sequence[float],
    others: Sequence[float],
    margin: float,
) -> str:
    """The ratio of each round (B to A, and A to A), with the machine's pressure under it."""
    with figure(4.2) as drawn:
        upper, lower = drawn.subplots(2, sharex=True, height_ratios=[1.6, 1])
        upper.axhspan(-margin * 100, margin * 100, color=MARK["rule"], linewidth=0)
        upper.axhline(0, color=MARK["ink"], linewidth=1)
        for number, (label, values) in enumerate(ratios.items()):
            upper.plot(
                rounds,
                [change(value) for value in values],
                marker="os"[number % 2],
                markersize=4.5,
                linestyle=DASHES[number % len(DASHES)],
                color=SERIES[1 - number] if number < 2 else SERIES[number],
                label=label,
            )
        upper.set_ylabel("change in %")
        upper.legend(loc="upper left", bbox_to_anchor=(1.0, 1.05))
        lower.plot(rounds, [value * 100 for value in pressure], color=SERIES[0], label="waited for a core, %")
        lower.set_ylim(0, 100)
        lower.set_ylabel("%")
        twin = lower.twinx()
        twin.plot(rounds, others, color=SERIES[4], linestyle=DASHES[1], label="cores used by others")
        twin.set_ylim(0, max(1.0, *others) if others else 1.0)
        twin.set_ylabel("cores")
        twin.grid(visible=False)
        handles = [*lower.get_lines(), *twin.get_lines()]
        lower.legend(
            handles, [str(one.get_label()) for one in handles], loc="upper left", bbox_to_anchor=(1.08, 1.05)
        )
        lower.xaxis.set_major_locator(MaxNLocator(integer=True))
        lower.set_xlabel("round")
        return svg(drawn, "The ratio over the session, and how full the machine was")


def against_rate(
    sides: Mapping[str, Sequence[tuple[float, float, bool]]], slo_seconds: float, used: float
) -> str:
    """p99 at each rate of the capacity search: (rate, seconds, held). The SLO and the used rate as lines."""
    with figure(3.2) as drawn:
        axes = drawn.subplots()
        for number, (label, attempts) in enumerate(sides.items()):
            ordered = sorted(attempts)
            axes.plot(
                [rate for rate, _, _ in ordered],
                [seconds * 1000 for _, seconds, _ in ordered],
                color=SERIES[number],
                linestyle=DASHES[number],
                label=label,
            )
            for rate, seconds, held in ordered:
                axes.plot(rate, seconds * 1000, "o" if held else "x", color=SERIES[number], markersize=6)
        axes.axhline(slo_seconds * 1000, color=MARK["bad"], linewidth=1.2)
        axes.annotate(
            "SLO",
            (1, slo_seconds * 1000),
            xycoords=("axes fraction", "data"),
            xytext=(4, -3),
            textcoords="offset points",
            fontsize=9,
            color=MARK["bad"],
        )
        axes.axvline(used, color=MARK["soft"], linestyle=":")
        axes.annotate(
            "rate of the trials",
            (used, 1),  # above the picture: within it are points and the SLO's line
            xycoords=("data", "axes fraction"),
            xytext=(0, 4),
            ha="center",
            textcoords="offset points",
            fontsize=9,
            color=MARK["soft"],
        )
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        axes.set_xlim(left=0)
        axes.set_xlabel("operations per second (cross: the SLO was broken)")
        axes.set_ylabel("p99 in ms")
        axes.legend(loc="upper left")
        return svg(drawn, "Latency against rate")


def cpu(sides: Mapping[str, Mapping[str, float]]) -> str:
    """CPU per 1,000 operations by process, the sides beside each other. ms."""
    names = list(dict.fromkeys(name for parts in sides.values() for name in parts))
    with figure(1.2 + 0.55 * len(sides) + 0.12 * len(names)) as drawn:
        axes = drawn.subplots()
        left = dict.fromkeys(sides, 0.0)
        for number, name in enumerate(names):
            widths = [parts.get(name, 0.0) for parts in sides.values()]
            axes.barh(
                range(len(sides)),
                widths,
                left=list(left.values()),
                height=0.6,
                color=SERIES[number % len(SERIES)],
                hatch=("", "///", "...", "xxx")[number // len(SERIES) % 4] or None,
                edgecolor=MARK["ground"],
                label=name,
            )
            for side, width in zip(sides, widths, strict=True):
                left[side] += width
        _totals(axes, list(left.values()))
        axes.set_yticks(range(len(sides)), list(sides))
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("CPU in ms per 1,000 operations")
        axes.margins(x=0.1)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.05))
        return svg(drawn, "CPU per 1,000 operations by process")


def _totals(axes: Axes, totals: Sequence[float]) -> None:
    for row, total in enumerate(totals):
        axes.annotate(
            figures(total),
            (total, row),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=MARK["soft"],
        )
