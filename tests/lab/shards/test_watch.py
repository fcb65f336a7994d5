"""What is told while a change runs: a line a second, also when the cluster cannot be asked."""

import asyncio
from dataclasses import replace
from typing import cast

import asyncpg
import pytest

from lab.shards import watch
from lab.shards.cluster import Cluster, Moves, Node
from lab.shards.watch import Account, Sample, line, watched

COORDINATOR = Node("127.0.0.1", 7000, True, True, False, 0, 0)
WORKERS = [
    Node("127.0.0.1", 7001, False, True, True, 12, 0),
    Node("127.0.0.1", 7002, False, True, True, 4, 0),
]
STILL = Moves(0, 0, 0, "", None)
MIB = 2**20


@pytest.mark.parametrize(
    ("moves", "words"),
    [
        (STILL, ""),
        (Moves(2, 0, 0, "", None), "  moving 2"),
        (Moves(2, 10 * MIB, 4 * MIB, "Copying", None), "  moving 2 (copying) 4.0 MiB of 10.0 MiB"),
        (
            Moves(1, 10 * MIB, 10 * MIB, "Catching Up", MIB // 2),
            "  moving 1 (catching up) 10.0 MiB of 10.0 MiB, 0.5 MiB of log behind",
        ),
        (Moves(3, 0, 0, "", None, done=12, planned=30), "  12 of 30 moves  moving 3"),
        (Moves(0, 0, 0, "", None, done=30, planned=30), ""),
    ],
)
def test_a_line_tells_shards_by_worker_and_what_moves(moves: Moves, words: str):
    told = line(Sample(7.4, [COORDINATOR, *WORKERS], moves))
    assert told == "    7 s  shards by worker  7001: 12  7002: 4" + words


def test_a_worker_that_does_not_answer_is_called_away():
    told = line(Sample(0, [WORKERS[0], replace(WORKERS[1], there=False)], STILL))
    assert told.endswith("7001: 12  7002: 4 (away)")


def test_workers_on_one_port_go_by_their_hosts():
    """As under docker compose."""
    workers = [replace(node, host=f"worker-{n}", port=5432) for n, node in enumerate(WORKERS, 1)]
    assert "worker-1: 12  worker-2: 4" in line(Sample(0, [COORDINATOR, *workers], STILL))


class FakeCluster:
    """`answers`: what the questions about the nodes give in turn; the last one for ever."""

    def __init__(self, *answers: Exception | str) -> None:
        self.answers = list(answers)

    async def nodes(self) -> list[Node]:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if answer == "locked":
            await asyncio.Event().wait()
        return [COORDINATOR, *WORKERS]

    async def moves(self) -> Moves:
        return STILL

    async def number(self) -> int:
        return 3

    shard_count = number


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(watch, "EVERY_SECONDS", 0.02)
    return []


async def account_of(cluster: FakeCluster, told: list[str], lines: int) -> Account:
    async def change() -> None:
        async with asyncio.timeout(60):
            while len(told) < lines:  # noqa: ASYNC110 - the lines are what is waited for
                await asyncio.sleep(0.005)

    account = Account("change")
    await watched(cast("Cluster", cluster), account, change(), told.append)
    return account


async def test_a_cluster_that_cannot_be_asked_for_a_while_is_told_and_watched_on(told: list[str]):
    away = asyncpg.PostgresError("worker 7002 is away")
    account = await account_of(FakeCluster("well", away, "locked", "well"), told, lines=3)
    assert [words[9:] for words in told[:2]] == [
        "worker 7002 is away",
        "no answer: the tables are locked, or a node is away",
    ]
    assert all("7001: 12" in words for words in told[2:])
    assert len(account.samples) == len(told) - 2 + 1  # the first one is from before, and not told
    assert (account.shard_count_before, account.shard_count_after) == (3, 3)


async def test_a_change_that_fails_says_so_itself(told: list[str]):
    async def change() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await watched(cast("Cluster", FakeCluster("well")), Account("change"), change(), told.append)
