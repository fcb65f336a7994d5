"""What the service says of itself, on the sockets' own port."""

import asyncio
from typing import Any, Literal, get_args, get_origin

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.websocket_service.world import Start, World
from wire.message import dialog_id_of


async def get(world: World, path: str, **options: Any) -> httpx.Response:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{world.service.port}") as client:
        return await client.get(path, **options)


async def test_health_names_links_and_what_is_in_effect(start: Start):
    world = await start(
        ws_id="websocket-7", debounce_seconds=0.01, compression="deflate", sweep_seconds=7, payload="notify"
    )
    page = (await get(world, "/health")).json()
    assert page["service"] == "websocket"
    assert page["id"] == "websocket-7"
    assert page["status"] == "ok"
    assert page["links"] == {"postgres": "ok", "broker": "ok"}
    loop = "uvloop" if "uvloop" in type(asyncio.get_running_loop()).__module__ else "asyncio"
    assert {
        "event_loop": loop,
        "debounce_seconds": 0.01,
        "compression": "deflate",
        "sweep_seconds": 7,
        "broker": "memory",
        "payload": "notify",
        "app_transport": "tcp",
        "database_transport": "unix",
        "log_level": "warning",
        "gc_threshold": world.service.settings.gc_threshold,
    } == page["effective"]


async def test_health_asks_the_parts_and_not_the_settings(world: World):
    before = world.service.health.effective()
    settings = world.service.settings
    other = {
        name: next(word for word in get_args(field.annotation) if word != getattr(settings, name))
        for name, field in type(settings).model_fields.items()
        if get_origin(field.annotation) is Literal
    }
    assert len(other) >= 7
    numbers = {"debounce_seconds": 9.0, "sweep_seconds": 9.0, "prefetch": 9}
    changed = settings.model_copy(update={**other, **numbers})
    world.service.settings = world.service.sockets._settings = changed
    assert world.service.health.effective() == before


async def test_a_broker_that_is_away_shows_and_the_service_stays_ready(world: World):
    world.hub.stop()
    page = (await get(world, "/health")).json()
    assert (page["status"], page["links"]["broker"]) == ("degraded", "down")
    assert (await get(world, "/ready")).status_code == 200


async def test_live_and_ready(world: World):
    assert (await get(world, "/live")).json() == {"status": "ok"}
    assert (await get(world, "/ready")).json() == {"status": "ok"}
    world.service.health.draining = True
    answer = await get(world, "/ready")
    assert (answer.status_code, answer.json()) == (503, {"status": "draining"})


async def test_metrics_count_what_happened(world: World):
    ann, bob = await world.users()
    device = await world.connected(bob)
    message = await world.send(ann, bob)
    await world.publisher.publish([message])
    await device.until(lambda: device.applied[dialog_id_of(ann, bob)] == [1])
    answer = await get(world, "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert found["deliveries_total",] == 1
    assert found["hints_total", "duplicate"] == 1
    assert found["resumes_total", "new"] == 1
    assert found["sessions",] == 1
    assert found["delivery_s_count",] == 1
    assert found["broker_generation",] == 1


@pytest.mark.parametrize("path", ["/", "/w", "/ws/", "/health/x", "//ws"])
async def test_other_paths_are_404(world: World, path: str):
    assert (await get(world, path)).status_code == 404


async def test_a_request_for_the_socket_without_an_upgrade_is_426(world: World):
    assert (await get(world, "/ws")).status_code == 426


async def test_a_huge_request_is_refused(world: World):
    with pytest.raises(httpx.HTTPError):
        answer = await get(world, "/live", headers={"x": "y" * 100_000})
        answer.raise_for_status()
    assert (await get(world, "/live")).status_code == 200
