"""The only place where the service's objects are made and joined, and where choices between them fall."""

import asyncio
import logging
import resource

from websocket_service.conversation import Conversation
from websocket_service.database import Database, DatabaseAway
from websocket_service.drain import drain
from websocket_service.handshake import Handshake
from websocket_service.health import Health
from websocket_service.hints import Hints, NotifiedHints
from websocket_service.metrics import Metrics
from websocket_service.resume import Resume
from websocket_service.revocation import Revocation
from websocket_service.seen import Seen
from websocket_service.settings import Settings
from websocket_service.sockets import Sockets
from websocket_service.sweep import Sweep
from websocket_service.timers import Timers
from websocket_service.users import Users
from wire import collector
from wire.broker import Consumer
from wire.brokers import consumer_for
from wire.effective import of_parts, of_process
from wire.tokens import Tokens

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.2
UPKEEP_SECONDS = 1.0


class Service:
    """Make it on the running loop, then `run`."""

    def __init__(self, settings: Settings, consumer: Consumer | None = None) -> None:
        self.settings = settings
        self.port = 0
        self.listening = asyncio.Event()
        self.metrics = metrics = Metrics()
        self.consumer = consumer or consumer_for(settings.broker_settings())
        self.database = database = Database(settings)
        self.users = users = Users(
            self.consumer,
            database,
            metrics,
            max_devices=settings.ws_max_devices,
            debounce_seconds=settings.debounce_seconds,
        )
        self.seen = Seen()
        hints = Hints(users, self.seen, metrics)
        self.fetching = NotifiedHints(hints, database, metrics) if settings.payload == "notify" else None
        self.hints = self.fetching or hints
        self.sweep = Sweep(
            users=users,
            seen=self.seen,
            database=database,
            consumer=self.consumer,
            metrics=metrics,
            interval_seconds=settings.sweep_seconds,
        )
        self.resume = Resume(users, database)
        self.revocation = Revocation(users, database)
        self.timers = Timers(self.consumer, settings.heartbeat_seconds, settings.heartbeat_answer_seconds)
        handshake = Handshake(
            Tokens(settings.secret), self.revocation, settings.ws_origins, settings.hello_seconds
        )
        self.health = Health(settings.ws_id, metrics, database, self.consumer, self._effective)
        self.sockets = Sockets(
            settings=settings,
            health=self.health,
            metrics=metrics,
            database=database,
            users=users,
            handshake=handshake,
            resume=self.resume,
            timers=self.timers,
            conversation=Conversation(handshake, self.timers, database, metrics),
        )
        metrics.gauges |= {
            "sockets": ("Sockets open, welcomed or not.", lambda: self.sockets.open),
            "sessions": ("Sockets welcomed.", lambda: len(users.sessions)),
            "users": ("Users here, or here a minute ago.", lambda: len(users.users)),
            "messages_waiting": (
                "Messages that wait for slow sockets.",
                lambda: sum(len(session.pending) for session in users.sessions),
            ),
            "broker_generation": ("Connections made to the broker.", lambda: self.consumer.generation),
            "database_queries": ("Queries asked so far.", lambda: database.asked),
            "asyncio_tasks": ("Tasks of the event loop.", lambda: len(asyncio.all_tasks())),
            "dialogs_seen": ("Dialogs heard of lately.", lambda: len(self.seen)),
        }

    def _effective(self) -> dict[str, object]:
        parts = (self.consumer, self.database, self.hints, self.users, self.sweep, self.sockets)
        return {**of_process(), **of_parts(parts)}

    async def run(self, stop: asyncio.Event, drain_seconds: float | None = None) -> None:
        """Serve until `stop`, then drain and return. Raises what a part of it died of."""
        seconds = self.settings.ws_drain_seconds if drain_seconds is None else drain_seconds
        await self.database.open()
        try:
            async with self.sockets.listening() as self.port:
                self.listening.set()
                await self._run_parts(stop, seconds)
        finally:
            await self.consumer.close()
            await self.database.close()

    async def _run_parts(self, stop: asyncio.Event, drain_seconds: float) -> None:
        async with asyncio.TaskGroup() as tasks:
            parts = [
                tasks.create_task(self.health.measure_lag(), name="loop lag"),
                tasks.create_task(self.timers.run(), name="timers"),
                tasks.create_task(self._prepare(), name="preparation"),
            ]
            await stop.wait()
            self.health.draining = True
            await drain(self.users, drain_seconds, self.sweep.sweep)
            for part in parts:
                part.cancel()

    async def _prepare(self) -> None:
        while True:
            try:
                await self.database.look()
                await self.revocation.refresh()
                break
            except DatabaseAway as error:
                logger.warning("waiting for the database: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
        await self.consumer.start(self.hints.take, self.sweep.catch_up)
        self.health.prepared = True
        collector.settle(self.settings.gc_threshold)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.consumer.wait_closed(), name="consumer")
            tasks.create_task(self.resume.run(), name="resume")
            tasks.create_task(self.sweep.run(), name="sweep")
            tasks.create_task(self.revocation.run(), name="revocation list")
            tasks.create_task(self._upkeep(), name="upkeep")
            if self.fetching is not None:
                tasks.create_task(self.fetching.run(), name="fetching")

    async def _upkeep(self) -> None:
        while True:
            await asyncio.sleep(UPKEEP_SECONDS)
            await self.users.drop_left()


def raise_file_limit() -> None:
    """As many sockets as the system lets us have: the usual soft limit of 1,024 files is a trap."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
