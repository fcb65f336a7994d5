"""What HAProxy keeps away from the services."""

import asyncio
import re
import ssl
import subprocess
import time
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.protocol import State

from lab.stack.haproxy import SHARED
from lab.stack.ports import free_ports
from tests.haproxy.proxy import Running, haproxy
from tests.haproxy.upstream import Upstream, serving
from websocket_service.settings import Settings
from websocket_service.timers import JITTER

pytestmark = pytest.mark.haproxy
ROOT = Path(__file__).parents[2]


def instance(kind: str = "backend") -> Upstream:
    return Upstream(f"{kind}-1", free_ports(1)[0])


async def raw(proxy: Running, request: bytes, seconds: float = 60) -> bytes:
    """The answer to these bytes; nothing more is sent. '' when the proxy closes without one.

    The end of the connection is not waited for: from 3.0 on it stays for `timeout client` where a body was
    cut, in the hope of the rest.
    """
    port = int(proxy.url.rpartition(":")[2])
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionError:  # refused so early that it was never open
        return b""
    writer.write(request)
    try:
        async with asyncio.timeout(seconds):
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
            return head + await reader.readexactly(int(length[1]) if length else 0)
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""
    finally:
        writer.close()


async def test_a_request_that_trickles_in_is_cut_and_never_seen_by_a_service(tmp_path):
    api = instance()
    async with serving(api):
        with haproxy(tmp_path, [api.port], []) as proxy:
            begin = time.monotonic()
            head, body = await asyncio.gather(
                raw(proxy, b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "),
                raw(proxy, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf"),
            )
            seconds = time.monotonic() - begin
    assert head.startswith(b"HTTP/1.1 408") and body.startswith(b"HTTP/1.1 408")
    assert 4 < seconds < 25 and api.requests == 0  # the next limit is that of a client who is silent, 30 s


async def test_a_large_body_is_refused_before_it_is_read(tmp_path):
    api = instance()
    async with serving(api):
        with haproxy(tmp_path, [api.port], []) as proxy:
            answer = await raw(
                proxy, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + b"x" * 20_000
            )
            fits = await asyncio.to_thread(httpx.post, proxy.url, content=b"x" * 65_536)
    assert answer.startswith(b"HTTP/1.1 413") and api.requests == 1
    assert fits.json()["bytes"] == 65_536


async def test_only_the_proxy_says_where_a_request_came_from(tmp_path):
    api = instance()
    lies = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Host": "evil", "Forwarded": "for=6.6.6.6", "a_b": "1"}
    async with serving(api):
        with haproxy(tmp_path, [api.port], []) as proxy:
            answer = await asyncio.to_thread(httpx.get, proxy.url, headers=lies)
    seen = dict(answer.json()["headers"])
    assert seen["x-forwarded-for"] == "127.0.0.1" and seen["x-forwarded-proto"] == "http"
    assert not {"forwarded", "x-forwarded-host", "a_b"} & set(seen)


@pytest.mark.parametrize(
    ("settings", "share"),
    [
        ({"MAX_CONNECTIONS": "10"}, 8),  # by default: 80 %
        ({"MAX_CONNECTIONS": "10", "CONNECTIONS_PER_SOURCE": ""}, 8),  # as compose says it
        ({"CONNECTIONS_PER_SOURCE": "5"}, 5),
    ],
)
async def test_a_source_that_has_its_share_of_connections_is_refused_and_others_go_on(
    tmp_path, settings, share
):
    api = instance()
    async with serving(api):
        with haproxy(tmp_path, [api.port], [], **settings) as proxy:
            port = int(proxy.url.rpartition(":")[2])
            held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(share)]
            for reader, writer in held:  # with an answer it is known to be counted, and stays open
                writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                await reader.readuntil(b"\r\n\r\n")
            with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError, httpx.ConnectError)):
                await asyncio.to_thread(httpx.get, proxy.url)
            other = httpx.HTTPTransport(local_address="127.0.0.2")
            with httpx.Client(transport=other) as client:
                assert (await asyncio.to_thread(client.get, proxy.url)).status_code == 200
            for _, writer in held:
                writer.close()


