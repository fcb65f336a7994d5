"""Messages distributed by their own id.

The mistake: `create_distributed_table('dialogmessage', 'id')`. The id is the primary key, it is random, and
so every shard gets the same number of rows. The listing of shards looks perfect.

The harm: nobody ever asks for a message by its id. People read dialogs, and each page of a dialog now lies
on all shards: the coordinator asks every one of them for its part, waits for the slowest, and sorts.
Workers are added, and each page asks more of them.

The cure: distribute by what is asked for. By `dialog_id` a dialog is in one shard, a page is one query on one
worker, and a send is one transaction there. The price is that a very busy dialog stays one shard's load.
"""

from pathlib import Path

from lab.bench.citus.contenders import Contender
from lab.bench.citus.run import bench
from lab.drills.drill import Shown, Tell

HARM = Contender("by id", workers=2, shards=32, key="id")
CURE = Contender("by dialog_id", workers=2, shards=32)
SECONDS = 2.0


def show(tell: Tell, folder: Path) -> Shown:
    """The same rows and the same questions on one cluster, distributed in both ways."""
    result = bench(1, SECONDS, "lab drill shard_by_id", folder / "s", tell, contenders=(HARM, CURE))

    def pages(contender: Contender) -> float:
        return result.middle(contender.name, "page", lambda cell: cell.answered / cell.seconds) or 0.0

    def slow(contender: Contender) -> str:
        p99 = result.middle(contender.name, "page", lambda cell: cell.p99_seconds) or 0.0
        return f"{1000 * p99:,.0f} ms"

    shards = {name: str(counts["history_newest"]) for name, counts in result.task_counts.items()}
    return Shown(
        "pages of a dialog",
        "/s",
        pages(HARM),
        pages(CURE),
        [
            ("shards asked for a page", shards[HARM.name], shards[CURE.name]),
            ("p99 of a page", slow(HARM), slow(CURE)),
        ],
    )
