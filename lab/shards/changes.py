"""The changes, each refusing what is unsafe. Each takes a connection of its own for the change itself."""

import asyncio
import time
import uuid

import asyncpg

from lab.errors import LabError, UsageError
from lab.shards import runbook
from lab.shards.answers import said
from lab.shards.cluster import BUSY, Cluster, Node

LOCK_TRIES = 5
CLEANUP_TRIES = 20
POLL_SECONDS = 0.3
APART = """
SELECT count(DISTINCT colocationid) > 1
FROM pg_dist_partition
WHERE logicalrelid IN ('dialog'::regclass, 'dialogmessage'::regclass)
"""


async def refuse_while_rebalancing(cluster: Cluster) -> None:
    """Raises UsageError while a rebalance runs: two changes at once fail each other half way."""
    if await cluster.job() in BUSY:
        raise UsageError("a rebalance is running: wait for it (lab shards status), then try again")


async def refuse_while_away(cluster: Cluster) -> None:
    """Raises LabError while a node is away: a change would stop half way, or try again for ever."""
    away = [node.name for node in await cluster.nodes() if not node.there]
    if away:
        raise LabError(
            f"{', '.join(away)} does not answer: start its server again, then repeat "
            "(citus/runbook/12_worker_lost.sql; a drained one: lab shards remove)"
        )


async def register(cluster: Cluster, host: str, port: int) -> None:
    """Make a server that is up a worker. It has no shards yet."""
    try:
        await cluster.connection.execute(runbook.statement("04", "SELECT", host=host, port=port))
    except asyncpg.PostgresError as error:
        raise LabError(f"{host}:{port} cannot be added: {said(error)}") from None


async def rebalance(cluster: Cluster) -> None:
    """Even out the bytes; an already running one is waited for. Raises LabError when a move fails."""
    if await cluster.job() not in BUSY:
        started = await cluster.connection.fetchval(runbook.statement("05", "SELECT"))
        if started is None:  # nothing to move
            return
    while (state := await cluster.job()) in BUSY:  # noqa: ASYNC110 - Citus tells nobody
        await asyncio.sleep(POLL_SECONDS)
    if state != "finished":
        raise LabError(
            f"the rebalance ended as '{state}'; the moves that were done stay. Why: "
            "SELECT details FROM citus_rebalance_status(); then run it again"
        )


async def check_drain(cluster: Cluster, worker: Node) -> None:
    """Raises UsageError when the shards would have nowhere to go, or when something moves already."""
    await refuse_while_away(cluster)
    await refuse_while_rebalancing(cluster)
    others = [
        node for node in await cluster.nodes() if node.wanted and not node.coordinator and node != worker
    ]
    if not others:
        raise UsageError(f"{worker.name} is the last worker that may have shards: add one first")


async def drain(cluster: Cluster, worker: Node) -> None:
    """Move every shard off a worker; reads and writes go on. Broken off, what has moved stays moved."""
    statement = runbook.statement("07", "SELECT citus_drain_node", host=worker.host, port=worker.port)
    try:
        for left in reversed(range(CLEANUP_TRIES)):
            try:
                await cluster.connection.execute(statement)
                return
            except asyncpg.PostgresError as error:
                # A shard that came back to where it was before finds its own leftovers, still in use.
                if "orphaned shard" not in str(error) or not left:
                    raise
                await asyncio.sleep(POLL_SECONDS)
                await cluster.connection.execute("CALL citus_cleanup_orphaned_resources()")
    except asyncpg.PostgresError as error:
        undone = await _undo_drain(cluster, worker)
        raise LabError(
            f"draining {worker.name} failed; shards that have moved stay moved, "
            f"the others stay with it, {undone}: {said(error)}"
        ) from None
    except asyncio.CancelledError:  # Ctrl-C
        await _undo_drain(cluster, worker)
        raise


async def _undo_drain(cluster: Cluster, worker: Node) -> str:
    """A drain says first that the node shall have no shards, which would fail every later rebalance.

    Returns in words whether that is taken back: every node must be told.
    """
    statement = f"SELECT citus_set_node_property('{worker.host}', {worker.port}, 'shouldhaveshards', true)"
    try:
        await cluster.connection.execute(statement)
    except asyncpg.PostgresError:
        return f"and it may have none until every node answers and you run {statement}"
    return "and it may have shards again"


async def remove(cluster: Cluster, worker: Node) -> None:
    """Take an empty worker out of the cluster. Raises UsageError while it has shards."""
    if worker.shards:
        raise UsageError(
            f"{worker.name} holds {worker.shards} shards, each the only copy: "
            f"first lab shards drain {worker.name}"
        )
    for _ in range(CLEANUP_TRIES):
        await cluster.connection.execute("CALL citus_cleanup_orphaned_resources()")
        leftovers, clients = await cluster.leftovers(worker), await cluster.clients(worker)
        if not leftovers and not clients:
            break
        await asyncio.sleep(POLL_SECONDS)
    else:
        what = "leftovers of moves are still in use on" if leftovers else f"{clients} clients still speak to"
        raise LabError(f"{what} {worker.name}: try again in a minute")
    await cluster.connection.execute(
        runbook.statement("09", "SELECT citus_remove_node", host=worker.host, port=worker.port)
    )
    await cluster.connection.execute(runbook.statement("09", "DELETE"))


async def check_layout(cluster: Cluster) -> None:
    """Raises UsageError where messages lie apart from their dialogs (SHARD_KEY=id), LabError without a node.

    Both changes below take a dialog's tables together: with that key half of the shards would stay behind.
    """
    await refuse_while_away(cluster)
    if await cluster.connection.fetchval(APART):
        raise UsageError(
            "the messages are distributed by id, apart from their dialogs (SHARD_KEY=id): "
            "another shard count, or a shard for one dialog, needs SHARD_KEY=dialog_id and empty tables"
        )


async def change_count(cluster: Cluster, count: int) -> None:
    """Another number of shards. Writers wait meanwhile; the locks of the runbook make it safe."""
    await refuse_while_rebalancing(cluster)
    statements = runbook.transaction("03", shard_count=count)
    for _ in range(LOCK_TRIES):
        try:
            await cluster.connection.execute(statements)
            return
        except asyncpg.LockNotAvailableError:
            await cluster.connection.execute("ROLLBACK")
        except asyncpg.PostgresError as error:
            await cluster.connection.execute("ROLLBACK")
            raise LabError(f"the shard count was not changed: {said(error)}") from None
    raise LabError(
        f"the tables could not be locked in {LOCK_TRIES} tries of 10 s; nothing has changed. "
        "Is there a long transaction? SELECT pid, xact_start, query FROM pg_stat_activity ORDER BY xact_start"
    )


async def isolate(cluster: Cluster, dialog_id: uuid.UUID) -> None:
    """A shard of its own for one dialog."""
    await refuse_while_rebalancing(cluster)
    try:
        await cluster.connection.execute(
            runbook.statement("10", "SELECT isolate_tenant", dialog_id=str(dialog_id))
        )
    except asyncpg.PostgresError as error:
        raise LabError(f"dialog {dialog_id} was not isolated: {said(error)}") from None


async def await_every_node(cluster: Cluster) -> None:
    """Return when statements over all shards work again. Raises LabError after a minute."""
    deadline = time.monotonic() + 60
    while True:
        try:
            await cluster.messages()
            return
        except (OSError, asyncpg.PostgresError) as error:
            if time.monotonic() > deadline:
                raise LabError(f"the cluster does not answer for all shards: {said(error)}") from None
        await asyncio.sleep(POLL_SECONDS)
