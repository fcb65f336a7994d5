"""The dialog message on its way: the one record that every process produces or consumes."""

import time
import uuid

import msgspec


class DialogMessage(
    msgspec.Struct,
    rename={
        "dialog_id": "d",
        "seq": "s",
        "id": "id",
        "from_user_id": "f",
        "to_user_id": "to",
        "content": "c",
        "created_at": "at",
        "way": "w",
    },
    omit_defaults=True,
    gc=False,  # it cannot be part of a cycle, and there are thousands a second
):
    """One stored message; short names on the wire, long ones in code.

    `seq` counts 1, 2, 3 ... within its dialog in commit order, without gaps.
    `created_at` is unix time in seconds (float), taken by the database.
    `way` is None, or the unix times in seconds at which the message was accepted, committed,
    published, consumed and pushed, as far as it has come (see HOPS); only filled while
    `HOP_TIMES=on`. All processes of one measured run share one clock (one host).
    """

    dialog_id: uuid.UUID
    seq: int
    id: uuid.UUID
    from_user_id: int
    to_user_id: int
    content: str
    created_at: float
    way: list[float] | None = None

    def mark(self, now: float | None = None) -> None:
        """Append the time of the next hop, if this message keeps its way."""
        if self.way is not None:
            self.way.append(time.time() if now is None else now)


# The places of DialogMessage.way, in order. The generator adds intended, sent, answered, received.
HOPS = ("accepted", "committed", "published", "consumed", "pushed")

CONTENT_MAX_CHARACTERS = 4096


def dialog_id_of(user_a: int, user_b: int) -> uuid.UUID:
    """The dialog of two users: their ids packed into 128 bits, lower first.

    No look-up and no creation race; both users compute the same id. Ids are 1 .. 2**63-1.
    Raises ValueError for equal or out-of-range ids.
    """
    low, high = (user_a, user_b) if user_a < user_b else (user_b, user_a)
    if low == high or low < 1 or high >= 1 << 63:
        raise ValueError(f"user ids {user_a} and {user_b}: expected two different ids from 1 to 2**63-1")
    return uuid.UUID(int=(low << 64) | high)


def users_of(dialog_id: uuid.UUID) -> tuple[int, int]:
    """The two user ids of a dialog, lower first."""
    return dialog_id.int >> 64, dialog_id.int & ((1 << 64) - 1)
