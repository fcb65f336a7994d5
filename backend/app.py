"""The only place where the backend's objects are made and joined, and where choices between them fall."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from backend import dialogs, documentation, failing, page, queries, twins, users, worker_metrics
from backend.access import Access
from backend.asgi import Event, Receive, Route, Send
from backend.bodies import MAX_BODY_BYTES, WhereOut
from backend.connections import BATCH_SESSION, connector
from backend.effective import server_of
from backend.group_commit import GroupCommit
from backend.health import Health
from backend.history import HISTORIES, History, Unindexed
from backend.hot_path import HotPath
from backend.metrics import Metrics
from backend.nodes import Nodes
from backend.outbox import Outbox
from backend.passwords import Passwords
from backend.pools import Pool
from backend.publishing import TRIES, PublishQueue, whole, without_content
from backend.reads import FromPrimary, FromReplica, FromReplicaWithOwnWrites, Reads
from backend.schema import DatabaseFacts, DatabaseRefuses, prepare
from backend.sending import Sending
from backend.settings import Settings
from backend.store import Store
from backend.twins import Twin
from backend.user_reader import FromDatabase, InProcess, SingleFetch, UserReader
from wire import collector
from wire.broker import Publisher
from wire.brokers import publisher_for
from wire.effective import of_parts, of_process
from wire.tokens import Tokens

logger = logging.getLogger(__name__)

TOKENS = 20_000  # verified tokens that are remembered; about 10 MB

DESCRIPTION = """Users send each other messages; sockets hear of them at once.

Press **Authorize** with a user's name and password, then try `POST /dialog/{user_id}/create/`."""


