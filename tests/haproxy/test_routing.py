"""Where requests and sockets go, on a real HAProxy."""

import asyncio
from collections import Counter

import httpx
import pytest
from websockets.asyncio.client import connect

from lab.stack.haproxy import BALANCES, Proxy
from lab.stack.ports import free_ports
from tests.haproxy.proxy import haproxy
from tests.haproxy.upstream import Upstream, serving
from wire.topology import PARTITIONS, partition_of

pytestmark = pytest.mark.haproxy


def instances(kind: str, count: int) -> list[Upstream]:
    return [Upstream(f"{kind}-{number}", port) for number, port in enumerate(free_ports(count), 1)]


def ports(upstreams: list[Upstream]) -> list[int]:
    return [each.port for each in upstreams]


async def who(url: str, user: int | None = None) -> str:
    """The websocket service that a socket gets to."""
    async with connect(url if user is None else f"{url}?u={user}") as socket:
        await socket.send("?")
        return str(await socket.recv()).split()[0]


async def test_every_websocket_gets_to_a_websocket_service_and_every_request_to_the_api(tmp_path):
    api, sockets = instances("backend", 2), instances("websocket", 2)
    async with serving(*api, *sockets):
        with haproxy(tmp_path, ports(api), ports(sockets)) as proxy:
            async with httpx.AsyncClient() as client:
                answers = [(await client.get(f"{proxy.url}/{n}")).json()["name"] for n in range(20)]
            met = await asyncio.gather(*(who(proxy.websocket, n) for n in range(60)))
    assert {name.partition("-")[0] for name in met} == {"websocket"} and len(met) == 60
    assert set(Counter(answers)) == {"backend-1", "backend-2"}


@pytest.mark.parametrize("balance", ["partition", "user"])
async def test_all_sockets_of_a_user_meet_at_one_service(tmp_path, balance):
    sockets = instances("websocket", 3)
    async with serving(*sockets):
        with haproxy(tmp_path, [], ports(sockets), {"BALANCE": balance}) as proxy:
            homes = {user: {await who(proxy.websocket, user) for _ in range(3)} for user in range(30)}
    assert all(len(services) == 1 for services in homes.values())
    assert len(set.union(*homes.values())) == 3


async def test_all_users_of_a_partition_meet_at_one_service(tmp_path):
    sockets = instances("websocket", 3)
    async with serving(*sockets):
        with haproxy(tmp_path, [], ports(sockets)) as proxy:
            homes: dict[int, set[str]] = {}
            for user in range(0, 3 * PARTITIONS):
                home = await who(proxy.websocket, user)
                homes.setdefault(partition_of(user), set()).add(home)
    assert len(homes) == PARTITIONS and all(len(services) == 1 for services in homes.values())
    assert len(set.union(*homes.values())) == 3


async def test_a_popular_user_does_not_fill_one_service(tmp_path):
    sockets = instances("websocket", 2)
    async with serving(*sockets):
        with haproxy(tmp_path, [], ports(sockets)) as proxy:
            held = [await connect(f"{proxy.websocket}?u=7") for _ in range(40)]
            for socket in held:
                await socket.close()
    assert max(each.sockets for each in sockets) <= 40 * 0.75 + 1  # half above a fair share of 20


@pytest.mark.parametrize("balance", ["leastconn", "roundrobin"])
async def test_balances_that_do_not_look_at_the_user_even_out_sockets(tmp_path, balance):
    sockets = instances("websocket", 2)
    async with serving(*sockets):
        with haproxy(tmp_path, [], ports(sockets), {"BALANCE": balance}) as proxy:
            held = [await connect(f"{proxy.websocket}?u=7") for _ in range(20)]
            for socket in held:
                await socket.close()
    assert [each.sockets for each in sockets] == [10, 10]


@pytest.mark.parametrize("balance", BALANCES)
async def test_a_proxy_says_by_what_it_spreads_sockets_itself(tmp_path, balance):
    sockets = instances("websocket", 2)
    async with serving(*sockets):
        with haproxy(tmp_path, [], ports(sockets), {"BALANCE": balance}) as proxy:
            assert Proxy(proxy.folder).balance() == balance


async def test_services_are_reached_over_unix_sockets(tmp_path):
    folder = tmp_path / "haproxy"
    api = Upstream("backend-1", socket=str(folder / "backend-1.sock"))
    service = Upstream("websocket-1", socket=str(folder / "websocket-1.sock"))
    with haproxy(tmp_path, [1], [1], {"APP_TRANSPORT": "unix"}) as proxy:
        async with serving(api, service):
            await proxy.until(lambda: set(proxy.states().values()) == {"UP"})
            assert httpx_name(await asyncio.to_thread(httpx.get, proxy.url)) == "backend-1"
            assert await who(proxy.websocket) == "websocket-1"
        (folder / "backend-1.sock").touch()  # a stale file: somebody was killed
        await proxy.until(lambda: proxy.states()["backend-1"] == "DOWN")
        assert (await asyncio.to_thread(httpx.get, proxy.url)).status_code == 503


def httpx_name(answer: httpx.Response) -> str:
    return str(answer.json()["name"])


async def test_a_service_that_is_not_ready_gets_nothing_and_comes_back(tmp_path):
    api = instances("backend", 2)
    async with serving(*api):
        with haproxy(tmp_path, ports(api), []) as proxy:
            before = proxy.failed_checks("backend-1")
            api[0].ready = False
            await proxy.until(lambda: proxy.states()["backend-1"] == "DOWN")
            assert proxy.failed_checks("backend-1") - before <= 2
            before = api[0].requests
            async with httpx.AsyncClient() as client:
                assert {(await client.get(proxy.url)).json()["name"] for _ in range(10)} == {"backend-2"}
            assert api[0].requests == before
            api[0].ready = True
            await proxy.until(lambda: proxy.states()["backend-1"] == "UP")


async def test_a_request_that_meets_a_dead_instance_is_handed_to_another(tmp_path):
    api, (dead,) = instances("backend", 1), free_ports(1)
    async with serving(*api):
        with haproxy(tmp_path, [dead, *ports(api)], []) as proxy:
            async with httpx.AsyncClient() as client:
                answers = [await client.post(proxy.url, content=b"x") for _ in range(10)]
    assert [answer.status_code for answer in answers] == [200] * 10
