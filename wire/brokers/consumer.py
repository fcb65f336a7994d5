"""The consumer that every connected broker shares; a broker adds only its session."""

import asyncio
import logging
from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from itertools import islice

import msgspec

from wire.broker import GenerationHandler, HintHandler
from wire.brokers.bindings import Bindings
from wire.brokers.link import Link, Session
from wire.brokers.settings import BrokerSettings
from wire.codecs import codec_named
from wire.message import DialogMessage
from wire.topology import EVERYBODY, key_of_user, routing_of

logger = logging.getLogger(__name__)

KEYS_AT_ONCE = 500  # thousands (routing per_user) may take a cluster longer than a connect may

# Takes the bytes of one batch, and the key it came by where the broker sends one copy a key.
Deliver = Callable[[bytes, str | None], None]


class ConsumerSession(Session):
    """One connection on which hints come in. A method that fails also makes the session lost.

    `in_effect`: setting -> value, of what this broker follows beyond routing and encoding.
    """

    in_effect: Mapping[str, object]

    @abstractmethod
    async def subscribe(self, keys: Collection[str]) -> None:
        """Returns when effective."""

    @abstractmethod
    async def unsubscribe(self, key: str) -> None: ...


class ConnectedConsumer:
    """wire.broker.Consumer over a supervised connection."""

    def __init__(
        self,
        settings: BrokerSettings,
        open_session: Callable[[Deliver], AbstractAsyncContextManager[ConsumerSession]],
        lost_on: tuple[type[Exception], ...],
    ) -> None:
        self._settings = settings
        self._key_of_user = key_of_user(settings.routing)
        self._codec = codec_named(settings.encoding)
        self._bindings = Bindings(self._key_of_user)
        self._subscribed: set[str] = set()  # by the present session
        self._asked: set[str] = set()  # waiting for the next subscribe
        self._subscribing = asyncio.Lock()
        self._idle_since: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._catch_up: asyncio.Task[None] | None = None
        self._on_hints: HintHandler
        self._on_generation: GenerationHandler
        self.malformed = 0
        self.unwanted = 0
        self._link = Link(
            f"{settings.client_name} {settings.broker} consumer",
            lambda: open_session(self._deliver),
            lost_on,
            connect_timeout_seconds=settings.connect_timeout_seconds,
            prepare=self._restore,
            on_open=self._opened,
            on_lost=self._lost,
        )

    @property
    def connected(self) -> bool:
        return self._link.session is not None

    @property
    def generation(self) -> int:
        return self._link.generation

    @property
    def in_effect(self) -> dict[str, object]:
        """See wire.effective; nothing while there is no connection."""
        if self._link.session is None:
            return {}
        of_all = {"routing": routing_of(self._key_of_user), "encoding": self._codec.name}
        return of_all | dict(self._link.session.in_effect)

    async def start(self, on_hints: HintHandler, on_generation: GenerationHandler) -> None:
        self._on_hints, self._on_generation = on_hints, on_generation
        self._link.start()
        if self._settings.routing == "partition":
            self._own(asyncio.create_task(self._drop_idle_keys(), name=f"{self._link.name} idle keys"))

    async def bind(self, user_id: int) -> None:
        key = self._bindings.add(user_id)
        self._idle_since.pop(key, None)
        session = self._link.session
        if session is None or key in self._subscribed:
            return
        # What was asked for while a subscribe was under way goes with the next one.
        self._asked.add(key)
        async with self._subscribing:
            if session is self._link.session and key in self._asked:
                await self._subscribe_asked(session)

    async def unbind(self, user_id: int) -> None:
        key = self._bindings.remove(user_id)
        if key is None or self._settings.routing == "fanout":
            return
        if self._settings.routing == "partition":
            self._idle_since[key] = asyncio.get_running_loop().time()
        else:
            await self._unsubscribe(key)

    async def wait_closed(self) -> None:
        await self._link.wait_closed()

    async def close(self) -> None:
        await self._link.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- hints

    def _deliver(self, payload: bytes, key: str | None) -> None:
        if self._link.failed:
            return
        try:
            hints = self._codec.decode_hints(payload)
        except msgspec.DecodeError as error:
            self.malformed += 1
            logger.error("%s: dropped a malformed batch: %s", self._link.name, error)
            return
        wanted = self._wanted(hints, key)
        self.unwanted += len(hints) - len(wanted)
        if wanted:
            try:
                self._on_hints(wanted)
            except Exception as error:
                self._link.fail(error)

    def _wanted(self, hints: Sequence[DialogMessage], key: str | None) -> Sequence[DialogMessage]:
        users = self._bindings.users
        wanted = [hint for hint in hints if hint.from_user_id in users or hint.to_user_id in users]
        if key is None:
            return wanted
        # Two copies came, one by each user's key: take the lower user's where we hear it. Both directions of
        # a dialog then come by one key, in the publisher's order.
        heard = self._subscribed
        return [hint for hint in wanted if (own := self._key_of_dialog(hint)) == key or own not in heard]

    def _key_of_dialog(self, hint: DialogMessage) -> str:
        return self._key_of_user(min(hint.from_user_id, hint.to_user_id))

    # --- keys

    async def _restore(self, session: ConsumerSession, progress: Callable[[], None]) -> None:
        self._subscribed.clear()
        self._asked.clear()
        while missing := self._all_keys() - self._subscribed:
            some = set(islice(missing, KEYS_AT_ONCE))
            await session.subscribe(some)
            self._subscribed |= some
            progress()

    def _all_keys(self) -> set[str]:
        return {EVERYBODY} if self._settings.routing == "fanout" else set(self._bindings.keys)

    async def _subscribe_asked(self, session: ConsumerSession) -> None:
        keys, self._asked = self._asked - self._subscribed, set()
        if not keys:  # another user's bind has brought it meanwhile
            return
        try:
            async with asyncio.timeout(self._settings.connect_timeout_seconds):
                await session.subscribe(keys)
        except self._link.lost_on as error:
            session.lose(f"subscribe: {str(error) or type(error).__name__}")
        else:
            self._subscribed |= keys

    async def _unsubscribe(self, key: str) -> None:
        async with self._subscribing:
            session = self._link.session
            if session is None or key in self._bindings.keys or key not in self._subscribed:
                return
            self._subscribed.discard(key)
            try:
                async with asyncio.timeout(self._settings.connect_timeout_seconds):
                    await session.unsubscribe(key)
            except self._link.lost_on as error:
                session.lose(f"unsubscribe: {str(error) or type(error).__name__}")

    async def _drop_idle_keys(self) -> None:
        linger = self._settings.unbind_after_seconds
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(linger / 4)
            for key, since in list(self._idle_since.items()):
                if loop.time() - since >= linger:
                    self._idle_since.pop(key, None)
                    await self._unsubscribe(key)

    # --- generations

    def _opened(self, generation: int) -> None:
        async def catch_up() -> None:
            await self._on_generation(generation)

        self._catch_up = asyncio.create_task(catch_up(), name=f"{self._link.name} generation {generation}")
        self._own(self._catch_up)

    def _lost(self) -> None:
        self._subscribed.clear()
        if self._catch_up is not None:
            self._catch_up.cancel()

    def _own(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._link.fail(error)
