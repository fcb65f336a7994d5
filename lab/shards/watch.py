"""Watching a change: a sample of the cluster every second, told as one line, kept for the report."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

import asyncpg

from lab.shards.answers import said
from lab.shards.cluster import Cluster, Moves, Node, skew

EVERY_SECONDS = 1.0
Tell = Callable[[str], None]  # takes the line that replaces the last one


@dataclass(frozen=True)
class Sample:
    """The cluster at one moment; `at` is seconds since the change began."""

    at: float
    nodes: list[Node]
    moves: Moves


@dataclass
class Account:
    """What a change did: the end report is drawn from it. Times are seconds."""

    what: str
    began_at: float = 0.0  # unix time
    samples: list[Sample] = field(default_factory=list)
    seconds: float = 0.0
    messages_before: int = 0
    messages_after: int = 0
    lost_before: int = 0
    lost_after: int = 0
    shard_count_before: int = 0
    shard_count_after: int = 0

    @property
    def lost(self) -> int:
        """Messages that went with the change: as holes in dialogs, or with their whole dialogs.

        Nothing deletes messages: fewer rows after than before is a loss, also where every seq is there.
        """
        return max(self.lost_after - self.lost_before, self.messages_before - self.messages_after, 0)

    @property
    def skew_before(self) -> float:
        return skew(self.samples[0].nodes)

    @property
    def skew_after(self) -> float:
        return skew(self.samples[-1].nodes)

    @property
    def shards_moved(self) -> int:
        """Shards that left the node they were on, as far as the nodes' counts tell."""
        before = {node.name: node.shards for node in self.samples[0].nodes}
        after = {node.name: node.shards for node in self.samples[-1].nodes}
        return sum(max(0, count - after.get(name, 0)) for name, count in before.items())

    @property
    def bytes_moved(self) -> int:
        """What left the nodes with those shards; what the load adds meanwhile makes it a little less."""
        before = {node.name: node.bytes for node in self.samples[0].nodes}
        after = {node.name: node.bytes for node in self.samples[-1].nodes}
        return sum(max(0, size - after.get(name, 0)) for name, size in before.items())

    @property
    def bytes_after(self) -> int:
        return sum(node.bytes for node in self.samples[-1].nodes)


async def watched(
    cluster: Cluster, account: Account, change: Coroutine[None, None, object], tell: Tell
) -> None:
    """Run `change` and sample `cluster` meanwhile, into `account`.

    The connection that samples is not the one that changes: a change holds its own for minutes.
    """
    account.shard_count_before = await cluster.shard_count()
    account.began_at, begin = time.time(), time.monotonic()
    account.samples.append(Sample(0.0, await cluster.nodes(), await cluster.moves()))
    work = asyncio.create_task(change)
    try:
        while True:
            done, _ = await asyncio.wait({work}, timeout=EVERY_SECONDS)
            if done:
                break
            await _sample(cluster, account, begin, tell)
        await work
    except asyncio.CancelledError:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        raise
    account.seconds = time.monotonic() - begin
    await _sample(cluster, account, begin, tell)
    account.shard_count_after = await cluster.shard_count()


async def _sample(cluster: Cluster, account: Account, begin: float, tell: Tell) -> None:
    # What waits for the locks of a change (a new shard count) shall not wait with it.
    try:
        async with asyncio.timeout(2 * EVERY_SECONDS):
            sample = Sample(time.monotonic() - begin, await cluster.nodes(), await cluster.moves())
    except TimeoutError:
        tell(f"{time.monotonic() - begin:5.0f} s  no answer: the tables are locked, or a node is away")
        return
    except asyncpg.PostgresError as error:  # a worker is away
        tell(f"{time.monotonic() - begin:5.0f} s  {said(error)}")
        return
    account.samples.append(sample)
    tell(line(sample))


def line(sample: Sample) -> str:
    """One line of progress."""
    workers = [node for node in sample.nodes if not node.coordinator]
    by_port = len({node.port for node in workers}) == len(workers)  # under compose all have the same one
    where = "  ".join(
        f"{node.port if by_port else node.host}: {node.shards}{'' if node.there else ' (away)'}"
        for node in workers
    )
    return f"{sample.at:5.0f} s  shards by worker  {where}{moving(sample.moves)}"


def moving(moves: Moves) -> str:
    """How far the moves are; empty when nothing moves."""
    text = ""
    if moves.done < moves.planned:
        text += f"  {moves.done} of {moves.planned} moves"
    if moves.moving:
        text += f"  moving {moves.moving}"
        if moves.phase:
            text += f" ({moves.phase.lower()})"
        if moves.to_copy:
            text += f" {_mib(moves.copied)} of {_mib(moves.to_copy)}"
        if moves.lag:
            text += f", {_mib(moves.lag)} of log behind"
    return text


def _mib(octets: int) -> str:
    return f"{octets / 2**20:.1f} MiB"
