"""Fixtures: one server of each kind for the session, and each test's broker behind a proxy of its own."""

import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest

from lab.faults.proxy import Proxy
from lab.stack.nats import plan_nats
from lab.stack.rabbitmq import plan_rabbitmq
from lab.stack.redis import plan_redis
from tests.waiting import PATIENCE_SECONDS
from tests.wire.servers import Broker, supervised

ALL = [
    "memory",
    pytest.param("postgres", marks=pytest.mark.integration),
    pytest.param("rabbitmq", marks=pytest.mark.rabbitmq),
    pytest.param("rabbitmq-quorum", marks=pytest.mark.rabbitmq),
    pytest.param("rabbitmq-aio_pika", marks=pytest.mark.rabbitmq),
    pytest.param("nats", marks=pytest.mark.nats),
    pytest.param("redis", marks=pytest.mark.redis),
]
CONNECTED = ALL[1:]  # those with a connection that can break


@pytest.fixture(scope="session")
def rabbitmq_server() -> Iterator[dict[str, Any]]:
    """A node of this machine's package, or the one that LAB_RABBITMQ names: another version, say."""
    if running := os.environ.get("LAB_RABBITMQ"):
        url = urlsplit(running)  # amqp://user:password@127.0.0.1:5672
        yield {"port": url.port or 5672, "user": url.username, "password": url.password}
        return
    with tempfile.TemporaryDirectory(prefix="lab-test-rabbitmq-", ignore_cleanup_errors=True) as name:
        programs, description = plan_rabbitmq(Path(name), 1)
        with supervised(Path(name), programs):
            yield description


@pytest.fixture
def virtual_host(rabbitmq_server: dict[str, Any]) -> Iterator[str]:
    """The test's own: no queue of another test is in it.

    One that dies with its connection, or expires a minute after its consumer, takes along the confirm of
    what was routed to it just then: whoever publishes is told that it failed.
    """
    if "management" not in rabbitmq_server:
        yield "/"
        return
    name = f"test-{uuid4().hex[:12]}"
    with httpx.Client(
        base_url=rabbitmq_server["management"][0],
        auth=(rabbitmq_server["user"], rabbitmq_server["password"]),
        timeout=PATIENCE_SECONDS,
    ) as http:
        http.put(f"/api/vhosts/{name}", json={}).raise_for_status()
        yield name
        http.delete(f"/api/vhosts/{name}").raise_for_status()


@pytest.fixture(scope="session")
def nats_server() -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="lab-test-nats-", ignore_cleanup_errors=True) as name:
        programs, description = plan_nats(Path(name))
        with supervised(Path(name), programs):
            yield description


@pytest.fixture(scope="session")
def redis_server() -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="lab-test-redis-", ignore_cleanup_errors=True) as name:
        programs, description = plan_redis(Path(name))
        with supervised(Path(name), programs):
            yield description


def _of_postgres(request: pytest.FixtureRequest) -> Broker:
    dsn = request.getfixturevalue("database")
    folder = parse_qs(urlsplit(dsn).query)["host"][0]
    base = dsn.split("?")[0].replace("@/", "@127.0.0.1:{}/")
    return Broker(
        "postgres",
        lambda port: {"postgres_dsn": base.format(port)},
        Proxy(f"{folder}/.s.PGSQL.5432"),
    )


def _of_rabbitmq(request: pytest.FixtureRequest, **own: str) -> Broker:
    server = request.getfixturevalue("rabbitmq_server")
    virtual_host = request.getfixturevalue("virtual_host")
    return Broker(
        "rabbitmq",
        lambda port: {
            "rabbitmq_hosts": (f"127.0.0.1:{port}",),
            "rabbitmq_user": server["user"],
            "rabbitmq_password": server["password"],
            "rabbitmq_virtual_host": virtual_host,
            **own,
        },
        Proxy(("127.0.0.1", server["port"])),
    )


def _of_nats(request: pytest.FixtureRequest) -> Broker:
    server = request.getfixturevalue("nats_server")
    return Broker(
        "nats",
        lambda port: {"nats_url": f"nats://127.0.0.1:{port}"},
        Proxy(("127.0.0.1", server["port"])),
    )


def _of_redis(request: pytest.FixtureRequest) -> Broker:
    server = request.getfixturevalue("redis_server")
    return Broker(
        "redis",
        lambda port: {"redis_url": f"redis://127.0.0.1:{port}/0"},
        Proxy(("127.0.0.1", server["port"])),
    )


MAKERS: dict[str, Callable[[pytest.FixtureRequest], Broker]] = {
    "postgres": _of_postgres,
    "rabbitmq": _of_rabbitmq,
    "rabbitmq-quorum": partial(_of_rabbitmq, queue_type="quorum"),
    "rabbitmq-aio_pika": partial(_of_rabbitmq, amqp_client="aio_pika"),
    "nats": _of_nats,
    "redis": _of_redis,
}


@pytest.fixture
def broker_kind(request: pytest.FixtureRequest) -> Broker:
    """The broker that the test's parameter names; its server runs."""
    name = request.param
    return Broker("memory", lambda _port: {}, None) if name == "memory" else MAKERS[name](request)


@pytest.fixture
async def broker(broker_kind: Broker) -> AsyncIterator[Broker]:
    """The broker of the test, behind its proxy."""
    if broker_kind.proxy:
        await broker_kind.proxy.start()
    yield broker_kind
    await broker_kind.close()
