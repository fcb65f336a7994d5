"""The brokers under test: each behind a proxy that can break its connections, all used in the same way."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.faults.proxy import Proxy
from lab.stack.program import Program
from lab.stack.supervision import Supervision
from wire.broker import Consumer, Publisher
from wire.brokers import consumer_for, publisher_for
from wire.brokers.memory import MemoryHub
from wire.brokers.settings import BrokerSettings

# Long: a peer that a full machine keeps from answering for seconds is not lost.
PATIENT: dict[str, Any] = {
    "heartbeat_seconds": 20.0,
    "connect_timeout_seconds": 20.0,
    "publish_timeout_seconds": 20.0,
    "unbind_after_seconds": 0.4,
}
# So that a test of a dead peer takes seconds.
QUICK: dict[str, Any] = {
    "heartbeat_seconds": 2.0,
    "connect_timeout_seconds": 4.0,
    "publish_timeout_seconds": 1.0,
}


@contextmanager
def supervised(home: Path, programs: list[Program]) -> Iterator[None]:
    """Run servers for the time of the block; they die with this process."""
    supervision = Supervision(home)
    supervision.start(programs, lambda _line: None, tethered=True)
    try:
        yield
    finally:
        supervision.stop()


@dataclass
class Broker:
    """A broker, and what can be done to it. `proxy` is None for the one that has no connections."""

    name: str
    connect: Callable[[int], dict[str, Any]]  # the proxy's port -> settings
    proxy: Proxy | None
    hub: MemoryHub = field(default_factory=MemoryHub)
    made: list[Publisher | Consumer] = field(default_factory=list)

    def settings(self, **changes: Any) -> BrokerSettings:
        own = self.connect(self.proxy.port) if self.proxy else {}
        return BrokerSettings(**{"broker": self.name, **PATIENT, **own, **changes})

    def publisher(self, **changes: Any) -> Publisher:
        publisher = publisher_for(self.settings(**changes), self.hub)
        self.made.append(publisher)
        return publisher

    def consumer(self, **changes: Any) -> Consumer:
        consumer = consumer_for(self.settings(**changes), self.hub)
        self.made.append(consumer)
        return consumer

    def break_connections(self) -> None:
        """Every connection is reset; the broker itself lives."""
        if self.proxy:
            self.proxy.reset()
        else:
            self.hub.stop()
            self.hub.start()

    def go_away(self) -> None:
        """As if the broker had died."""
        if self.proxy:
            self.proxy.refuse()
        else:
            self.hub.stop()

    def come_back(self) -> None:
        if self.proxy:
            self.proxy.heal()
        else:
            self.hub.start()

    async def close(self) -> None:
        if self.proxy:
            self.proxy.heal()
        for one in self.made:
            await one.close()
        if self.proxy:
            await self.proxy.close()
