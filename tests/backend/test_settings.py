"""Settings: what is wrong stops the start with one line."""

import pytest

from backend.settings import Settings
from tests.backend.running import SECRET
from wire.settings import SettingsError


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENV_FILE", "")
    monkeypatch.setenv("SECRET", SECRET)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("BROKER", "kafka", "expected one of memory, postgres, rabbitmq, nats, redis"),
        ("POOL_SIZE", "0", "greater than or equal to 1"),
        ("POOL_SIZE", "many", "valid integer"),
        ("BACKEND_PORT", "65536", "less than or equal to 65535"),
        ("GROUP_COMMIT", "yes", "expected one of on, off"),
    ],
)
def test_a_bad_value_is_one_line_with_its_choices(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        Settings.read()
    assert str(caught.value).startswith(f"{name}={value!r}: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["raw", "fastapi", "fastapi_asyncpg", "orm_async", "orm_sync"])
def test_a_setting_that_an_orm_would_ignore_is_refused_with_it(monkeypatch: pytest.MonkeyPatch, path: str):
    monkeypatch.setenv("QUERY_PATH", path)
    monkeypatch.setenv("PREPARED_STATEMENTS", "off")
    if path.startswith("orm"):
        with pytest.raises(SettingsError, match="works without QUERY_PATH=orm_"):
            Settings.read()
    else:
        assert Settings.read().prepared_statements == "off"


def test_a_secret_is_never_shown(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SECRET", "too short")
    with pytest.raises(SettingsError) as caught:
        Settings.read()
    assert "too short" not in str(caught.value)
    assert "SECRET=***" in str(caught.value)


def test_a_missing_secret_says_where_it_is_expected(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("SECRET")
    with pytest.raises(SettingsError, match=r"SECRET is not set: expected in the environment or in \.env"):
        Settings.read()


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path):
    file = tmp_path / "some.env"
    file.write_text("POOL_SIZE=3\nPOSTGRES_DB=other\n")
    monkeypatch.setenv("ENV_FILE", str(file))
    monkeypatch.setenv("POOL_SIZE", "7")
    found = Settings.read()
    assert (found.pool_size, found.postgres_db) == (7, "other")


def test_settings_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        Settings.read().pool_size = 3
