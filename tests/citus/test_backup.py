"""Back up under writers, restore into another cluster: every message of before is there, and sends go on."""

import asyncio
import uuid
from pathlib import Path

import asyncpg
import pytest

from lab.cli import run
from tests.citus.conftest import Cluster, RunbookError
from tests.citus.heads import commands, undo
from tests.citus.writers import SEND, gaps, while_writing

pytestmark = [pytest.mark.integration, pytest.mark.citus, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def other(servers: Cluster) -> Cluster:
    """An empty cluster with the tables."""
    made = servers.with_database("restored")
    made.distribute(8)
    return made


def shards(cluster: Cluster, *words: str) -> int:
    return run(["shards", *words, "--dsn", cluster.coordinator.dsn])


async def test_a_backup_under_writers_is_restored_whole(cluster, other, tmp_path, capsys):
    cluster.distribute(8)
    cluster.sql(
        'INSERT INTO "user" (id, username, first_name, last_name, password_hash)'
        " SELECT n, 'user' || n, 'a', 'b', 'x' FROM generate_series(1, 200) AS n"
    )
    file = tmp_path / "lab.dump"
    before: list[set[uuid.UUID]] = []

    async def back_up() -> None:
        before.append(await _ids(cluster))
        assert await asyncio.to_thread(shards, cluster, "backup", str(file)) == 0

    await while_writing(cluster, back_up)
    assert await asyncio.to_thread(shards, other, "restore", str(file)) == 0, capsys.readouterr().err
    restored = await _ids(other)
    assert before[0] <= restored <= await _ids(cluster)
    assert await gaps(other) == 0
    assert other.sql("SELECT epoch FROM database_epoch") != cluster.sql("SELECT epoch FROM database_epoch")
    assert await _sends_to_each_dialog(other)
    new = other.sql(
        'INSERT INTO "user" (username, first_name, last_name, password_hash)'
        " VALUES ('new', 'a', 'b', 'x') RETURNING id"
    )
    assert int(new) > 200


async def _ids(cluster: Cluster) -> set[uuid.UUID]:
    connection = await asyncpg.connect(cluster.coordinator.dsn)
    try:
        return {row["id"] for row in await connection.fetch("SELECT id FROM dialogmessage")}
    finally:
        await connection.close()


async def _sends_to_each_dialog(cluster: Cluster) -> bool:
    """Whether every dialog takes its next message: a last_seq that is behind would refuse it."""
    connection = await asyncpg.connect(cluster.coordinator.dsn)
    try:
        for dialog, low, high in await connection.fetch("SELECT dialog_id, user_low, user_high FROM dialog"):
            row = await connection.fetchrow(SEND, dialog, uuid.uuid4(), low, high, "next")
            if row is None or row["outcome"] != "stored":
                return False
    finally:
        await connection.close()
    return True


def test_by_hand_as_the_head_of_step_11_says_and_again_after_its_undo(
    cluster: Cluster, servers: Cluster, tmp_path: Path
):
    """After the test above: there are messages, and no writers."""
    by_hand = servers.with_database("by_hand")
    by_hand.distribute(4)
    dump, *back = commands("11")

    def rows(of: Cluster) -> list[str]:
        return [of.sql(f"SELECT count(*) FROM {table}") for table in ('"user"', "dialog", "dialogmessage")]

    assert "0" not in rows(cluster)
    file = str(tmp_path / "lab.dump")
    cluster.shell(dump.replace("lab.dump", file))
    for _ in range(2):
        for one in back:
            by_hand.shell(one.replace("lab.dump", file))
        assert rows(by_hand) == rows(cluster)
        with pytest.raises(RunbookError, match="duplicate key"):
            by_hand.shell(back[0].replace("lab.dump", file))
        for statement in undo("11"):
            by_hand.sql(statement)
        assert rows(by_hand) == ["0", "0", "0"]


def test_a_restore_never_goes_over_what_is_there(cluster: Cluster, tmp_path: Path, capsys):
    file = tmp_path / "x.dump"
    assert shards(cluster, "backup", str(file)) == 0
    capsys.readouterr()
    assert shards(cluster, "restore", str(file)) == 2
    assert "is not empty" in capsys.readouterr().err
    assert shards(cluster, "backup", str(file)) == 2
    assert "exists already" in capsys.readouterr().err
    assert shards(cluster, "restore", str(tmp_path / "none")) == 2
    assert "expected a file" in capsys.readouterr().err


def test_a_broken_file_restores_nothing_and_says_why(servers: Cluster, tmp_path: Path, capsys):
    empty = servers.with_database("broken_file")
    empty.distribute(8)
    file = tmp_path / "lab.dump"
    file.write_bytes(b"no dump")
    assert shards(empty, "restore", str(file)) == 1
    said = capsys.readouterr().err
    assert said.startswith("lab: pg_restore: ")
    assert said.count("\n") == 1
    assert empty.sql('SELECT count(*) FROM "user"') == "0"
