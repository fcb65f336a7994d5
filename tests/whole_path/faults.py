"""A publisher that loses, repeats, delays and reorders hints, by a seed."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from wire.broker import BrokerUnavailable, PublishTimeout
from wire.brokers.memory import MemoryHub, MemoryPublisher
from wire.brokers.settings import BrokerSettings
from wire.message import DialogMessage


@dataclass(frozen=True)
class Faults:
    """Shares of hints, and seconds."""

    lost: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    late_seconds: float = 0.3
    refused: float = 0.0  # of the calls
    unconfirmed: float = 0.0  # of the calls: taken, but the publisher is told otherwise


@dataclass
class FaultyPublisher:
    """wire.broker.Publisher into a hub, with faults on the way. `injected` counts them."""

    hub: MemoryHub
    faults: Faults
    seed: int
    injected: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._inner = MemoryPublisher(BrokerSettings(broker="memory"), self.hub)
        self._late: set[asyncio.Task[None]] = set()

    @property
    def connected(self) -> bool:
        return self._inner.connected

    @property
    def returned(self) -> int:
        return self._inner.returned

    async def start(self) -> None:
        await self._inner.start()

    async def publish(self, hints: Sequence[DialogMessage]) -> None:
        if self._happens("refused", self.faults.refused):
            raise BrokerUnavailable("refused")
        await self._inner.publish([hint for hint in hints if not self._diverted(hint)])
        if self._happens("unconfirmed", self.faults.unconfirmed):
            raise PublishTimeout("no confirm")

    def _happens(self, name: str, share: float) -> bool:
        happens = self._chance.random() < share
        self.injected[name] += happens
        return happens

    def _diverted(self, hint: DialogMessage) -> bool:
        if self._happens("lost", self.faults.lost):
            return True
        late = self._happens("late", self.faults.late)
        if late or self._happens("doubled", self.faults.doubled):
            seconds = self._chance.uniform(0, self.faults.late_seconds)
            task = asyncio.get_running_loop().create_task(self._deliver_after(seconds, hint))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
        return late

    async def _deliver_after(self, seconds: float, hint: DialogMessage) -> None:
        await asyncio.sleep(seconds)
        if self.connected:
            await self._inner.publish([hint])

    async def wait_closed(self) -> None:
        await self._inner.wait_closed()

    async def close(self) -> None:
        for task in list(self._late):
            task.cancel()
        await self._inner.close()
