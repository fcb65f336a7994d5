"""What a client does with the messages of one dialog: drop what it knows, apply in order, wait for gaps."""

from collections.abc import Callable
from typing import Generic, TypeVar

HOLD_SECONDS = 0.15  # how long a client waits for what is missing before it asks
M = TypeVar("M")


class DialogView(Generic[M]):
    """One dialog as one device sees it. `last` is the newest seq applied; None: the first one sets it.

    A seq is unique in its dialog, so knowing the seq is knowing the message.
    """

    __slots__ = ("held", "highest", "last")

    def __init__(self, last: int | None) -> None:
        self.last = last
        self.highest = last or 0
        self.held: dict[int, M] = {}

    def offer(self, seq: int, message: M, apply: Callable[[int, M], None]) -> str:
        """Take one message from the wire; `apply` is called for each that is now in order.

        Returns what it was: `next`, `known`, or `gap` (it is held, and something before it is missing).
        """
        if self.last is None:
            self.last = seq - 1
        if seq <= self.last or seq in self.held:
            return "known"
        self.highest = max(self.highest, seq)
        if seq != self.last + 1:
            self.held[seq] = message
            return "gap"
        apply(seq, message)
        self.last = seq
        while self.held and self.last + 1 in self.held:
            self.last += 1
            apply(self.last, self.held.pop(self.last))
        return "next"
