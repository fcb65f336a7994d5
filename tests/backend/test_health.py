"""/live, /ready, /health, /metrics and hop times: true in good days and bad ones."""

import asyncio
import os
import signal
import time
from urllib.parse import urlsplit

import asyncpg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from backend.app import build
from tests.backend.running import Recorder, Running, Start, settings_for
from tests.waiting import eventually


async def figures(backend: Running) -> dict[str, float]:
    text = (await backend.client.get("/metrics")).text
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "le" not in sample.labels
    }


async def test_without_a_database_it_lives_and_is_not_ready(
    start: Start, database: str, postgres_server: str
):
    backend = await start(pool_wait_seconds=0.5)
    me, other = await backend.users()
    name = urlsplit(database).path[1:]
    server = await asyncpg.connect(postgres_server)
    await server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    await backend.database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await eventually(lambda: backend.app.health.not_ready)
    ready = await backend.client.get("/ready")
    assert (ready.status_code, ready.json()) == (503, {"status": "no database"})
    health = (await backend.client.get("/health")).json()
    assert (health["status"], health["links"]) == ("degraded", {"postgres": "down", "broker": "ok"})
    assert (await backend.client.get("/live")).status_code == 200
    assert (await backend.send(me, other)).status_code == 503
    await server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    await server.close()
    await eventually(lambda: not backend.app.health.not_ready)
    assert (await backend.send(me, other)).status_code == 201


async def test_without_a_broker_it_is_degraded_and_ready(start: Start):
    backend = await start(Recorder(away=True))
    assert (await backend.client.get("/ready")).status_code == 200
    health = (await backend.client.get("/health")).json()
    assert (health["status"], health["links"]) == ("degraded", {"postgres": "ok", "broker": "down"})


async def test_metrics_count_what_happened(backend: Running):
    me, other = await backend.users()
    for _ in range(3):
        await backend.send(me, other)
    await backend.page(me, other)
    await eventually(lambda: len(backend.publisher.hints) == 3)
    found = await figures(backend)
    assert found["dialog_create_req_time_s_count"] == 3
    assert found["dialog_list_req_time_s_count"] == 1
    assert found["group_commit_size_sum"] == 3
    assert found["hints_published_total"] == 3
    assert found["hints_waiting"] == 0
    assert found["count_5xx_total"] == 0
    assert found["process_resident_memory_bytes"] > 0


async def test_the_lag_of_the_loop_is_measured(backend: Running):
    await eventually(lambda: sum(backend.app.metrics.loop_lag_seconds.counts) > 2)
    before = backend.app.metrics.loop_lag_seconds.sum
    time.sleep(0.3)  # noqa: ASYNC251 (that is what shall be seen)
    await eventually(lambda: backend.app.metrics.loop_lag_seconds.sum - before > 0.15)


async def test_a_hint_has_the_times_of_its_hops_when_asked(start: Start):
    with_times, without = await start(hop_times="on"), await start()
    me, other = await with_times.users()
    await with_times.send(me, other)
    await without.send(me, other)
    await eventually(lambda: with_times.publisher.hints and without.publisher.hints)
    way = with_times.publisher.hints[0].way
    assert way is not None
    assert len(way) == 3  # accepted, committed, published
    assert way == sorted(way)
    assert without.publisher.hints[0].way is None


class Dying(Recorder):
    """A publisher that ends with an error when it is told to."""

    async def wait_closed(self) -> None:
        await self.closed.wait()
        raise RuntimeError("the publisher died")


async def test_a_part_that_dies_ends_the_process(database: str, monkeypatch: pytest.MonkeyPatch):
    """By SIGTERM to itself, which drains; its supervisor starts another."""
    signals: list[tuple[int, int]] = []
    monkeypatch.setattr("os.kill", lambda *given: signals.append(given))
    publisher = Dying()
    app = build(settings_for(database), publisher)
    running = asyncio.create_task(app.run())
    running.add_done_callback(app.ended)
    await eventually(lambda: app.health.prepared)
    assert signals == []
    publisher.closed.set()
    await eventually(lambda: signals)
    assert signals == [(os.getpid(), signal.SIGTERM)]
    app.passwords.close()
