"""Messages in PostgreSQL: stored one by one or many in a commit."""

from collections.abc import Mapping, Sequence
from typing import Literal

from backend.pools import Pool
from wire.message import DialogMessage

Outcome = Literal["stored", "again", "other_content", "no_recipient"]


class Store:
    """`pool` serves everything but batches; those have connections of their own, tuned for them."""

    def __init__(self, pool: Pool, batches: Pool, queries: Mapping[str, str], outbox: bool) -> None:
        self._pool = pool
        self._batches = batches
        self._outbox = outbox
        self._send = queries["send_message"]
        self._send_batch = queries["send_batch"]

    async def send(self, message: DialogMessage) -> Outcome:
        """Store one message and fill in its seq and created_at. Raises DatabaseUnavailable.

        Safe to repeat after any failure: the id decides.
        """
        (row,) = await self._pool.fetch_repeatable(
            self._send,
            message.dialog_id,
            message.id,
            message.from_user_id,
            message.to_user_id,
            message.content,
            self._outbox,
        )
        outcome: Outcome = row[0]
        if row[1] is not None:
            message.seq = row[1]
            message.created_at = row[2]
        return outcome

    async def send_batch(self, messages: Sequence[DialogMessage]) -> list[DialogMessage]:
        """Store many in one commit; returns those for which send() must give the answer.

        Those that are not returned are stored, with seq and created_at filled in. Any error: none is
        stored (or, when the connection broke, perhaps all are: send() finds out).
        """
        rows = await self._batches.fetch(
            self._send_batch,
            [message.dialog_id for message in messages],
            [message.id for message in messages],
            [message.from_user_id for message in messages],
            [message.to_user_id for message in messages],
            [message.content for message in messages],
            self._outbox,
        )
        for place, seq, created_at in rows:
            message = messages[place - 1]
            message.seq = seq
            message.created_at = created_at
        if len(rows) == len(messages):
            return []
        return [message for message in messages if not message.seq]