class Backend(FastAPI):
    """The FastAPI application, and what is in front of it and runs beside it."""

    def __init__(self, settings: Settings, publisher: Publisher) -> None:
        super().__init__(
            title="FastAPI performance lab",
            version="1",
            description=DESCRIPTION,
            lifespan=_lifespan,
            max_body_size=MAX_BODY_BYTES,
            # A redirect would repeat the Host header as the client (or an attacker) wrote it, over http.
            redirect_slashes=False,
            docs_url=None,  # see documentation.py
            redoc_url=None,
        )
        self.settings = settings
        self.publisher = publisher
        self.queries = queries.load()
        self.metrics = Metrics(lambda: publisher.returned)
        self.connect = connector(settings)
        self.facts: DatabaseFacts | None = None
        self.server: dict[str, object] = {}  # which one calls us; known with its first request
        self.died = False

        wait = settings.pool_wait_seconds
        waits = self.metrics.acquire_seconds
        self.nodes: Nodes | None = None
        connect = self.connect
        if settings.citus_node == "any":
            self.nodes = Nodes(
                connect, lambda node: connector(settings, node=node), self.queries["nodes_of_cluster"]
            )
            connect = self.nodes.connect
        self.pool = Pool(connect, settings.pool_size, wait, waits)
        self.batches = Pool(connector(settings, session=BATCH_SESSION), 1, wait, waits)
        self.reads = self._make_reads(settings)
        self.store = Store(self.pool, self.batches, self.queries, settings.delivery == "outbox")
        self.group_commit = GroupCommit(self.store, self.metrics)
        shape = without_content if settings.payload == "notify" else whole
        self.outbox = Outbox(self.pool, self.connect, publisher, self.queries, shape=shape)
        confirmed = self.outbox.done if settings.delivery == "outbox" else None
        tries = 1 if settings.delivery == "fire_and_forget" else TRIES
        interval = settings.publish_interval_seconds
        self.publish = PublishQueue(publisher, self.metrics, confirmed, shape, tries, interval)
        self.sending = Sending(self.store.send, self.publish, self.reads, settings.hop_times == "on")

        tokens = Tokens(settings.secret, TOKENS if settings.token_cache == "on" else 0)
        self.access = Access(tokens, self.pool, self.queries["disabled_users"])
        self.twin: Twin | None = None
        if settings.query_path in twins.TWINS:
            self.twin = twins.make(settings, self.access, self.publish)
        self.passwords = Passwords()
        self.users = self._make_users(settings)
        self.history = self._make_history(settings)
        self.health = Health(settings.service_id, self.metrics, self._links, self._effective)
        self._add_routes(settings)
        failing.install(self, self.metrics)
        self.front: Route = failing.too_large(super().__call__)
        if settings.query_path == "raw":
            self.front = HotPath(
                self.front,
                self.access,
                self.sending,
                history=self.history,
                reads=self.reads,
                metrics=self.metrics,
            )

    def _make_reads(self, settings: Settings) -> Reads:
        if settings.read_routing == "primary":
            return FromPrimary(self.pool, self.metrics)
        connect = connector(settings, replica=True)
        wait, waits = settings.pool_wait_seconds, self.metrics.acquire_seconds
        replica = Pool(connect, settings.pool_size, wait, waits)
        if settings.read_routing == "replica":
            return FromReplica(self.pool, replica, self.metrics)

        async def written() -> int:
            return int((await self.pool.fetch(self.queries["position_written"]))[0][0])

        async def replayed() -> int:
            return int((await replica.fetch(self.queries["position_replayed"]))[0][0])

        return FromReplicaWithOwnWrites(self.pool, replica, self.metrics, written=written, replayed=replayed)

    def _make_users(self, settings: Settings) -> UserReader:
        database = FromDatabase(self.reads, self.queries["user_by_id"])
        load = SingleFetch(database.load)
        if settings.cache == "process":
            return InProcess(load, settings.cache_seconds, self.metrics)
        if settings.cache == "redis":
            from backend.redis_cache import InRedis

            return InRedis(load, settings.cache_seconds, settings.redis_url, self.metrics)
        return database

    def _make_history(self, settings: Settings) -> History:
        if settings.pair_index == "off":
            return Unindexed(self.reads, self.queries)
        return HISTORIES[settings.paging](self.reads, self.queries)

    def _add_routes(self, settings: Settings) -> None:
        if self.twin is None:
            message_routes = dialogs.message_routes(
                self.access, self.sending, self.history, self.reads, self.metrics
            )
        else:
            message_routes = self.twin.routes
        for routes in (
            users.router(
                settings,
                self.access,
                self.pool,
                self.passwords,
                reads=self.reads,
                reader=self.users,
                queries=self.queries,
            ),
            message_routes,
            dialogs.overview_routes(self.access, self.reads, self.queries),
        ):
            self.include_router(routes, prefix="/api/v1")
        self.include_router(self.health.router())

        @self.get("/api/v1/where", tags=["websockets"])
        async def where() -> WhereOut:
            """Where the websockets are. A path is meant on the host that was asked."""
            return WhereOut(websockets=list(settings.websocket_urls))

        page.mount(self)
        documentation.mount(self)

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if not self.server:
                self.server = server_of(send)
            await self.front(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def _links(self) -> dict[str, bool]:
        return {"postgres": self.access.fresh, "broker": self.publisher.connected}

    def _effective(self) -> dict[str, object]:
        """Of two parts that say different things the later one works: a twin has its own pool.

        FastAPI's routes over the same parts answer where nothing is in front of them, nor in their place.
        """
        parts = (
            *(self.facts, self.access.tokens, self.pool, self.reads, self.users, self.history),
            *(self.publisher, self.publish, self.sending, self.front, self.twin),
        )
        socket = self.settings.backend_socket
        return {
            **of_process(),
            "query_path": "fastapi",
            **of_parts(parts),
            **self.server,
            "uvicorn_workers": worker_metrics.running() if self.health.shares_port else 1,
            "citus_node": "any" if self.nodes else "coordinator",
            "app_transport": "unix" if socket and Path(socket).is_socket() else "tcp",
        }

    async def run(self) -> None:
        """All that goes on beside requests, until cancelled. Ends with an error when a part of it does."""
        async with asyncio.TaskGroup() as tasks:
            start = tasks.create_task
            start(self.health.measure_lag(), name="loop lag")
            if self.health.shares_port:
                start(self.health.offer_metrics(), name="metrics for the other workers")
            await self.publisher.start()
            start(self.publisher.wait_closed(), name="publisher")
            start(self.publish.run(), name="publish queue")
            self.facts = await prepare(self.connect, self.settings, self.queries)
            start(self.pool.keep(), name="pool")
            if self.nodes is not None and self.facts.citus:
                self.nodes.pools.append(self.pool)
                start(self.nodes.run(), name="nodes of the cluster")
            start(self.reads.run(), name="reads")
            if self.twin is not None:
                await self.twin.start()
            elif self.settings.group_commit == "on" and not self.facts.citus:
                start(self.batches.keep(), name="batch pool")
                start(self.group_commit.run(), name="group commit")
                self.sending.store = self.group_commit.send
            if self.settings.delivery == "outbox":
                start(self.outbox.run_relay(), name="outbox relay")
            start(self.access.run(), name="revocation list")
            await self.access.first_refresh()
            await self.pool.tried.wait()
            self.health.prepared = True
            collector.settle(self.settings.gc_threshold)

    def ended(self, task: "asyncio.Task[None]") -> None:
        """A part that died must not leave a process that looks alive: its supervisor starts another."""
        self.died = True
        error = task.exception()
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if isinstance(error, DatabaseRefuses):
            logger.critical("%s", error)
        else:
            logger.critical("a part of the backend died", exc_info=task.exception())
        os.kill(os.getpid(), signal.SIGTERM)

    async def close(self) -> None:
        """After the last request: hand over what is queued, then let go."""
        await self.publish.flush(self.settings.drain_seconds)
        await self.publisher.close()
        if self.twin is not None:
            await self.twin.close()
        await self.users.close()
        self.passwords.close()


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    assert isinstance(app, Backend)
    running = asyncio.create_task(app.run(), name="backend")
    running.add_done_callback(app.ended)
    try:
        yield
    finally:
        await app.publish.flush(app.settings.drain_seconds)
        running.remove_done_callback(app.ended)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await app.close()


def build(settings: Settings, publisher: Publisher | None = None) -> Backend:
    """The application, not yet started. `publisher` is made from the settings unless given."""
    return Backend(settings, publisher or publisher_for(settings.broker_settings()))
