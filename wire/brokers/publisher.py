"""The publisher that every connected broker shares; a broker adds only its session."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from wire.broker import BrokerUnavailable, PublishTimeout
from wire.brokers.link import Link, Session
from wire.brokers.settings import BrokerName, BrokerSettings
from wire.codecs import codec_named
from wire.message import DialogMessage
from wire.topology import key_of_user, routing_of


class PublisherSession(Session):
    """One connection on which hints go out. `returned` counts the messages that no queue took."""

    broker: BrokerName

    def __init__(self, settings: BrokerSettings) -> None:
        super().__init__()
        self.returned = 0
        self._size = settings.hints_per_message
        self._key_of_user = key_of_user(settings.routing)
        self._codec = codec_named(settings.encoding)

    @property
    def in_effect(self) -> dict[str, object]:
        """Setting -> the value that this connection works with."""
        return {
            "broker": self.broker,
            "routing": routing_of(self._key_of_user),
            "encoding": self._codec.name,
            "hints_per_message": self._size,
        }

    @abstractmethod
    async def publish(self, hints: Sequence[DialogMessage]) -> None:
        """Send in order and return when confirmed. Calls under way at the same time keep their order."""


class ConnectedPublisher:
    """wire.broker.Publisher over a supervised connection."""

    def __init__(
        self,
        settings: BrokerSettings,
        open_session: Callable[[], AbstractAsyncContextManager[PublisherSession]],
        lost_on: tuple[type[Exception], ...],
    ) -> None:
        self._timeout_seconds = settings.publish_timeout_seconds
        self._returned = 0  # in former sessions

        @asynccontextmanager
        async def counted() -> AsyncIterator[PublisherSession]:
            async with open_session() as session:
                try:
                    yield session
                finally:
                    self._returned += session.returned

        self._link = Link(
            f"{settings.client_name} {settings.broker} publisher",
            counted,
            lost_on,
            connect_timeout_seconds=settings.connect_timeout_seconds,
        )

    @property
    def connected(self) -> bool:
        return self._link.session is not None

    @property
    def returned(self) -> int:
        session = self._link.session
        return self._returned + (session.returned if session is not None else 0)

    @property
    def in_effect(self) -> dict[str, object]:
        """See wire.effective; nothing while there is no connection."""
        return self._link.session.in_effect if self._link.session else {}

    async def start(self) -> None:
        self._link.start()

    async def publish(self, hints: Sequence[DialogMessage]) -> None:
        session = self._link.session
        if session is None:
            raise BrokerUnavailable(f"{self._link.name}: not connected")
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await session.publish(hints)
        except TimeoutError:
            raise PublishTimeout(
                f"{self._link.name}: no confirm within {self._timeout_seconds:g} s"
            ) from None
        except self._link.lost_on as error:
            raise BrokerUnavailable(f"{self._link.name}: {str(error) or type(error).__name__}") from error

    async def wait_closed(self) -> None:
        await self._link.wait_closed()

    async def close(self) -> None:
        await self._link.close()


def chunks(hints: Sequence[DialogMessage], size: int) -> Iterator[Sequence[DialogMessage]]:
    """The hints in pieces of at most `size`, in order."""
    if len(hints) <= size:
        if hints:
            yield hints
        return
    for start in range(0, len(hints), size):
        yield hints[start : start + size]


def by_key(
    hints: Sequence[DialogMessage], key_of_user: Callable[[int], str]
) -> dict[str, list[DialogMessage]]:
    """A copy of each hint for each of its keys: for brokers where one message goes to one key."""
    copies: dict[str, list[DialogMessage]] = {}
    for hint in hints:
        for key in {key_of_user(hint.from_user_id): None, key_of_user(hint.to_user_id): None}:
            copies.setdefault(key, []).append(hint)
    return copies
