"""The rival's websocket service, as its documentation writes it: python -m lab.bench.rival.server.

A room for each user; the manager on RabbitMQ brings what another process emits. The environment names the
port and the broker (RIVAL_PORT, RIVAL_BROKER).
"""

import os
from typing import Any

import socketio
import uvicorn

EVENT = "message"


def room(user: int) -> str:
    """Where the devices of a user are."""
    return f"user:{user}"


def application(broker: str) -> Any:
    """The ASGI application."""
    server = socketio.AsyncServer(async_mode="asgi", client_manager=socketio.AsyncAioPikaManager(broker))

    @server.event  # type: ignore[untyped-decorator]  # the library has no types
    async def connect(sid: str, _environ: dict[str, Any], auth: dict[str, Any]) -> None:
        await server.enter_room(sid, room(auth["user"]))

    async def ready(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    return socketio.ASGIApp(server, other_asgi_app=ready)


if __name__ == "__main__":
    uvicorn.run(
        application(os.environ["RIVAL_BROKER"]),
        host="127.0.0.1",
        port=int(os.environ["RIVAL_PORT"]),
        loop="uvloop",
        ws="websockets",
        log_level="warning",
    )
