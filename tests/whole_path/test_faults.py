"""Whatever the broker, the sockets and the services do: nothing lost, nothing twice, nothing out of order."""

import asyncio
from itertools import combinations

import pytest

from tests.whole_path.faults import Faults
from tests.whole_path.path import Path, whole_path
from websocket_service import sweep

MIXES = {
    "none": Faults(),
    "lost": Faults(lost=0.2),
    "doubled": Faults(doubled=0.3),
    "late and reordered": Faults(late=0.5),
    "refused": Faults(refused=0.3),
    "unconfirmed": Faults(unconfirmed=0.3),
    "all": Faults(lost=0.1, doubled=0.1, late=0.2, refused=0.1, unconfirmed=0.1),
}
SEEDS = pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The promise's seconds, in tenths."""
    monkeypatch.setattr(sweep, "POLL_SECONDS", 0.2)
    monkeypatch.setattr(sweep, "ON_ITS_WAY_SECONDS", 0.2)


async def load(path: Path, count: int = 150) -> None:
    pairs = list(combinations(path.users, 2))
    for user in path.users:
        path.watch(user)
    path.watch(path.users[0], encoding="msgpack")  # a second device
    await path.send_many(count, pairs)


@SEEDS
@pytest.mark.parametrize("name", MIXES)
async def test_a_broker_with_faults_loses_nothing(database: str, name: str, seed: int):
    faults = MIXES[name]
    wanted = {fault for fault, share in vars(faults).items() if share and fault != "late_seconds"}

    def not_yet() -> set[str]:
        return wanted - {fault for one in path.publishers for fault, count in one.injected.items() if count}

    async with whole_path(database, seed=seed, faults=faults) as path:
        await load(path)
        # After refusals the backend rests from publishing, and how many calls that spares is the machine's.
        for _ in range(20):
            if not_yet():
                await asyncio.sleep(0.5)
                await path.send_many(50, list(combinations(path.users, 2)))
        await path.settle()
        assert not not_yet(), f"never injected: {not_yet()}"


@SEEDS
async def test_sockets_that_break_all_the_time_lose_nothing(database: str, seed: int):
    async with whole_path(database, seed=seed, faults=MIXES["all"]) as path:

        async def cut() -> None:
            while True:
                await asyncio.sleep(path.chance.uniform(0, 0.05))
                sessions = [s for one in path.services for s in one.service.users.sessions]
                if sessions:
                    path.chance.choice(sessions).connection.transport.abort()

        cutting = asyncio.create_task(cut())
        await load(path)
        cutting.cancel()
        await path.settle()


@SEEDS
@pytest.mark.parametrize("how", ["kill", "stop"])
async def test_services_that_are_killed_or_restarted_lose_nothing(database: str, how: str, seed: int):
    async with whole_path(database, seed=seed, faults=MIXES["all"], ws_drain_seconds=0.3) as path:

        async def restart() -> None:
            for one in path.services:
                await asyncio.sleep(0.2)
                await getattr(one, how)()
                await one.start()

        restarting = asyncio.create_task(restart())
        await load(path)
        await restarting
        await path.settle()


async def test_a_broker_that_goes_and_comes_back_loses_nothing(database: str):
    async with whole_path(database, seed=1, faults=Faults()) as path:

        async def flap() -> None:
            for _ in range(3):
                await asyncio.sleep(0.1)
                path.hub.stop()
                await asyncio.sleep(0.3)
                path.hub.start()

        flapping = asyncio.create_task(flap())
        await load(path)
        await flapping
        await path.settle()


async def test_a_broker_that_never_comes_back_only_costs_time(database: str):
    async with whole_path(database, seed=1, faults=Faults()) as path:
        path.hub.stop()
        await load(path, 80)
        await path.settle()


async def test_hints_without_content_lose_nothing(database: str):
    async with whole_path(database, seed=1, faults=MIXES["all"], payload="notify") as path:
        await load(path)
        await path.settle()
        assert sum(one.service.metrics.hints["new"] for one in path.services)
