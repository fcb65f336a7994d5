"""What a Citus cluster looks like now: its nodes, where the shards are, how even, what is moving."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from lab.errors import LabError, UsageError
from lab.stack.description import Database

NODES = """
SELECT node.nodename AS host, node.nodeport AS port, node.groupid = 0 AS coordinator, node.isactive AS active,
       node.shouldhaveshards AS wanted, count(shard.shardid) AS shards,
       coalesce(sum(shard.shard_size), 0) AS bytes,
       citus_check_connection_to_node(node.nodename, node.nodeport) AS there
FROM pg_dist_node AS node
LEFT JOIN citus_shards AS shard
       ON shard.nodename = node.nodename AND shard.nodeport = node.nodeport
      AND shard.citus_table_type = 'distributed'
WHERE node.noderole = 'primary'
GROUP BY node.nodeid, node.nodename, node.nodeport, node.groupid, node.isactive, node.shouldhaveshards
ORDER BY node.groupid, node.nodeid
"""
# One move takes a shard of each co-located table. Of a drain all are listed; of a rebalance, whose moves are
# tasks of a job, only the one that runs: the job knows how many there are.
MOVES = """
SELECT count(DISTINCT shardid) FILTER (WHERE progress = 1) AS moving,
       coalesce(sum(source_shard_size) FILTER (WHERE progress = 1), 0) AS to_copy,
       coalesce(sum(target_shard_size) FILTER (WHERE progress = 1), 0) AS copied,
       coalesce(max(status) FILTER (WHERE progress = 1), '') AS phase,
       max(source_lsn - target_lsn) FILTER (WHERE progress = 1) AS lag,
       count(*) FILTER (WHERE progress = 2) / greatest(count(DISTINCT table_name), 1) AS done,
       count(*) / greatest(count(DISTINCT table_name), 1) AS planned
FROM get_rebalance_progress()
"""
JOB = """
SELECT state, (details -> 'task_state_counts' ->> 'done')::integer AS done,
       (SELECT sum(value::integer) FROM jsonb_each_text(details -> 'task_state_counts')) AS planned
FROM citus_rebalance_status()
ORDER BY job_id DESC LIMIT 1
"""
BUSY = ("scheduled", "running")
CLIENTS = """
SELECT coalesce(sum(CASE WHEN success THEN result::integer END), 0)
FROM run_command_on_workers($$
    SELECT count(*)
    FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend'
      AND application_name NOT LIKE 'citus%'
$$)
WHERE nodename = $1 AND nodeport = $2
"""
# seq is gapless: a dialog whose last seq is above its number of messages has lost some, and one whose last
# seq is below has lost that count, and will refuse every send.
LOST = """
SELECT coalesce(sum(abs(last_seq - coalesce(messages, 0))), 0)
FROM dialog
LEFT JOIN (SELECT dialog_id, count(*) AS messages FROM dialogmessage GROUP BY dialog_id) AS counted
    USING (dialog_id)
