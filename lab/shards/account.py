"""The end report of a change: a few lines of text, and a page with the picture."""

from dataclasses import asdict
from pathlib import Path

import msgspec
from markupsafe import Markup

from lab.load.record import RunRecord
from lab.report.style import figure, render, svg
from lab.report.style.palette import DASHES, SERIES
from lab.shards.watch import Account

Row = tuple[str, str]


def rows(account: Account, load: RunRecord | None) -> list[Row]:
    """(what, value) of the end report; `load` is the record of the load that ran meanwhile."""
    last = account.samples[-1].nodes
    shown = [
        ("took", f"{account.seconds:.1f} s"),
        ("shards moved", str(account.shards_moved)),
        (
            "shards by worker",
            ", ".join(f"{node.name} {node.shards}" for node in last if not node.coordinator),
        ),
        ("skew of bytes", f"{account.skew_before:.2f} before, {account.skew_after:.2f} after (1.00 is even)"),
        ("messages", f"{account.messages_before:,} before, {account.messages_after:,} after"),
        ("seqs without a message", f"{account.lost_before} before, {account.lost_after} after"),
    ]
    if account.shard_count_before != account.shard_count_after:
        shown.insert(1, ("shard count", f"{account.shard_count_before} -> {account.shard_count_after}"))
    if load is not None:
        shown += _of_load(load)
    return shown


def _of_load(load: RunRecord) -> list[Row]:
    figures = load.total
    errors = ", ".join(f"{name}: {count}" for name, count in figures.errors.items()) or "none"
    late = "-" if figures.intended.p99 is None else f"{figures.intended.p99 * 1000:.1f} ms"
    return [
        ("load meanwhile", f"{figures.sent:,} requests, {figures.ok:,} answered well"),
        ("errors shown to users", errors),
        ("p99 from the intended time", late),
        ("ledger", "clean" if load.ledger.clean else "NOT CLEAN"),
    ]


def picture(account: Account) -> str:
    """Shards by node over the time of the change."""
    names = list(
        dict.fromkeys(
            node.name for sample in account.samples for node in sample.nodes if not node.coordinator
        )
    )
    with figure(2.8) as drawn:
        axes = drawn.subplots()
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
        axes.set_xlabel("seconds since the change began")
        axes.set_ylabel("shards")
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return svg(drawn, f"Shards by worker during: {account.what}")


def write_page(account: Account, load: RunRecord | None, path: Path) -> Path:
    """The page of a change, self-contained, and beside it (.json) what it is drawn from. Returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn_from = {"rows": dict(rows(account, load)), "account": asdict(account)}
    path.with_suffix(".json").write_bytes(
        msgspec.json.format(msgspec.json.encode(drawn_from), indent=1) + b"\n"
    )
    path.write_text(
        render(
            "shards.html",
            title=account.what,
            rows=rows(account, load),
            picture=Markup(picture(account)),
            lost=account.lost_after > account.lost_before,
        )
    )
    return path
