"""A walk through the runbook under load: every change of a cluster once, and a page of what each cost."""

import asyncio
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from lab.load.fingerprint import machine
from lab.load.record import Machine
from lab.report.style import standalone
from lab.shards import servers, steps
from lab.shards.account import as_data, picture, refused
from lab.shards.cluster import Cluster
from lab.shards.fared import KINDS, SPANS, Window
from lab.shards.meanwhile import Load, Meanwhile
from lab.shards.steps import Step, changed
from lab.shards.watch import Account
from lab.stack.description import StackDescription

Tell = Callable[[str], None]
AWAY_SECONDS = 5.0
CAUSES = """
While a worker is away, sends to its shards and pages of them are answered with 503 (after four tries within
the request), and so is every list of dialogs, which asks them all. A killed one is back later than its
process: PostgreSQL first syncs every file of its data folder, replays its log and ends with a checkpoint
(its log tells how long each took), and refuses connections until then. In that time all connections of an
API process can be held by what asks the worker, and what asks the others waits for one too: for longer than
2 s, and it gets 503 as well.

While the shard count changes, all wait for the locks that make it safe; who waits for longer than 2 s for a
connection or 5 s for an answer gets 503 or a time-out, and sends again with the same id. An API process
that could not look at the database for 2 s says that it is not ready, and the proxy takes it out: when no
process is left it refuses what comes, until they have been asked again, about a second after the change.

The rebalance counts each group of co-located shards 100 MB larger than it is
(`citus.rebalancer_by_disk_size_base_cost`): small ones are evened out by number, and the skew of bytes
stays above 1.
"""


@dataclass(frozen=True)
class Walked:
    """One step, done. `words` are for people: no ports, which are others each time."""

    words: str
    account: Account
    beside: Meanwhile


@dataclass(frozen=True)
class Head:
    """Where and with what a walk was walked."""

    command: str
    started_at: str
    machine: Machine
    versions: dict[str, str]
    mebibytes: float


def walk(stack: StackDescription, load: Load, command: str, tell: Tell) -> tuple[Head, list[Walked]]:
    """Do all steps on a running stack in mode citus, which has as many workers afterwards as before."""
    shards, mebibytes, versions, hot = asyncio.run(_look(stack))
    head = Head(
        command, datetime.now(UTC).isoformat(timespec="seconds"), machine(stack.home), versions, mebibytes
    )
    done = []
    for words, step in _steps(stack, shards, hot, tell):
        tell(words)
        done.append(Walked(words, *asyncio.run(changed(step, stack.postgres, load, lambda line: None))))
    return head, done


def _steps(stack: StackDescription, shards: int, hot: uuid.UUID, tell: Tell) -> Iterator[tuple[str, Step]]:
    host, port = servers.start_worker(stack, tell)
    new = f"{host}:{port}"
    yield "a worker is added", steps.add(host, port)
    yield "rebalance onto it", steps.rebalance()
    yield f"that worker is killed, and back after {AWAY_SECONDS:g} s", steps.crash(stack, new, AWAY_SECONDS)
    yield "it is drained", steps.drain(new)
    yield "it is removed", steps.remove(new)
    servers.stop_worker(stack, port, tell)
    yield f"shard count {shards} to {shards * 2}", steps.count(shards * 2)
    yield "the longest dialog is isolated", steps.isolate(hot)


async def _look(stack: StackDescription) -> tuple[int, float, dict[str, str], uuid.UUID]:
    cluster = await Cluster.connect(stack.postgres)
    try:
        size = sum(node.bytes for node in await cluster.nodes()) / 2**20
        ask = cluster.connection.fetchval
        versions = {
            "PostgreSQL": str(await ask("SHOW server_version")),
            "Citus": str(await ask("SELECT extversion FROM pg_extension WHERE extname = 'citus'")),
        }
        hot = await ask("SELECT dialog_id FROM dialog ORDER BY last_seq DESC LIMIT 1")
        return await cluster.shard_count(), size, versions, hot
    finally:
        await cluster.close()


