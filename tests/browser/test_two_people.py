"""Two people in two pages, through the real services: nothing is lost while services come and go.

And through the proxy's TLS, where a browser speaks HTTP/2, also for websockets (RFC 8441).
"""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, expect

from lab.stack.description import StackDescription
from lab.stack.haproxy import make_certificate
from lab.stack.host import restart, running
from lab.stack.modes import Request
from lab.stack.ports import free_ports
from tests.haproxy.proxy import haproxy

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(600)]
BACK_MS = 90_000  # a killed service is restarted, the page waits up to 20 s between its tries


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[StackDescription]:
    """One API process and two websocket services, for the time of the test."""
    with running(Request(tmp_path / "stack", mode="multi", api=1, websockets=2)) as description:
        yield description


async def _registered(browser: Browser, url: str, username: str, first_name: str) -> Page:
    """The page of somebody new, signed in and connected. Contexts share no storage: two browsers."""
    page = await (await browser.new_context(ignore_https_errors=True)).new_page()
    page.set_default_timeout(BACK_MS)
    await page.goto(url)
    await page.get_by_role("button", name="New here? Register").click()
    await page.get_by_label("First name").fill(first_name)
    await page.get_by_label("Last name").fill("Page")
    await page.get_by_label("User name").fill(username)
    await page.get_by_label("Password").fill("a long password")
    await page.get_by_role("button", name="Register", exact=True).click()
    await _connected(page)
    return page


async def _connected(page: Page) -> None:
    await expect(page.locator("#state")).to_contain_text("connected", timeout=BACK_MS)


async def _write(page: Page, text: str) -> None:
    await page.get_by_label("Message", exact=True).fill(text)
    await page.keyboard.press("Enter")


async def _shown(page: Page, *texts: str) -> None:
    """Exactly these messages, in this order, each once; none waits to be sent."""
    lines = page.locator("#messages .message")
    await expect(lines).to_contain_text(list(texts), timeout=BACK_MS)
    await expect(page.locator("#pending .message")).to_have_count(0, timeout=BACK_MS)


async def _two_people(browser: Browser, url: str) -> tuple[Page, Page]:
    """Ann and Bob, with their dialog open on both pages."""
    ann = await _registered(browser, url, "ann", "Ann")
    bob = await _registered(browser, url, "bob", "Bob")
    await ann.get_by_label("Find a user").fill("Bob")
    await ann.locator("#found").get_by_text("Bob Page").click()
    await _write(ann, "hello Bob")
    await bob.locator("#dialogs").get_by_text("Ann Page").click()
    await _shown(bob, "hello Bob")
    await _write(bob, "hello Ann")
    await _shown(ann, "hello Bob", "hello Ann")
    return ann, bob


def _pid(stack: StackDescription, name: str) -> int:
    return stack.live_pids()[name]


async def test_killed_websocket_services_lose_nothing(browser: Browser, stack: StackDescription) -> None:
    ann, bob = await _two_people(browser, stack.api[0])
    for name in ("websocket-1", "websocket-2"):
        os.kill(await asyncio.to_thread(_pid, stack, name), signal.SIGKILL)
    await _write(ann, "while you were away 1")
    await _write(ann, "while you were away 2")
    await _connected(bob)
    await _shown(bob, "hello Bob", "hello Ann", "while you were away 1", "while you were away 2")
    await _connected(ann)
    await _write(bob, "I am back")
    await _shown(ann, "hello Bob", "hello Ann", "while you were away 1", "while you were away 2", "I am back")


async def test_a_graceful_restart_of_the_websocket_services_is_not_noticed(
    browser: Browser, stack: StackDescription
) -> None:
    ann, bob = await _two_people(browser, stack.api[0])
    told = ["hello Bob", "hello Ann"]
    for name in ("websocket-1", "websocket-2"):
        restarting = asyncio.create_task(asyncio.to_thread(restart, stack, name))
        for number in range(5):
            told.append(f"{name} restarts, message {number}")
            await _write(ann, told[-1])
            await _shown(bob, *told)
        await restarting
    await _shown(ann, *told)


async def test_a_killed_backend_delays_sends_and_loses_none(
    browser: Browser, stack: StackDescription
) -> None:
    ann, bob = await _two_people(browser, stack.api[0])
    os.kill(await asyncio.to_thread(_pid, stack, "backend-1"), signal.SIGKILL)
    await _write(ann, "sent into a dead backend")
    await _write(ann, "and another")
    for page in (bob, ann):
        await _shown(page, "hello Bob", "hello Ann", "sent into a dead backend", "and another")


async def _status_of_a_websocket(page: Page) -> int:
    """With what the server answers one more websocket of this page."""
    statuses: asyncio.Queue[int] = asyncio.Queue()
    tools = await page.context.new_cdp_session(page)
    tools.on(
        "Network.webSocketHandshakeResponseReceived",
        lambda event: statuses.put_nowait(event["response"]["status"]),
    )
    await tools.send("Network.enable")
    await page.evaluate("() => { new WebSocket(location.origin.replace('http', 'ws') + '/ws') }")
    async with asyncio.timeout(BACK_MS / 1000):
        return await statuses.get()


@pytest.mark.haproxy
async def test_two_people_meet_over_tls_and_http2(browser: Browser, tmp_path: Path) -> None:
    levers = {"WEBSOCKET_URLS": "/ws"}  # where the page came from
    certificate, (tls_port,) = await asyncio.to_thread(make_certificate, tmp_path / "tls.pem"), free_ports(1)
    with running(Request(tmp_path / "stack", api=1, websockets=1, levers=levers)) as stack:
        api, sockets = (urlsplit(url).port or 0 for url in (stack.api[0], stack.websockets[0]))
        with haproxy(
            tmp_path,
            [api],
            [sockets],
            TLS_CERTIFICATE=str(certificate),
            HAPROXY_TLS_PORT=str(tls_port),
        ) as proxy:
            ann, bob = await _two_people(browser, f"https://127.0.0.1:{tls_port}")
            for page in (ann, bob):
                spoken = "performance.getEntriesByType('navigation')[0].nextHopProtocol"
                assert await page.evaluate(spoken) == "h2"
            assert proxy.servers()["websocket-1"]["scur"] == "2"
            assert await _status_of_a_websocket(ann) == 200  # HTTP/1.1 would have said 101
            for page in (ann, bob):
                await page.context.close()
