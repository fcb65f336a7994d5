"""What a send is, whoever calls it: store, hand the hint over, say how it went."""

import time
from collections.abc import Awaitable, Callable
from uuid import UUID

from uuid_utils.compat import uuid7

from backend.errors import Refusal
from backend.group_commit import GroupCommit
from backend.publishing import PublishQueue
from backend.reads import Reads
from backend.store import Outcome
from wire.effective import on_or_off
from wire.message import DialogMessage, dialog_id_of

StoreMessage = Callable[[DialogMessage], Awaitable[Outcome]]


class Sending:
    """`store` is Store.send, or GroupCommit.send (chosen at start)."""

    def __init__(self, store: StoreMessage, publish: PublishQueue, reads: Reads, hop_times: bool) -> None:
        self.store = store
        self._publish = publish
        self._reads = reads
        self._hop_times = hop_times

    @property
    def in_effect(self) -> dict[str, object]:
        """Setting -> value, see wire.effective."""
        together = isinstance(getattr(self.store, "__self__", None), GroupCommit)
        return {"hop_times": on_or_off(self._hop_times), "group_commit": on_or_off(together)}

    async def send(
        self, from_user_id: int, to_user_id: int, content: str, message_id: UUID | None
    ) -> tuple[bool, DialogMessage]:
        """(whether it is new, the message with seq and created_at). Raises Refusal, DatabaseUnavailable."""
        way = [time.time()] if self._hop_times else None
        if from_user_id == to_user_id:
            raise Refusal(422, "user_id: expected somebody else's, not your own.")
        message = DialogMessage(
            dialog_id_of(from_user_id, to_user_id),
            0,
            message_id or uuid7(),
            from_user_id,
            to_user_id,
            content,
            0.0,
            way,
        )
        outcome = await self.store(message)
        if outcome == "no_recipient":
            raise Refusal(404, "There is no such user.")
        if outcome == "other_content":
            raise Refusal(409, "id: holds another message of this dialog already.")
        self._reads.wrote(from_user_id)
        message.mark()
        # Also when it was stored before: the first time may have ended between commit and publish.
        self._publish.put(message)
        return outcome == "stored", message
