"""An event loop whose clock goes only where it is told to: figures do not depend on how busy the machine is.

Whatever is ready is done first; when everybody waits, the clock jumps to the next timer. Connections are real
ones, to a server in the same loop: what one side has written the other can read at once.
"""

import asyncio
import selectors
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

GRACE_SECONDS = 0.0001  # of the machine's clock, before a jump: for what the kernel has still on its way
T = TypeVar("T")


class _Jumping(selectors.EpollSelector):
    """Asks for what is ready, and in place of waiting longer moves the loop's clock on."""

    def __init__(self, loop: "OwnClock") -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(timeout and 0)  # None, without a timer: until something is ready
        if not ready and timeout:
            time.sleep(GRACE_SECONDS)
            ready = super().select(0)
            if not ready:
                self._loop.now += timeout
        self._loop.now += len(ready) * self._loop.event_seconds
        return ready


class OwnClock(asyncio.SelectorEventLoop):
    """`now` is its clock, in seconds. `event_seconds` is what each thing costs that a socket has to say."""

    def __init__(self, event_seconds: float) -> None:
        self.now, self.event_seconds = 0.0, event_seconds
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self.now


def run(work: Coroutine[Any, Any, T], event_seconds: float = 0.0) -> T:
    """`work` to its end, on a clock of its own."""
    with asyncio.Runner(loop_factory=lambda: OwnClock(event_seconds)) as runner:
        return runner.run(work)
