"""The publisher that every connected broker shares; a broker adds only its session."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from wire.broker import BrokerUnavailable, PublishTimeout
from wire.brokers.link import Link, Session
from wire.brokers.settings import BrokerSettings
from wire.message import DialogMessage


class PublisherSession(Session):
    """One connection on which hints go out. `returned` counts the messages that no queue took."""

    def __init__(self) -> None:
        super().__init__()
        self.returned = 0

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
            raise BrokerUnavailable(f"{self._link.name}: {error or type(error).__name__}") from error

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
