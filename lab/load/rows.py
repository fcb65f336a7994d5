"""The packed rows of a generator process since its last report; the log of its devices."""

import collections
from typing import Any

from lab.load import job as pipe
from lab.load.frames import Light, MessageIds


class Rows:
    """Packed rows since the last report; the log of the devices."""

    def __init__(self, ids: MessageIds, dialogs: dict[Any, int]) -> None:
        self.operations = bytearray()
        self._received = bytearray()
        self._applied = bytearray()
        self._hops = bytearray()
        self._ids = ids
        self._dialogs = dialogs
        self._closes: collections.Counter[int] = collections.Counter()
        self._reconnects = 0
        self._welcomed: set[int] = set()

    def received(self, device: int, message: Light, flags: int, at: float) -> None:
        number = self._ids.number(message.id)
        self._received += pipe.RECEIVED_ROW.pack(
            device, self._dialogs.get(message.d, -1), message.s, number, at, flags
        )
        way = message.w
        if way is not None and number >= 0 and len(way) == 5:
            self._hops += pipe.HOPS_ROW.pack(device, number, at, *way)

    def applied(self, device: int, message: Light, at: float) -> None:
        self._applied += pipe.APPLIED_ROW.pack(
            device, self._dialogs.get(message.d, -1), message.s, self._ids.number(message.id), at
        )

    def closed(self, _device: int, code: int) -> None:
        self._closes[code] += 1

    def welcomed(self, device: int, _resumed: str) -> None:
        if device in self._welcomed:
            self._reconnects += 1
        self._welcomed.add(device)

    def take(self) -> dict[str, Any]:
        """All since the last time."""
        taken = {
            "operations": bytes(self.operations),
            "received": bytes(self._received),
            "applied": bytes(self._applied),
            "hops": bytes(self._hops),
            "reconnects": self._reconnects,
            "closes": dict(self._closes),
        }
        for rows in (self.operations, self._received, self._applied, self._hops):
            rows.clear()
        self._reconnects = 0
        self._closes.clear()
        return taken
