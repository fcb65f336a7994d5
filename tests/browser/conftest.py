"""A real Chromium for the page, and a stand-in for the services where the test is about the page alone."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Browser, Page, Route, WebSocketRoute, async_playwright, expect

from backend.page import FOLDER, HEADERS
from wire.message import dialog_id_of

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# --no-sandbox: the tests may run as root. The rest keeps the browser from talking to the world.
FLAGS = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-dev-shm-usage"]

expect.set_options(timeout=60_000)  # a full machine draws late


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the system's Chromium."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    pytest.skip("no Chromium on this machine; install it: apt-get install chromium")


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """A fresh browser; each of its contexts is another person."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS, timeout=120_000)
        yield browser
        await browser.close()


ORIGIN = "http://lab.test"
USERS = {
    1: {"id": 1, "username": "ann", "first_name": "Ann", "last_name": "Lee"},
    2: {"id": 2, "username": "bob", "first_name": "Bob", "last_name": "Ray"},
}
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


class Services:
    """Backend and websocket service as the page sees them, in the hands of the test.

    `sockets` are the page's connections, oldest first; `heard` what it said on them; `posted` the sends.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.stored: list[dict[str, Any]] = []
        self.posted: list[dict[str, Any]] = []
        self.sockets: list[WebSocketRoute] = []
        self.heard: list[dict[str, Any]] = []
        self.resumed = "new"
        self.where = "ws://lab.test/ws"
        self.welcomes = True
        self.answering = asyncio.Event()  # cleared: histories are asked for and not answered yet
        self.answering.set()
        self.answer_send: Callable[[dict[str, Any]], tuple[int, Any]] = self.store

    async def start(self) -> None:
        await self.page.route(f"{ORIGIN}/**", self._http)
        await self.page.route_web_socket("ws://lab.test/**", self._socket)

    def message(self, seq: int, content: str, sender: int = 2) -> dict[str, Any]:
        """A message of the two users as a frame carries it."""
        return {
            "d": str(dialog_id_of(1, 2)),
            "s": seq,
            "id": f"018f0000-0000-7000-8000-{seq:012d}",
            "f": sender,
            "to": 3 - sender,
            "c": content,
            "at": 1_760_000_000.0 + seq,
        }

    def push(self, *messages: dict[str, Any], **more: Any) -> None:
        """A batch on the newest socket."""
        self.say({"t": "batch", "n": 1, "m": list(messages), **more})

    def say(self, frame: dict[str, Any]) -> None:
        self.sockets[-1].send(json.dumps(frame))

    def store(self, sent: dict[str, Any]) -> tuple[int, Any]:
        """The real answer to a send."""
        for message in self.stored:
            if message["id"] == sent["id"]:
                return 200, message
        message = {
            "dialog_id": str(dialog_id_of(1, 2)),
            "seq": len(self.stored) + 1,
            "id": sent["id"],
            "from_user_id": 1,
            "to_user_id": 2,
            "content": sent["content"],
            "created_at": 1_760_000_000.0,
        }
        self.stored.append(message)
        return 201, message

    def _listed(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        if "after" in query:
            return [item for item in self.stored if item["seq"] > int(query["after"][0])][:50]
        before = int(query.get("before", ["1000000"])[0])
        return [item for item in reversed(self.stored) if item["seq"] < before][:50]

    def _answer(self, method: str, path: str, query: dict[str, list[str]], route: Route) -> tuple[int, Any]:
        fixed = {
            "/login": {"access_token": "a", "refresh_token": "r", "token_type": "bearer", "expires_in": 900},
            "/users/me": USERS[1],
            "/users/2": USERS[2],
            "/where": {"websockets": [self.where]},
            "/users/search/": {"items": list(USERS.values()), "next": None},
        }
        if path in fixed:
            return 200, fixed[path]
        if path == "/dialogs/":
            dialog = {**USERS[2], "user_id": 2, "dialog_id": str(dialog_id_of(1, 2))}
            return 200, {
                "items": [dialog | {"last_seq": len(self.stored)}] if self.stored else [],
                "next": None,
            }
        if path == "/dialog/2/list/":
            return 200, {"items": self._listed(query), "next": None}
        if path == "/dialog/2/create/" and method == "POST":
            sent = json.loads(route.request.post_data or "")
            self.posted.append(sent)
            return self.answer_send(sent)
        return 404, {"detail": f"no {path}"}

    async def _http(self, route: Route) -> None:
        at = urlsplit(route.request.url)
        if at.path.startswith("/api/v1"):
            if at.path.endswith("/list/"):
                await self.answering.wait()
            status, body = self._answer(route.request.method, at.path[7:], parse_qs(at.query), route)
            if status == 0:
                await route.abort()
            else:
                await route.fulfill(status=status, json=body)
            return
        name = "index.html" if at.path == "/" else Path(at.path).name
        file = FOLDER / name
        await route.fulfill(body=file.read_bytes(), content_type=TYPES[file.suffix], headers=HEADERS)

    def _socket(self, socket: WebSocketRoute) -> None:
        self.sockets.append(socket)

        def heard(text: str | bytes) -> None:
            frame = json.loads(text)
            self.heard.append(frame)
            if frame["t"] == "hello" and self.welcomes:
                welcome = {"t": "welcome", "sid": "ws-1", "epoch": "e", "resumed": self.resumed, "hb": 25000}
                socket.send(json.dumps(welcome | {"max": 65536, "cursor": f"c{len(self.sockets)}"}))

        socket.on_message(heard)


@pytest.fixture
async def services(browser: Browser) -> AsyncIterator[Services]:
    """The page of user 1 before signing in, with stand-in services. A script error fails the test."""
    page = await browser.new_page()
    page.set_default_timeout(90_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda line: errors.append(line.text) if "Content Security Policy" in line.text else None,
    )
    services = Services(page)
    await services.start()
    yield services
    assert not errors
