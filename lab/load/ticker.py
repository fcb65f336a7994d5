"""A timer that is exact to some 50 us. An event loop's own timers wake at whole milliseconds, late."""

import ctypes
import os
import struct
from asyncio import AbstractEventLoop
from collections.abc import Callable

CLOCK_MONOTONIC = 1
TFD_NONBLOCK = os.O_NONBLOCK
TFD_TIMER_ABSTIME = 1
_libc = ctypes.CDLL(None, use_errno=True)  # os.timerfd_create is there from Python 3.13 on only


class Ticker:
    """Calls `wake` on the loop once a moment of time.monotonic() has come; `arm` again for the next."""

    def __init__(self, loop: AbstractEventLoop, wake: Callable[[], None]) -> None:
        self._loop = loop
        self._wake = wake
        self._file = _libc.timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | os.O_CLOEXEC)
        if self._file < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        loop.add_reader(self._file, self._ring)

    def arm(self, moment: float) -> None:
        """Wake at this moment, or at once when it has passed. Replaces the moment set before."""
        seconds, rest = divmod(max(moment, 1e-9), 1)
        setting = struct.pack("@qqqq", 0, 0, int(seconds), max(1, int(rest * 1e9)))
        if _libc.timerfd_settime(self._file, TFD_TIMER_ABSTIME, setting, None):
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    def close(self) -> None:
        """Wake no more."""
        if self._file >= 0:
            self._loop.remove_reader(self._file)
            os.close(self._file)
            self._file = -1

    def _ring(self) -> None:
        try:
            os.read(self._file, 8)
        except BlockingIOError:  # armed anew in between
            return
        self._wake()
