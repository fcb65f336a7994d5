"""Fixtures that every test may use: a real PostgreSQL for the session, a fresh database for the test.

A test marked `rabbitmq` or `haproxy` is skipped where that server is not installed. LAB_MUST_HAVE=rabbitmq
(or a comma list) makes it fail instead: a lane that has installed it must not pass without it.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from lab.stack import nats, postgres, rabbitmq, redis, tether
from lab.stack.doctor import which
from lab.stack.supervision import write_spec

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # `build.sh test &` in a script: ours must hear it
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No time limit for one example, nor for making some: on a full machine it would fail for nothing.
settings.register_profile("lab", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# --hypothesis-profile long: many more examples; test modules that set a number of their own follow it.
settings.register_profile("long", settings.get_profile("lab"), max_examples=400)
settings.load_profile("lab")

ROOT = Path(__file__).parents[1]
SERVERS = {
    "rabbitmq": (
        lambda: "LAB_RABBITMQ" in os.environ or rabbitmq.scripts() is not None,
        "bash build.sh --system",
    ),
    "haproxy": (lambda: which("haproxy") is not None, "bash build.sh --system"),
    "nats": (lambda: nats.program() is not None, "apt-get install nats-server"),
    "redis": (lambda: redis.program() is not None, "apt-get install redis-server"),
}
SCHEMA = [ROOT / "citus" / name for name in ("noop.sql", "schema.sql")]


def pytest_configure(config: pytest.Config) -> None:
    # Started in the background by a shell, a process ignores Ctrl-C, and so would those that the tests start.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # pytest's own /tmp/pytest-of-root is closed to others whenever some other pytest starts; as root,
    # PostgreSQL is such an other (its own user), and would lose its data folder in the middle of a test.
    if config.option.basetemp is None:
        config.option.basetemp = tempfile.mkdtemp(prefix="lab-t-")
        config.add_cleanup(lambda: shutil.rmtree(config.option.basetemp, ignore_errors=True))


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever starts a server is `integration`, so that `-m "not integration"` ends in seconds."""
    for item in items:
        starts = any(item.get_closest_marker(name) for name in ("stack", "browser", "citus", *SERVERS))
        if starts or "postgres_server" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.integration)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for name, (installed, mend) in SERVERS.items():
        if item.get_closest_marker(name) and not installed():
            words = f"{name} is not installed here: {mend}"
            if name in os.environ.get("LAB_MUST_HAVE", "").split(","):
                pytest.fail(words)
            pytest.skip(words)


async def _run(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _run_alone(dsn: str, statement: str) -> None:
    """Once nobody is in the other database: PostgreSQL itself waits 5 s for processes that are to end."""
    for _ in range(5):
        with suppress(asyncpg.ObjectInUseError):
            return await _run(dsn, statement)
    await _run(dsn, statement)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """DSN of a real embedded PostgreSQL (durable, unix socket). It ends with the tests, killed ones too."""
    with tempfile.TemporaryDirectory(prefix="lab-test-pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        database = postgres.make_data_folder(folder, 5432, authentication="trust")
        assert database.socket
        quiet = {"listen_addresses": "", "log_min_messages": "panic"}  # tests provoke errors
        write_spec(postgres.program(database, folder, quiet), folder, folder / "spec.json")
        command = [sys.executable, "-S", "-E", tether.__file__, str(folder / "spec.json")]
        with (folder / "log").open("w") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        dsn = f"postgresql://postgres:@/postgres?host={database.socket}"
        try:
            asyncio.run(_wait_for(dsn))
            yield dsn
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(60)


async def _wait_for(dsn: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return await _run(dsn, "SELECT 1")
        except (OSError, asyncpg.PostgresError):
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.02)


@pytest.fixture(scope="session")
def template_database(postgres_server: str) -> str:
    """A database with the schema in it, to be copied."""
    asyncio.run(_run(postgres_server, "CREATE DATABASE lab_template"))
    dsn = postgres_server.replace("/postgres?", "/lab_template?")
    asyncio.run(_run(dsn, *(path.read_text() for path in SCHEMA)))
    return "lab_template"


@pytest.fixture
def database(postgres_server: str, template_database: str) -> Iterator[str]:
    """DSN of a fresh database with the schema, dropped after the test."""
    name = f"test_{uuid4().hex[:12]}"
    asyncio.run(_run_alone(postgres_server, f"CREATE DATABASE {name} TEMPLATE {template_database}"))
    yield postgres_server.replace("/postgres?", f"/{name}?")
    asyncio.run(_run_alone(postgres_server, f"DROP DATABASE {name} WITH (FORCE)"))
