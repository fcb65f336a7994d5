"""Which messages this process has heard of: to tell duplicates, and to find holes."""

import time
from collections.abc import Iterator
from uuid import UUID

LONGEST_GAP = 10_000  # a jump beyond it starts anew: nobody lists a million missing numbers


class Heard:
    """One dialog: every seq from `first` to `last` but the `missing` ones."""

    __slots__ = ("at", "first", "last", "missing")

    def __init__(self, seq: int) -> None:
        self.first = self.last = seq
        self.missing: set[int] | None = None  # made with the first hole: most dialogs never have one
        self.at = time.monotonic()  # of the last hint


class Seen:
    """All dialogs that were heard of lately."""

    def __init__(self) -> None:
        self._dialogs: dict[UUID, Heard] = {}

    def note(self, dialog_id: UUID, seq: int) -> str:
        """What this hint is: `new`, `gap` (new, and some before it are missing), `reordered` (one of those
        came after all) or `duplicate`."""
        heard = self._dialogs.get(dialog_id)
        if heard is None or abs(seq - heard.last) > LONGEST_GAP:
            self._dialogs[dialog_id] = Heard(seq)
            return "new" if heard is None else "gap"
        heard.at = time.monotonic()
        if seq == heard.last + 1:
            heard.last = seq
            return "new"
        return self._out_of_order(heard, seq)

    @staticmethod
    def _out_of_order(heard: Heard, seq: int) -> str:
        if heard.missing is None:
            heard.missing = set()
        if seq > heard.last:
            heard.missing.update(range(heard.last + 1, seq))
            heard.last = seq
            return "gap"
        if seq < heard.first:
            heard.missing.update(range(seq + 1, heard.first))
            heard.first = seq
        elif seq in heard.missing:
            heard.missing.remove(seq)
        else:
            return "duplicate"
        return "reordered"

    def holes(self, dialog_id: UUID, first: int, last: int) -> Iterator[tuple[int, int]]:
        """The ranges within first..last that were not heard of, in order."""
        heard = self._dialogs.get(dialog_id)
        if heard is None or last < heard.first or first > heard.last:
            yield first, last
            return
        if first < heard.first:
            yield first, heard.first - 1
        start = None
        for seq in sorted(seq for seq in heard.missing or () if first <= seq <= last):
            if start is None:
                start = before = seq
            elif seq != before + 1:
                yield start, before
                start = seq
            before = seq
        if start is not None:
            yield start, before
        if last > heard.last:
            yield heard.last + 1, last

    def forget(self, older_than_seconds: float) -> None:
        """Let go of dialogs that were not heard of for so long."""
        until = time.monotonic() - older_than_seconds
        for dialog_id in [key for key, heard in self._dialogs.items() if heard.at < until]:
            del self._dialogs[dialog_id]

    def __len__(self) -> int:
        return len(self._dialogs)
