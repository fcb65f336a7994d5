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

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
FAKE = Path(__file__).with_name("fake_services.py")
BETWEEN_SECONDS = 0.2  # nearer to slow: a busy machine makes times longer, never shorter
LATE_SECONDS = 0.05
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
        out, _ = self.process.communicate(timeout=20)
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


async def _in_time(mix: str, tries: int = 3) -> tuple[LocustResult, dict[str, list[float]]]:
    """A run in which Locust itself was in time, as its own lag tells, and the server's truth of it."""
    for _ in range(tries):
        with fake() as server:
            result = await run_locust(_plan(server, mix))
            took = server.end()
        assert result.exit_code == 0, result.output
        if result.entries["own lag"].quantile(0.95) < LATE_SECONDS:
            return result, took
    raise AssertionError(f"Locust was late in each of {tries} runs: this machine is too busy for it")


async def test_shares_of_quick_and_slow_answers_are_the_servers_own() -> None:
    result, took = await _in_time("send=1,history=1")
    for name in ("send", "history"):
        entry = result.entries[name]
        true = sum(seconds >= BETWEEN_SECONDS for seconds in took[name]) / len(took[name])
        assert _share_above(entry, BETWEEN_SECONDS) == pytest.approx(true, abs=0.05)
        assert true == pytest.approx(SLOW_SHARE, abs=0.05)
        assert entry.quantile(0.01) >= QUICK_SECONDS
        assert entry.quantile(0.98) >= SLOW_SECONDS


async def test_offered_rate_is_met_whatever_the_latency() -> None:
    with fake() as server:
        result = await run_locust(_plan(server, "send=1"))
    assert result.entries["send"].requests == pytest.approx(RATE * SECONDS, rel=0.2)


async def test_a_stall_shows_in_as_many_answers_as_were_due_in_it() -> None:
    with fake("--stall-after", "250", "--stall-seconds", "1.0") as server:
        result = await run_locust(_plan(server, "send=1"))
    late = _share_above(result.entries["send"], 0.3) * result.entries["send"].requests
    assert late >= 0.8 * RATE * 0.7, "all that were intended 0.3 s or more before the stall's end"


async def test_messages_are_received_by_the_people_they_were_sent_to() -> None:
    result, _ = await _in_time("send=1")
    sent, delivered = result.entries["send"], result.entries["deliver"]
    assert delivered.requests >= 0.9 * sent.requests
    assert delivered.quantile(0.01) >= QUICK_SECONDS
    assert _share_above(delivered, BETWEEN_SECONDS) == pytest.approx(
        _share_above(sent, BETWEEN_SECONDS), abs=0.05
    )


async def test_times_are_finer_than_a_millisecond() -> None:
    with fake() as server:
        result = await run_locust(_plan(server, "send=1"))
    milliseconds = [time * 1000 for time in result.entries["send"].histogram]
    assert any(abs(value - round(value)) > 0.05 for value in milliseconds)


async def test_several_processes_add_up() -> None:
    with fake() as server:
        plan = LocustPlan(server.host, 20, 2.0, 5, "send=1", processes=2)
        result = await run_locust(plan)
    assert result.exit_code == 0, result.output
    sent = result.entries["send"]
    assert sent.requests / sent.seconds == pytest.approx(20 * 2.0, rel=0.3)


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


def _page(url: str, seconds: float = 60) -> str:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return httpx.get(url, timeout=5).raise_for_status().text
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.2)
