"""Who is compared, and what each is asked: the statements as the services run them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from lab.stack.description import Database

ROOT = Path(__file__).parents[3]
CELLS = {
    "send": "store a message",
    "page": "the last 20 messages of a dialog",
    "dialogs": "the dialogs of a user (over all shards)",
    "resume": "what a user missed in a minute (over all shards)",
    "send_inbox": "store a message and note it in two inboxes",
    "dialogs_inbox": "the dialogs of a user, from an inbox by user",
}
NOTE = """
INSERT INTO inbox AS i (user_id, other_id, dialog_id, last_seq) VALUES ($1, $2, $3, $4), ($2, $1, $3, $4)
ON CONFLICT (user_id, other_id) DO UPDATE SET last_seq = greatest(i.last_seq, EXCLUDED.last_seq)
"""
FROM_INBOX = "SELECT dialog_id, other_id, last_seq FROM inbox WHERE user_id = $1 ORDER BY other_id LIMIT 20"
# What holds in the sessions that commit batches (backend/connections.py; a test compares).
BATCH_SESSION = {
    "plan_cache_mode": "force_generic_plan",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
}


@dataclass(frozen=True)
class Contender:
    """One way to keep the tables. 0 workers: plain PostgreSQL."""

    name: str
    workers: int = 0
    shards: int = 0
    key: str = "dialog_id"
    inbox: bool = False
    gathered: bool = False  # sends that wait together share a commit, as GROUP_COMMIT=on does

    @property
    def database(self) -> str:
        return "bench_" + re.sub(r"\W+", "_", self.name)

    @property
    def session(self) -> dict[str, str]:
        """Settings of its sessions."""
        return BATCH_SESSION if self.gathered else {}

    def cells(self) -> Sequence[str]:
        """What it is asked: the inbox is tried where the fan-out is widest; sends alone can be gathered."""
        if self.gathered:
            return ["send"]
        return [cell for cell in CELLS if self.inbox or not cell.endswith("_inbox")]


PLAIN = "plain"
GATHERED = "plain, group commit"
CONTENDERS = (
    Contender(PLAIN, inbox=True),
    Contender(GATHERED, gathered=True),
    Contender("1 worker 32 shards", 1, 32),
    Contender("2 workers 1 shard", 2, 1),
    Contender("2 workers 6 shards", 2, 6),
    Contender("2 workers 32 shards", 2, 32, inbox=True),
    Contender("3 workers 32 shards", 3, 32),
    Contender("2 workers 1 shard by id", 2, 1, "id"),
    Contender("2 workers 6 shards by id", 2, 6, "id"),
    Contender("2 workers 32 shards by id", 2, 32, "id"),
)


@cache
def statements() -> dict[str, str]:
    """The statements as the services run them: read from their files."""
    found: dict[str, str] = {}
    for service in ("backend", "websocket_service"):
        _, *parts = re.split(r"^-- name: (\w+)$", (ROOT / service / "queries.sql").read_text(), flags=re.M)
        found |= {
            name: body.strip().removesuffix(";") for name, body in zip(parts[::2], parts[1::2], strict=True)
        }
    return found


def at(server: Database, contender: Contender) -> Database:
    """The contender's database on a server."""
    return replace(server, database=contender.database)
