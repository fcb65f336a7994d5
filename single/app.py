"""Joins the two services by a broker in memory."""

import asyncio

from backend import server
from backend.app import build
from backend.settings import Settings as BackendSettings
from websocket_service.app import Service
from websocket_service.settings import Settings as WebsocketSettings
from wire.brokers import consumer_for, publisher_for
from wire.brokers.memory import MemoryHub

DRAIN_SECONDS = 1.0  # there is no other process that clients could move to


async def serve(backend_settings: BackendSettings, websocket_settings: WebsocketSettings) -> bool:
    """Until SIGTERM or SIGINT: the API ends first, then the sockets. False when a part of the API died."""
    hub = MemoryHub()
    app = build(backend_settings, publisher_for(backend_settings.broker_settings(), hub))
    app.health.service = "single"
    service = Service(websocket_settings, consumer_for(websocket_settings.broker_settings(), hub))
    of_api = app.health.effective
    app.health.effective = lambda: {**service.health.effective(), **of_api()}
    app.health.beside = lambda: service.health.not_ready
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(service.run(stop, DRAIN_SECONDS), name="websockets")
        await service.listening.wait()
        await server.serve(app, backend_settings)
        stop.set()
    return not app.died
