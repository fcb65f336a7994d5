"""A run on the terminal: what it does now, second by second, and what it found, in one short table."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from lab.load.plan import LoadPlan
from lab.load.record import Figures, Latency, RunRecord, Second

PLAIN_EVERY = 5  # seconds between two lines where there is no terminal
SPARKS = "▁▂▃▄▅▆▇█"


def milliseconds(seconds: float | None) -> str:
    """A time for people; `-` where there is none."""
    if seconds is None:
        return "-"
    value = seconds * 1000
    return f"{value:.2f} ms" if value < 10 else f"{value:,.0f} ms"


def sparkline(values: list[float], width: int = 40) -> str:
    """The last values as a row of bars, the largest of them full."""
    shown = values[-width:]
    top = max(shown, default=0)
    return "".join(SPARKS[min(7, int(value / top * 7.99))] if top else SPARKS[0] for value in shown)


class Progress:
    """Takes the seconds of a run as they end, and shows them."""

    def __init__(self, plan: LoadPlan, console: Console) -> None:
        self.plan = plan
        self.console = console
        self.seconds: list[Second] = []
        self.live: Live | None = None

    def on_second(self, second: Second) -> None:
        """The callback that run_load calls."""
        self.seconds.append(second)
        if self.live:
            self.live.update(self.picture())
        elif len(self.seconds) % PLAIN_EVERY == 0:
            self.console.print(self.line(), highlight=False, soft_wrap=True)

    def line(self) -> str:
        """The latest second in one line."""
        now = self.seconds[-1]
        failed = sum(second.errors + second.dropped for second in self.seconds)
        return (
            f"{len(self.seconds):4d} s  {now.ok:6,d} ok/s  p50 {milliseconds(now.intended_p50)}"
            f"  p99 {milliseconds(now.intended_p99)}  errors {failed:,}  delivered {now.deliveries:,}/s"
            f" p99 {milliseconds(now.delivery_p99)}"
        )

    def picture(self) -> RenderableType:
        """The run so far, for a terminal."""
        if not self.seconds:
            return Text("opening sockets, warming up ...", style="dim")
        now = self.seconds[-1]
        total = {
            "answered": sum(second.ok for second in self.seconds),
            "errors": sum(second.errors for second in self.seconds),
            "dropped": sum(second.dropped for second in self.seconds),
            "deliveries": sum(second.deliveries for second in self.seconds),
        }
        rows = Table.grid(padding=(0, 2))
        rows.add_row(
            "rate",
            f"{now.ok:,}/s of {now.offered:,}/s offered",
            sparkline([float(second.ok) for second in self.seconds]),
        )
        rows.add_row(
            "answer",
            f"p50 {milliseconds(now.intended_p50)}  p99 {milliseconds(now.intended_p99)}",
            sparkline([second.intended_p99 or 0.0 for second in self.seconds]),
        )
        rows.add_row(
            "delivery",
            f"p50 {milliseconds(now.delivery_p50)}  p99 {milliseconds(now.delivery_p99)}",
            sparkline([second.delivery_p99 or 0.0 for second in self.seconds]),
        )
        bad = total["errors"] + total["dropped"]
        ledger = Text(
            f"{total['answered']:,} answered, {total['deliveries']:,} delivered to {now.sockets:,} sockets, "
            f"{total['errors']:,} errors, {total['dropped']:,} dropped",
            style="red" if bad else "",
        )
        rows.add_row("so far", ledger, "")
        done = min(len(self.seconds), self.plan.duration)
        bar = Table.grid(padding=(0, 2))
        bar.add_row(
            ProgressBar(total=self.plan.duration, completed=done, width=50),
            f"{done:.0f} of {self.plan.duration:.0f} s",
        )
        return Group(bar, rows)


@contextmanager
def progress(plan: LoadPlan, console: Console, shown: bool = True) -> Iterator[Progress]:
    """Show the run while the block lasts: live on a terminal, else a line every few seconds."""
    watcher = Progress(plan, console)
    if not (shown and console.is_terminal):
        yield watcher
        return
    with Live(watcher.picture(), console=console, refresh_per_second=4, transient=True) as live:
        watcher.live = live
        yield watcher


def short_table(record: RunRecord) -> Table:
    """What a run found, in a handful of lines; the report has the rest."""
    table = Table(show_header=False, title=None, box=None, padding=(0, 2))
    style = "bold green" if record.valid else "bold red"
    table.add_row("verdict", Text(f"{record.verdict.word}: {record.verdict.sentence}", style=style))
    for reason in record.verdict.reasons:
        table.add_row("", Text(reason, style="red"))
    table.add_row("load", _load(record))
    table.add_row("ledger", Text(_ledger(record), style="" if record.ledger.clean else "bold red"))
    for name, latency in _latencies(record.total):
        table.add_row(name, _latency(latency))
    if record.busiest:
        name, share = record.busiest
        table.add_row("busiest", f"{name}, {share:.0%} of the cores it may use")
    if record.machine_share:
        table.add_row("machine", f"{record.machine_share:.0%} in use, generator and other programs included")
    costs = [use for use in record.usage if use.cpu_seconds_per_1000 is not None]
    for use in sorted(costs, key=lambda use: -(use.cpu_seconds_per_1000 or 0))[:6]:
        memory = f", {use.pss_bytes / 2**20:,.0f} MiB" if use.pss_bytes else ""
        cost = (use.cpu_seconds_per_1000 or 0) * 1000
        table.add_row(f"CPU {use.name}", f"{cost:.1f} ms per 1,000 operations{memory}")
    return table


def _load(record: RunRecord) -> str:
    figures, wanted = record.total, record.settings
    mix = " + ".join(f"{share:.0%} {name}" for name, share in wanted.mix.items())
    failed = sum(figures.errors.values()) + figures.dropped
    seconds = record.measured_seconds
    return (
        f"{figures.ok:,} of {figures.offered:,} answered, {failed:,} failed; "
        f"{figures.ok / max(seconds, 1e-9):,.0f}/s for {seconds:.0f} s ({mix}), {wanted.sockets:,} sockets"
    )


def _ledger(record: RunRecord) -> str:
    ledger = record.ledger
    lost = ledger.acknowledged_not_stored + ledger.not_delivered
    return (
        f"{'clean' if ledger.clean else 'NOT CLEAN'}: {ledger.acknowledged:,} acknowledged, "
        f"{ledger.delivered:,} of {ledger.owed:,} deliveries, {lost:,} lost, "
        f"{ledger.duplicates_after_client:,} twice, {ledger.out_of_order_after_client:,} out of order"
    )


def _latencies(figures: Figures) -> Iterator[tuple[str, Latency]]:
    yield "answer, from intended", figures.intended
    yield "answer, from send", figures.send
    if figures.delivery:
        yield "delivery, from intended", figures.delivery


def _latency(latency: Latency) -> str:
    parts = [
        f"{name} {milliseconds(getattr(latency, field))}"
        for name, field in (("p50", "p50"), ("p90", "p90"), ("p99", "p99"), ("p99.9", "p999"))
        if getattr(latency, field) is not None
    ]
    return "  ".join(parts) or "-"