"""


@dataclass(frozen=True)
class Node:
    """One server of the cluster. `shards` and `bytes` are of distributed tables; away, it has no bytes."""

    host: str
    port: int
    coordinator: bool
    active: bool
    wanted: bool  # may have shards
    shards: int
    bytes: int
    there: bool = True  # the coordinator can connect to it

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"

    def called(self, name: str) -> bool:
        """Whether a person means this node: by host:port, or by one of the two."""
        return name in (self.name, str(self.port), self.host)


@dataclass(frozen=True)
class Moves:
    """What is moving this moment: `moving` shards, in one move or a few of the `planned` ones.

    `lag` is bytes of log that the new placement is behind, if told.
    """

    moving: int
    to_copy: int
    copied: int
    phase: str
    lag: int | None
    done: int = 0
    planned: int = 0


def skew(nodes: Sequence[Node]) -> float:
    """Bytes of the fullest worker over the mean of those that may have shards and are there; 1.0 is even."""
    sizes = [node.bytes for node in nodes if node.wanted and node.there and not node.coordinator]
    mean = sum(sizes) / len(sizes) if sizes else 0
    return max(sizes) / mean if mean else 1.0


class Cluster:
    """A connection to the coordinator, and the questions one asks there."""

    def __init__(self, connection: "asyncpg.Connection[Any]") -> None:
        self.connection = connection

    @classmethod
    async def connect(cls, database: Database) -> "Cluster":
        """Raises LabError when nobody answers, UsageError when that PostgreSQL is no Citus coordinator."""
        try:
            connection = await asyncpg.connect(database.dsn, statement_cache_size=0)
        except (OSError, asyncpg.PostgresError) as error:
            raise LabError(
                f"the coordinator at {database.host}:{database.port} does not answer: {error}"
            ) from None
        if not await connection.fetchval("SELECT count(*) FROM pg_extension WHERE extname = 'citus'"):
            await connection.close()
            raise UsageError(
                f"{database.host}:{database.port} is plain PostgreSQL, which has no shards; "
                "start a cluster: lab up --mode citus"
            )
        return cls(connection)

    async def close(self) -> None:
        """Close the connection; running moves go on."""
        await self.connection.close()

    async def nodes(self) -> list[Node]:
        """Coordinator first, then the workers in the order they came."""
        return [
            Node(
                row["host"],
                row["port"],
                row["coordinator"],
                row["active"],
                row["wanted"],
                row["shards"],
                int(row["bytes"]),
                row["there"],
            )
            for row in await self.connection.fetch(NODES)
        ]

    async def worker(self, name: str) -> Node:
        """The worker host:port. Raises UsageError naming those that are there."""
        workers = [node for node in await self.nodes() if not node.coordinator]
        for node in workers:
            if node.called(name):
                return node
        there = ", ".join(node.name for node in workers)
        raise UsageError(f"worker '{name}': expected one of {there}")

    async def moves(self) -> Moves:
        """What is being copied now."""
        row, job = await self.connection.fetchrow(MOVES), await self.connection.fetchrow(JOB)
        assert row is not None
        listed = job if job is not None and job["state"] in BUSY else row
        return Moves(
            row["moving"],
            int(row["to_copy"]),
            int(row["copied"]),
            row["phase"],
            None if row["lag"] is None else int(row["lag"]),
            listed["done"] or 0,
            listed["planned"] or 0,
        )

    async def job(self) -> str | None:
        """Newest rebalance: scheduled, running, finished, failed, cancelled; None: there was none."""
        row = await self.connection.fetchrow(JOB)
        return None if row is None else str(row["state"])

    async def leftovers(self, node: Node) -> int:
        """Shards that moved away from a node and are not dropped there yet; 0 when its server is gone."""
        return int(
            await self.connection.fetchval(
                "SELECT count(*) FROM pg_dist_cleanup JOIN pg_dist_node ON groupid = node_group_id"
                " WHERE nodename = $1 AND nodeport = $2"
                " AND citus_check_connection_to_node(nodename, nodeport)",
                node.host,
                node.port,
            )
        )

    async def clients(self, node: Node) -> int:
        """Sessions of clients at a worker: not those of other nodes, nor of Citus. 0 when it is gone."""
        return int(await self.connection.fetchval(CLIENTS, node.host, node.port))

    async def shard_count(self) -> int:
        """Shards of each distributed table; 0 when none is distributed."""
        count = await self.connection.fetchval(
            "SELECT max(shard_count) FROM citus_tables WHERE citus_table_type = 'distributed'"
        )
        return int(count or 0)

    async def messages(self) -> int:
        """Rows of dialogmessage."""
        return int(await self.connection.fetchval("SELECT count(*) FROM dialogmessage"))

    async def lost(self) -> int:
        """By how much the dialogs' last seqs and their messages differ. 0 unless something was lost."""
        return int(await self.connection.fetchval(LOST))
