"""Locust's figures held against a server that knows what it really took."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from lab.load.locust_engine import LOCUSTFILE, Entry, LocustPlan, LocustResult, run_locust
from tests.load.fake_services import QUICK_SECONDS, SLOW_SECONDS, SLOW_SHARE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
FAKE = Path(__file__).with_name("fake_services.py")
BETWEEN_SECONDS = 0.2  # nearer to slow: a busy machine makes times longer, never shorter
LATE_SECONDS = 0.05
STALL_AFTER, STALL_SECONDS = 200, 1.5  # answers: in the middle of those that are sent
TOO_QUICK = 0.5  # seconds: neither a slow answer nor one that is late by itself
RATE, PEOPLE, SECONDS = 50, 25, 10


class Fake:
    """The running stand-in; `took` after it has ended."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, FAKE, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.host = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def end(self) -> dict[str, list[float]]:
        """What each call took on the server's side, in seconds."""
        out, _ = self.process.communicate(timeout=60)
        took: dict[str, list[float]] = json.loads(out)
        return took


@contextmanager
def fake(*arguments: str) -> Iterator[Fake]:
    server = Fake(*arguments)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()


def _plan(server: Fake, mix: str) -> LocustPlan:
    return LocustPlan(server.host, PEOPLE, RATE / PEOPLE, SECONDS, mix)


def _share_above(entry: Entry, seconds: float) -> float:
    return sum(n for time, n in entry.histogram.items() if time >= seconds) / entry.requests


async def _run(mix: str) -> tuple[LocustResult, dict[str, list[float]]]:
    """A run, and the server's truth of it."""
    with fake() as server:
        result = await run_locust(_plan(server, mix))
        took = server.end()
    assert result.exit_code == 0, result.output
    return result, took


def above(times: list[float], seconds: float) -> float:
    return sum(one >= seconds for one in times) / len(times)


def room(late: float, took: dict[str, list[float]]) -> float:
    """As many answers may look slow on a full machine that were not: the client or the server was late."""
    return 0.05 + late + above(took["own lag"], LATE_SECONDS)


def late_share(result: LocustResult) -> float:
    return _share_above(result.entries["own lag"], LATE_SECONDS)


async def test_shares_of_quick_and_slow_answers_are_the_servers_own() -> None:
    result, took = await _run("send=1,history=1")
    for name in ("send", "history"):
        entry = result.entries[name]
        true, more = above(took[name], BETWEEN_SECONDS), room(late_share(result), took)
        assert true > SLOW_SHARE / 3
        assert true - 0.05 <= _share_above(entry, BETWEEN_SECONDS) <= true + more
        assert entry.quantile(0.01) >= QUICK_SECONDS
        assert entry.quantile(0.98) >= SLOW_SECONDS


async def test_offered_rate_is_met_whatever_the_latency() -> None:
    with fake() as server:
        result = await run_locust(_plan(server, "send=1"))
    lag = result.entries["own lag"].quantile(1.0)  # what was due in the last so many seconds was not sent
    sent = result.entries["send"]
    assert 0.75 * RATE * (SECONDS - lag) <= sent.requests <= 1.3 * RATE * max(SECONDS, sent.seconds)


async def test_a_stall_shows_in_as_many_answers_as_were_due_in_it() -> None:
    with fake("--stall-after", str(STALL_AFTER), "--stall-seconds", str(STALL_SECONDS)) as server:
        result = await run_locust(_plan(server, "send=1"))
    late = _share_above(result.entries["send"], TOO_QUICK) * result.entries["send"].requests
    assert late >= 0.8 * RATE * (STALL_SECONDS - TOO_QUICK), "all that were due long enough before its end"


async def test_messages_are_received_by_the_people_they_were_sent_to() -> None:
    result, took = await _run("send=1")
    sent, delivered = result.entries["send"], result.entries["deliver"]
    assert delivered.requests >= 0.7 * sent.requests  # the first went to people who were not connected yet
    assert delivered.quantile(0.01) >= QUICK_SECONDS
    slow, more = _share_above(sent, BETWEEN_SECONDS), room(late_share(result), took)
    assert _share_above(delivered, BETWEEN_SECONDS) == pytest.approx(slow, abs=more)


async def test_times_are_finer_than_a_millisecond() -> None:
    with fake() as server:
        result = await run_locust(_plan(server, "send=1"))
    milliseconds = [time * 1000 for time in result.entries["send"].histogram]
    assert any(abs(value - round(value)) > 0.05 for value in milliseconds)


async def test_several_processes_add_up() -> None:
    with fake() as server:
        plan = LocustPlan(server.host, 20, 2.0, 20, "send=1", processes=2)  # its figures begin when all act
        result = await run_locust(plan)
    assert result.exit_code == 0, result.output
    sent = result.entries["send"]
    assert 0.6 * 20 * 2.0 < sent.requests / sent.seconds < 1.3 * 20 * 2.0  # one alone would make half


def test_its_web_page_offers_what_the_file_adds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    where = ["--web-host", "127.0.0.1", "--web-port", str(port)]
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), *where]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            page = _page(f"http://127.0.0.1:{port}/")
        finally:
            process.terminate()
    for option in ("actions_per_second", "mix", "first_user", "login_password", "load_seed", "sockets"):
        assert f'"{option}":' in page


def _page(url: str, seconds: float = 180) -> str:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return httpx.get(url, timeout=5).raise_for_status().text
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.2)
