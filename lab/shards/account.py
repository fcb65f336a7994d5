"""The end report of a change: a few lines of text, and a page with the picture."""

import math
from dataclasses import asdict
from pathlib import Path

import msgspec
from markupsafe import Markup
from matplotlib.axes import Axes

from lab.report.style import figure, render, svg
from lab.report.style.palette import DASHES, SERIES
from lab.shards.fared import KINDS, Window
from lab.shards.meanwhile import Meanwhile
from lab.shards.watch import Account

Row = tuple[str, str]
MIB = 2**20


def rows(account: Account, load: Meanwhile) -> list[Row]:
    """(what, value) of the end report; `load` is what ran meanwhile, if anything did."""
    last = account.samples[-1].nodes
    shown = [
        ("took", f"{account.seconds:.1f} s"),
        ("shards moved", str(account.shards_moved)),
        ("bytes moved", f"{account.bytes_moved / MIB:.1f} of {account.bytes_after / MIB:.1f} MiB"),
        (
            "shards by worker",
            ", ".join(f"{node.name} {node.shards}" for node in last if not node.coordinator),
        ),
        ("skew of bytes", f"{account.skew_before:.2f} before, {account.skew_after:.2f} after (1.00 is even)"),
        ("messages", _messages(account, load)),
        ("seqs without a message", f"{account.lost_before} before, {account.lost_after} after"),
    ]
    if account.shard_count_before != account.shard_count_after:
        shown.insert(1, ("shard count", f"{account.shard_count_before} -> {account.shard_count_after}"))
    shown += [(f"{window.what} {window.name}", words(window)) for window in load.windows]
    if load.record is not None:
        book = load.record.ledger
        shown.append(
            (
                "ledger",
                f"{'clean' if book.clean else 'NOT CLEAN'}: {book.acknowledged:,} acknowledged,"
                f" {book.acknowledged_not_stored} of them lost, {book.not_delivered} not delivered",
            )
        )
    return shown


def _messages(account: Account, load: Meanwhile) -> str:
    said = f"{account.messages_before:,} before, {account.messages_after:,} after"
    if load.record is None:
        return said
    more = account.messages_after - account.messages_before
    return f"{said}: {more:+,}, of them {load.record.ledger.acknowledged:,} acknowledged"


def words(window: Window) -> str:
    """One span of the load."""
    said = f"{window.requests:,} in {window.seconds:.1f} s, "
    if window.p99 is None or window.p50 is None or window.slowest is None:
        said += "none answered"
    else:
        p50, p99, slowest = (1000 * seconds for seconds in (window.p50, window.p99, window.slowest))
        said += f"p50 {p50:.1f}, p99 {p99:.0f}, slowest {slowest:.0f} ms"
    return f"{said}; refused {refused(window)}" if window.refused else f"{said}; none refused"


def refused(window: Window) -> str:
    """How often which answer was not a good one, and over which time; there is one."""
    counts = ", ".join(f"{count} x {word}" for word, count in window.refused.items())
    return f"{counts} within {window.refused_seconds:.1f} s"


def picture(account: Account, load: Meanwhile) -> str:
    """Shards by node over the time of the change; below, the requests of each second."""
    names = list(
        dict.fromkeys(
            node.name for sample in account.samples for node in sample.nodes if not node.coordinator
        )
    )
    with figure(4.4 if load.record else 2.8) as drawn:
        axes, *below = drawn.subplots(2 if load.record else 1, sharex=True, squeeze=False)[:, 0]
        for number, name in enumerate(names):
            points = [
                (sample.at, next((node.shards for node in sample.nodes if node.name == name), 0))
                for sample in account.samples
            ]
            axes.step(
                [at for at, _ in points],
                [shards for _, shards in points],
                where="post",
                color=SERIES[number % len(SERIES)],
                linestyle=DASHES[number % len(DASHES)],
                label=name,
            )
        axes.set_ylim(bottom=0)
        axes.set_ylabel("shards")
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        for lower in below:
            _requests(lower, account, load)
        (below or [axes])[-1].set_xlabel("seconds since the change began")
        return svg(drawn, f"Shards by worker during: {account.what}")


def _requests(axes: Axes, account: Account, load: Meanwhile) -> None:
    assert load.record is not None
    offset = load.record.started_at - account.began_at
    refused_at: list[tuple[float, float]] = []
    for number, what in enumerate(dict.fromkeys(second.what for second in load.seconds)):
        mine = [second for second in load.seconds if second.what == what]
        times = [second.at + offset for second in mine]
        late = [math.nan if second.p99 is None else second.p99 * 1000 for second in mine]
        axes.plot(times, late, color=SERIES[number], linestyle=DASHES[number], label=f"p99 of {what}")
        refused_at += [(at, value) for at, value, one in zip(times, late, mine, strict=True) if one.refused]
    if refused_at:
        axes.plot(*zip(*refused_at, strict=True), "x", color=SERIES[len(KINDS)], label="some refused")
    axes.set_yscale("log")
    axes.set_ylabel("ms")
    axes.axvspan(0, account.seconds, alpha=0.08)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


def as_data(account: Account, load: Meanwhile) -> dict[str, object]:
    """What a picture and a table are drawn from, for a result file."""
    found: dict[str, object] = {"rows": dict(rows(account, load)), "account": asdict(account)}
    if load.record is not None:
        found |= {
            "windows": [asdict(window) for window in load.windows],
            "ledger": load.record.ledger,
            "seconds": [asdict(second) for second in load.seconds],
        }
    return found


def write_page(account: Account, load: Meanwhile, path: Path) -> Path:
    """The page of a change, self-contained, and beside it (.json) what it is drawn from. Returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = msgspec.json.encode(as_data(account, load))
    path.with_suffix(".json").write_bytes(msgspec.json.format(data, indent=1) + b"\n")
    path.write_text(
        render(
            "shards.html",
            title=account.what,
            rows=rows(account, load),
            picture=Markup(picture(account, load)),
            lost=account.lost,
        )
    )
    return path
