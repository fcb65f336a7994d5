"""Requests that two readers would cut differently: exactly what of them reaches a service."""

import asyncio

import pytest

from backend.bounded_head import BoundedHead
from lab.stack.ports import free_ports
from tests.haproxy.proxy import haproxy
from tests.haproxy.upstream import Upstream, serving

pytestmark = pytest.mark.haproxy

HIDDEN = "GET /hidden HTTP/1.1\nHost: x\nX-Forwarded-For: 6.6.6.6\n\n"
ANSWER = b'"name": "backend-1"'
FIRST, OWN = "POST /first", "GET /hidden"
ENDED = f"0\n\n{HIDDEN}"  # chunks that end, then the hidden request
LONG = f"{len(HIDDEN) + HIDDEN.count(chr(10)):x}\n{HIDDEN}\n0\n\n"  # the hidden request as a chunk


def _length(body: str) -> int:
    return len(body.replace("\n", "\r\n"))


# Heads and body of a POST, and what reaches the service: where a request says its length in two ways, the
# proxy either refuses it, or passes it on in one way and hangs up behind it.
FORMS: dict[str, tuple[str, str, list[str]]] = {
    "an honest one, and the sender's next": ("Content-Length: 3\n", f"abc{HIDDEN}", [FIRST, OWN]),
    "both, chunks end first": (
        f"Content-Length: {_length(ENDED)}\nTransfer-Encoding: chunked\n", ENDED, [FIRST]),
    "both, length ends first": ("Transfer-Encoding: chunked\nContent-Length: 4\n", LONG, [FIRST]),
    "two lengths": (f"Content-Length: 4\nContent-Length: {_length(ENDED)}\n", ENDED, []),
    "a list of lengths": (f"Content-Length: 4, {_length(ENDED)}\n", ENDED, []),
    "a length with a sign": (f"Content-Length: +{_length(ENDED)}\n", ENDED, []),
    "a length that is no number": ("Content-Length: 0x4\n", ENDED, []),
    "an unknown coding": (f"Content-Length: {_length(ENDED)}\nTransfer-Encoding: xchunked\n", ENDED, []),
    "chunked is not last": ("Transfer-Encoding: chunked, identity\n", ENDED, []),
    "two codings": ("Transfer-Encoding: chunked\nTransfer-Encoding: identity\n", ENDED, []),
    "chunked twice": ("Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n", ENDED, []),
    "a quoted coding": ('Transfer-Encoding: "chunked"\n', ENDED, []),
    "a space before the colon": (
        f"Content-Length: {_length(ENDED)}\nTransfer-Encoding : chunked\n", ENDED, []),
    "a folded head": (f"Content-Length: {_length(ENDED)}\nTransfer-Encoding:\n chunked\n", ENDED, [FIRST]),
    "an underscore": (f"Content-Length: {_length(ENDED)}\nTransfer_Encoding: chunked\n", ENDED, [FIRST]),
    "a vertical tab": (f"Content-Length: {_length(ENDED)}\nTransfer-Encoding: \vchunked\n", ENDED, []),
    "a chunk whose size is no number": ("Transfer-Encoding: chunked\n", f"0x0\n\n{HIDDEN}", []),
    "a chunk that is longer than its size": ("Transfer-Encoding: chunked\n", f"1\nxyz\n{ENDED}", []),
}  # fmt: skip


async def _said_to(port: int, text: str, answers: int) -> bytes:
    """All that comes back until the proxy closes. The sender says that he is done when he has that many
    answers: a proxy need not serve what is left of one who is done."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text.replace("\n", "\r\n").encode())
    heard = b""
    try:
        async with asyncio.timeout(60):
            while heard.count(ANSWER) < answers and (part := await reader.read(65_536)):
                heard += part
            writer.write_eof()
            return heard + await reader.read()
    except OSError:
        return heard
    finally:
        writer.close()


@pytest.mark.parametrize("parser", ["h11", BoundedHead])  # those of the API
async def test_no_service_reads_a_request_that_the_proxy_did_not_read(tmp_path, parser):
    api = Upstream("backend-1", free_ports(1)[0], http=parser)
    reached, answers, strangers = {}, {}, {}
    async with serving(api):
        await _said_to(api.port, HIDDEN, 1)
        assert api.seen == [(OWN, "6.6.6.6")]  # so it would look
        with haproxy(tmp_path, [api.port], []) as proxy:
            port = int(proxy.url.rpartition(":")[2])
            for name, (heads, body, expected) in FORMS.items():
                api.seen.clear()
                said = f"POST /first HTTP/1.1\nHost: x\n{heads}\n{body}"
                heard = await _said_to(port, said, len(expected))
                # Whoever comes next: what an attacker left on a kept connection would be in front of this.
                stranger = await _said_to(port, "GET /stranger HTTP/1.1\nHost: x\n\n", 1)
                reached[name] = [request for request, _ in api.seen]
                answers[name] = heard.count(ANSWER)
                strangers[name] = b'"path": "/stranger"' in stranger
                # The proxy says where a request came from; one that it did not see has the attacker's word.
                assert {source for _, source in api.seen} == {"127.0.0.1"}, (name, api.seen)
    assert reached == {name: [*expected, "GET /stranger"] for name, (_, _, expected) in FORMS.items()}
    assert answers == {name: len(expected) for name, (_, _, expected) in FORMS.items()}
    assert all(strangers.values()), strangers