def save(head: Head, done: list[Walked], path: Path) -> None:
    """The result file, its page beside it, and the pictures below `figures`."""
    data: dict[str, Any] = {
        **{name: getattr(head, name) for name in head.__dataclass_fields__},
        "steps": [{"step": one.words, **as_data(one.account, one.beside)} for one in done],
    }
    figures = path.parent / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(data), indent=1) + b"\n")
    for number, one in _pictured(done):
        drawn = standalone(picture(one.account, one.beside))
        (figures / f"{path.stem}-{number}.svg").write_text(drawn)
    path.with_suffix(".md").write_text(page(head, done, path))


def page(head: Head, done: list[Walked], path: Path) -> str:
    """What each step cost, as Markdown."""
    first = done[0].account
    lines = [
        "# A cluster changed under load",
        "",
        f"`{head.command}` on {head.started_at[:10]}: Citus {head.versions['Citus']} on PostgreSQL"
        f" {head.versions['PostgreSQL']}, {head.machine.cores} cores of {head.machine.cpu} for everything,"
        f" {first.messages_before:,} messages ({head.mebibytes:.0f} MiB with their indexes) at the begin,"
        f" commit {head.machine.code}. Figures: [{path.name}]({path.name}).",
        "",
        "*Skew*: bytes of the fullest worker over the mean, before and after. *Rows*: messages before, and",
        "how many more after. *Lost*: acknowledged, and not in the database afterwards.",
        "",
        "| step | took | shards moved | skew | rows | lost, of sends |",
        "|---|---|---|---|---|---|",
        *(_row(one) for one in done),
        "",
        "## What users noticed",
        "",
        "Sends and reads go on all the time, each tried once: what is not answered well is counted as",
        "refused. A page is the newest messages of one dialog, in one shard; a list of dialogs asks every",
        "shard. p99 and slowest are milliseconds from the moment a request was due: 10 s before the step,",
        "during it, and 10 s after.",
        "",
        "| step | requests | p99 before | during | after | slowest | refused |",
        "|---|---|---|---|---|---|---|",
        *(_noticed(one, what) for one in done for what in KINDS.values()),
        "",
        CAUSES.strip(),
        "",
    ]
    for number, one in _pictured(done):
        lines += [
            f"## {one.words[0].upper()}{one.words[1:]}",
            "",
            f"![Shards by worker and p99 of each second](figures/{path.stem}-{number}.svg)",
            "",
        ]
    return "\n".join(lines)


def _pictured(done: list[Walked]) -> list[tuple[int, Walked]]:
    """Number and step of those that took long enough to show something."""
    return [(number, one) for number, one in enumerate(done, 1) if one.account.seconds >= 1]


def _row(one: Walked) -> str:
    account, record = one.account, one.beside.record
    assert record is not None
    book = record.ledger
    cells = [
        one.words,
        f"{account.seconds:.1f} s",
        str(account.shards_moved),
        f"{account.skew_before:.2f}, {account.skew_after:.2f}",
        f"{account.messages_before:,} {account.messages_after - account.messages_before:+,}",
        f"{book.acknowledged_not_stored} of {book.acknowledged:,}",
    ]
    return "| " + " | ".join(cells) + " |"


def _noticed(one: Walked, what: str) -> str:
    spans = one.beside.spans(what)
    cells = [
        one.words,
        f"{sum(span.requests for span in spans.values()):,} {what}",
        *(_milliseconds(spans[name]) for name in SPANS),
        f"{max((span.slowest or 0.0 for span in spans.values()), default=0.0) * 1000:.0f}",
        "; ".join(f"{span.name}: {refused(span)}" for span in spans.values() if span.refused) or "none",
    ]
    return "| " + " | ".join(cells) + " |"


def _milliseconds(window: Window) -> str:
    return "-" if window.p99 is None else f"{window.p99 * 1000:.0f}"
