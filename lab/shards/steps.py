"""The changes of a cluster as steps: each from its checks to its account, with a load beside it."""

import asyncio
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from lab.errors import VoidResult
from lab.shards import changes, servers
from lab.shards.answers import answered
from lab.shards.cluster import Cluster
from lab.shards.meanwhile import Load, Meanwhile, meanwhile
from lab.shards.watch import Account, Tell, watched
from lab.stack.description import DEFAULT_HOME, Database, StackDescription

Change = Callable[[Cluster], Coroutine[None, None, object]]


@dataclass(frozen=True)
class Step:
    """One change: its words, what it does, and what must hold before the load begins."""

    what: str
    change: Change
    check: Change | None = None


def add(host: str, port: int) -> Step:
    """A server that is up becomes a worker, still without shards."""
    return Step(f"add worker {host}:{port}", lambda cluster: changes.register(cluster, host, port))


def rebalance() -> Step:
    """Even out the bytes over the workers."""
    return Step("rebalance", changes.rebalance, changes.refuse_while_away)


def drain(worker: str) -> Step:
    """Every shard off a worker."""

    async def check(cluster: Cluster) -> None:
        await changes.check_drain(cluster, await cluster.worker(worker))

    async def change(cluster: Cluster) -> None:
        await changes.drain(cluster, await cluster.worker(worker))

    return Step(f"drain {worker}", change, check)


def remove(worker: str) -> Step:
    """A drained worker out of the cluster."""

    async def change(cluster: Cluster) -> None:
        await changes.remove(cluster, await cluster.worker(worker))

    return Step(f"remove {worker}", change)


def count(shards: int) -> Step:
    """Another number of shards."""
    return Step(
        f"shard count {shards}", lambda cluster: changes.change_count(cluster, shards), changes.check_layout
    )


def isolate(dialog_id: uuid.UUID) -> Step:
    """A shard of its own for one dialog."""
    return Step(
        f"isolate dialog {dialog_id}",
        lambda cluster: changes.isolate(cluster, dialog_id),
        changes.check_layout,
    )


def crash(stack: StackDescription, worker: str, away_seconds: float) -> Step:
    """A worker of this stack killed as by kill -9, and started again after a while."""

    async def change(cluster: Cluster) -> None:
        port = (await cluster.worker(worker)).port
        await asyncio.to_thread(servers.kill_worker, stack, port)
        await asyncio.sleep(away_seconds)
        await asyncio.to_thread(servers.revive_worker, stack, port)
        await changes.await_every_node(cluster)

    return Step(f"worker {worker} killed", change)


async def changed(step: Step, database: Database, load: Load | None, tell: Tell) -> tuple[Account, Meanwhile]:
    """Check, load, change, watch. Raises what the check and the change raise, LabError for a lost worker."""
    watching, working = await Cluster.connect(database), await Cluster.connect(database)
    account = Account(step.what)
    try:
        with answered(step.what):
            if step.check is not None:
                await step.check(working)
            # Before the load and after it, so that rows and answers can be compared.
            account.messages_before, account.lost_before = await watching.messages(), await watching.lost()
            async with meanwhile(load or Load(0, 0, DEFAULT_HOME)) as beside:
                await watched(watching, account, step.change(working), tell)
            account.messages_after, account.lost_after = await watching.messages(), await watching.lost()
    finally:
        await watching.close()
        await working.close()
    return account, beside


def judge(what: str, account: Account, beside: Meanwhile) -> None:
    """Raises VoidResult when something was lost."""
    if account.lost:
        raise VoidResult(f"{account.lost} messages were lost during: {what}")
    if beside.record is not None and not beside.record.ledger.clean:
        examples = "; ".join(beside.record.ledger.examples[:2])
        raise VoidResult(f"the ledger of the load is not clean: {examples}")
