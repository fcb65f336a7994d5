"""The front door of a host stack: ports as asked for, TLS, unix sockets behind it; a load goes through,
and the processes count what the load tool counts."""

import asyncio
import ssl

import httpx
import pytest
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from lab.commands.demo import people
from lab.errors import UsageError
from lab.faults.watching import counted
from lab.load.plan import LoadPlan
from lab.load.run import run_load
from lab.stack import modes
from lab.stack.host import running
from lab.stack.modes import Request
from lab.stack.ports import free_ports


@pytest.mark.haproxy
@pytest.mark.slow
@pytest.mark.timeout(500)
def test_a_load_goes_through_tls_and_unix_sockets_on_the_ports_that_were_asked_for(tmp_path):
    port, stats_port, tls_port = free_ports(3)
    request = Request(
        tmp_path / "home",
        mode="stack",
        port=port,
        stats_port=stats_port,
        tls=True,
        tls_port=tls_port,
        levers={"APP_TRANSPORT": "unix", "BROKER": "postgres"},
    )
    with running(request) as stack:
        assert stack.haproxy is not None
        assert stack.haproxy["url"] == f"https://127.0.0.1:{tls_port}"
        trust = ssl.create_default_context(cafile=stack.haproxy["certificate"])
        for url in (
            f"https://127.0.0.1:{tls_port}",
            f"https://localhost:{tls_port}",
            f"http://127.0.0.1:{port}",
        ):
            assert httpx.get(f"{url}/docs", verify=trust).status_code == 200
        assert httpx.get(f"http://127.0.0.1:{stats_port}/metrics").status_code == 200
        with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
            httpx.get(f"https://127.0.0.1:{tls_port}/docs")
        # A page that came over TLS finds its socket over TLS, by the name that the browser used.
        page = f"https://localhost:{tls_port}"
        socket = f"wss://localhost:{tls_port}/ws"
        with connect(socket, ssl=trust, origin=Origin(page), subprotocols=[Subprotocol("dialog.v1.json")]):
            pass
        effective = httpx.get(f"{page}/health", verify=trust).json()["effective"]
        assert effective["app_transport"] == "unix"
        people(stack, 60, 1)
        record = asyncio.run(run_load(LoadPlan(stack=stack, rate=30, duration=4, sockets=20, settle=40)))
        ledger = record.ledger
        assert ledger.clean and ledger.sends > 60 and ledger.delivered > 10
        # What monitoring draws is the sum over the processes; it must be what the load tool saw, within 5 %.
        sent = asyncio.run(counted(stack, "dialog_create_req_time_s_count", "backend"))
        delivered = asyncio.run(counted(stack, "deliveries_total"))
        assert sent == pytest.approx(ledger.acknowledged, rel=0.05)
        assert delivered == pytest.approx(ledger.delivered, rel=0.05)


def test_a_mode_without_a_proxy_refuses_what_only_a_proxy_can_do(tmp_path):
    with pytest.raises(UsageError, match="mode multi has no proxy for TLS"):
        modes.plan(Request(tmp_path, "multi", tls=True))
