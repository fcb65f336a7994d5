"""A cluster as a table: nodes, shards, sizes, who is away, what moves."""

from rich.console import Console
from rich.table import Table

from lab.shards.cluster import Moves, Node, skew
from lab.shards.watch import moving


def show(nodes: list[Node], shard_count: int, job: str | None, moves: Moves) -> None:
    """Print it."""
    table = Table("node", "role", "active", "shards", "MiB", title=f"{shard_count} shards a table")
    for node in nodes:
        role = "coordinator" if node.coordinator else "worker" if node.wanted else "worker, drained"
        active = "away" if not node.there else "yes" if node.active else "NO"
        size = f"{node.bytes / 2**20:.1f}" if node.there else "-"
        table.add_row(node.name, role, active, str(node.shards), size)
    Console().print(table)
    away = [node for node in nodes if not node.there]
    of_those = " of those that are there" if away else ""
    print(f"skew of bytes {skew(nodes):.2f}{of_those} (1.00 is even); newest rebalance: {job or 'none yet'}")
    if words := moving(moves):
        print(f"now:{words}")
    for node in away:
        print(
            f"{node.name} does not answer: the rows in its {node.shards} shards cannot be reached until its "
            "server is started again (citus/runbook/12_worker_lost.sql)"
        )
