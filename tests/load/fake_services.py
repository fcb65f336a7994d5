"""A stand-in backend and websocket service whose latency is known: it keeps what it really took.

    python tests/load/fake_services.py [--stall-after N --stall-seconds S]

Prints its port, serves until standard input ends, then prints the seconds each call took, by name, and how
late it was itself as `own lag`.
A tenth of the answers is slow, so that the share of slow answers tells whether a tool measures right:
on a busy machine every time grows a little, but no quick answer becomes a slow one.
"""

import argparse
import asyncio
import json
import random
import socket
import sys
import time
import uuid
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

QUICK_SECONDS, SLOW_SECONDS, SLOW_SHARE = 0.01, 0.28, 0.1
WATCH_SECONDS = 0.02


class Services:
    """Users are named userN and have the id N; the token is the id."""

    def __init__(self, stall_after: int, stall_seconds: float) -> None:
        self.random = random.Random(1)
        self.took: dict[str, list[float]] = {}
        self.sockets: dict[int, WebSocket] = {}
        self.seqs: dict[str, int] = {}
        self.stall_after, self.stall_seconds = stall_after, stall_seconds
        self.port = 0

    async def _work(self, name: str) -> None:
        started = time.perf_counter()
        slow = self.random.random() < SLOW_SHARE
        await asyncio.sleep(SLOW_SECONDS if slow else QUICK_SECONDS)
        took = self.took.setdefault(name, [])
        took.append(time.perf_counter() - started)
        if name == "send" and len(took) == self.stall_after:
            time.sleep(self.stall_seconds)  # noqa: ASYNC251  the whole process stands still

    async def watch_itself(self) -> None:
        """How late this loop comes to what is due: on a full machine requests wait here as well."""
        lag = self.took.setdefault("own lag", [])
        while True:
            due = time.perf_counter() + WATCH_SECONDS
            await asyncio.sleep(WATCH_SECONDS)
            lag.append(time.perf_counter() - due)

    async def login(self, request: Request) -> JSONResponse:
        async with request.form() as form:
            number = str(form["username"]).removeprefix("user")
        await self._work("login")
        answer = {"access_token": number, "refresh_token": number, "token_type": "bearer", "expires_in": 900}
        return JSONResponse(answer)

    async def me(self, request: Request) -> JSONResponse:
        return JSONResponse({"id": _user(request), "username": f"user{_user(request)}"})

    async def where(self, _request: Request) -> JSONResponse:
        return JSONResponse({"websockets": ["/ws"]})  # on this host

    async def history(self, _request: Request) -> JSONResponse:
        await self._work("history")
        return JSONResponse({"items": [], "next": None})

    async def send(self, request: Request) -> JSONResponse:
        sent: dict[str, Any] = await request.json()
        low, high = sorted((_user(request), request.path_params["user"]))
        dialog = str(uuid.UUID(int=(low << 64) | high))
        await self._work("send")
        self.seqs[dialog] = seq = self.seqs.get(dialog, 0) + 1
        to = request.path_params["user"]
        frame = {"d": dialog, "s": seq, "id": sent["id"], "f": _user(request), "to": to, "c": sent["content"]}
        batch = json.dumps({"t": "batch", "n": seq, "m": [frame | {"at": time.time()}]})
        for user in {low, high} & set(self.sockets):
            await self.sockets[user].send_text(batch)
        answer = {"dialog_id": dialog, "seq": seq, "id": sent["id"], "content": sent["content"]}
        return JSONResponse(
            answer | {"from_user_id": _user(request), "to_user_id": to, "created_at": time.time()}, 201
        )

    async def socket(self, websocket: WebSocket) -> None:
        await websocket.accept("dialog.v1.json")
        user = 0
        try:
            while True:
                frame = await websocket.receive_json()
                if frame["t"] == "hello":
                    user = int(frame["token"])
                    await websocket.send_json(
                        {"t": "welcome", "sid": "fake", "epoch": "e", "resumed": "new", "hb": 25000,
                         "max": 65536, "cursor": "c"}
                    )  # fmt: skip
                    self.sockets[user] = websocket
        except (WebSocketDisconnect, RuntimeError):
            self.sockets.pop(user, None)


def _user(request: Request) -> int:
    return int(request.headers["authorization"].removeprefix("Bearer "))


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stall-after", type=int, default=0)
    parser.add_argument("--stall-seconds", type=float, default=0.0)
    options = parser.parse_args()
    services = Services(options.stall_after, options.stall_seconds)
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    services.port = listening.getsockname()[1]
    app = Starlette(
        routes=[
            Route("/api/v1/login", services.login, methods=["POST"]),
            Route("/api/v1/users/me", services.me),
            Route("/api/v1/where", services.where),
            Route("/api/v1/dialog/{user:int}/create/", services.send, methods=["POST"]),
            Route("/api/v1/dialog/{user:int}/list/", services.history),
            WebSocketRoute("/ws", services.socket),
        ]
    )
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", loop="asyncio"))
    print(services.port, flush=True)
    serving = asyncio.create_task(server.serve([listening]))
    watching = asyncio.create_task(services.watch_itself())
    await asyncio.to_thread(sys.stdin.read)
    server.force_exit = server.should_exit = True
    watching.cancel()
    await serving
    print(json.dumps(services.took))


if __name__ == "__main__":
    asyncio.run(main())