async def test_a_source_that_connects_too_often_is_refused(tmp_path):
    api = instance()
    async with serving(api):
        with haproxy(tmp_path, [api.port], [], CONNECTION_RATE_PER_SOURCE="10") as proxy:
            seldom = [await raw(proxy, b"GET / HTTP/1.0\r\n\r\n") for _ in range(10)]
            often = await asyncio.gather(*(raw(proxy, b"GET / HTTP/1.0\r\n\r\n") for _ in range(30)))
    assert all(b" 200 " in answer[:20] for answer in seldom)
    assert b"" in often, "none was refused"


async def test_figures_and_the_stats_page_are_on_a_port_of_their_own(tmp_path):
    api = instance()
    async with serving(api):
        with haproxy(tmp_path, [api.port], []) as proxy:
            await asyncio.to_thread(httpx.get, proxy.url)
            metrics = (await asyncio.to_thread(httpx.get, proxy.described["metrics"])).text
            page = (await asyncio.to_thread(httpx.get, proxy.described["stats"])).text
            through = (await asyncio.to_thread(httpx.get, f"{proxy.url}/metrics")).json()
    assert 'haproxy_server_status{proxy="api_servers",server="backend-1",state="UP"} 1' in metrics
    assert "backend-1" in page and through["name"] == "backend-1"


async def test_tls_with_a_certificate_made_on_demand(tmp_path):
    certificate = tmp_path / "tls" / "lab.pem"
    made = subprocess.run(  # noqa: ASYNC221
        ["bash", ROOT / "haproxy" / "make_certificate.sh", certificate],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "made" in made.stdout and certificate.stat().st_mode & 0o077 == 0
    context = ssl.create_default_context(cafile=str(certificate))
    api, sockets = instance(), instance("websocket")
    (port,) = free_ports(1)
    async with serving(api, sockets):
        with haproxy(
            tmp_path,
            [api.port],
            [sockets.port],
            TLS_CERTIFICATE=str(certificate),
            HAPROXY_TLS_PORT=str(port),
        ):
            url = f"https://127.0.0.1:{port}"
            answer = await asyncio.to_thread(httpx.get, url, verify=context)
            async with connect(f"wss://127.0.0.1:{port}/ws", ssl=context) as socket:
                await socket.send("?")
                assert await socket.recv() == "websocket-1 ?"
    assert dict(answer.json()["headers"])["x-forwarded-proto"] == "https"


async def test_a_silent_websocket_is_cut_and_one_that_speaks_is_not(tmp_path):
    """With a few seconds in the place of `timeout tunnel`; a full machine may pause between two words."""
    service = instance("websocket")
    async with serving(service):
        with haproxy(tmp_path, [], [service.port]) as proxy:
            file = proxy.folder / "haproxy.cfg"
            text, changed = re.subn(r"timeout tunnel \S+", "timeout tunnel 4s", file.read_text())
            assert changed == 1
            file.write_text(text)
            await asyncio.to_thread(proxy.reload)
            async with connect(proxy.websocket) as speaks, connect(proxy.websocket) as silent:
                async with asyncio.timeout(60):
                    await speaks.send("?")  # the service keeps the first one to itself
                    while silent.state is State.OPEN:
                        await speaks.send("?")
                        assert await speaks.recv()
                        await asyncio.sleep(0.1)
                await speaks.send("?")
                assert await speaks.recv()


def test_no_websocket_that_answers_heartbeats_is_silent_for_so_long():
    tunnel = re.search(r"timeout tunnel (\d+)s", SHARED.read_text())
    assert tunnel is not None
    settings = Settings(_env_file=None, secret="x" * 32)  # type: ignore[call-arg]
    longest = settings.heartbeat_seconds * (1 + JITTER) + settings.heartbeat_answer_seconds
    assert int(tunnel[1]) > 2 * longest
