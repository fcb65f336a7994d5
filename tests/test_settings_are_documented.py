"""Every setting of every process stands in example.env, with its default and its words."""

import importlib
import inspect
import pkgutil
import re
from collections import Counter
from pathlib import Path

from pydantic_settings import BaseSettings

from lab.stack import haproxy
from lab.stack.settings_listing import FILE, documented

ROOT = Path(__file__).parents[1]


def settings_classes() -> list[type[BaseSettings]]:
    found = []
    for package in ("wire", "backend", "websocket_service", "single", "lab"):
        module = importlib.import_module(package)
        for info in pkgutil.walk_packages(module.__path__, f"{package}."):
            if "settings" in info.name.rsplit(".", 1)[-1]:
                members = vars(importlib.import_module(info.name)).values()
                found += [m for m in members if inspect.isclass(m) and issubclass(m, BaseSettings)]
    return [cls for cls in dict.fromkeys(found) if cls.__module__.split(".")[0] != "pydantic_settings"]


def setting_names() -> dict[str, object]:
    """Environment name -> default, of every Settings class."""
    return {
        name.upper(): field.get_default(call_default_factory=True, validated_data={})
        for cls in settings_classes()
        for name, field in cls.model_fields.items()
    }


def test_there_are_settings_to_look_at():
    names = setting_names()
    assert {"BACKEND_PORT", "WS_PORT", "BROKER"} <= set(names)


def test_every_setting_is_documented_in_example_env():
    assert sorted(set(setting_names()) - set(documented())) == []


def test_no_setting_is_documented_twice():
    names = re.findall(r"^#?([A-Z][A-Z0-9_]+)=", FILE.read_text(), re.MULTILINE)
    assert [name for name, times in Counter(names).items() if times > 1] == []


def test_every_documented_setting_exists():
    of_others = {"DATABASE_TRANSPORT", "APP_TRANSPORT", "BALANCE"}  # lab up's
    of_others |= {"RABBITMQ_ERLANG_COOKIE"}  # the RabbitMQ nodes'
    compose_files = "".join(path.read_text() for path in ROOT.glob("docker-compose*.yml"))
    of_others |= {name for name in documented() if f"${{{name}:-" in compose_files}
    assert sorted(set(documented()) - set(setting_names()) - of_others) == []


def test_what_the_proxy_does_without_a_word_is_what_the_example_says():
    example = documented()
    assert example["BALANCE"] == haproxy.BALANCES[0]
    assert example["APP_TRANSPORT"] == haproxy.TRANSPORTS[0]
    compose = (ROOT / "docker-compose.yml").read_text()
    assert f"BALANCE: ${{BALANCE:-{haproxy.BALANCES[0]}}}" in compose
    assert f"presetenv BALANCE {haproxy.BALANCES[0]} " in (ROOT / "haproxy/haproxy.cfg").read_text()


def test_the_documented_defaults_are_the_real_ones():
    wrong = {
        name: (text, default)
        for name, default in setting_names().items()
        if (text := documented().get(name, "")) not in ("", "change-me") and not same(text, default)
    }
    assert not wrong


def same(text: str, default: object) -> bool:
    if isinstance(default, tuple):
        return text == ",".join(default)
    if isinstance(default, bool):
        return text == ("on" if default else "off")
    if isinstance(default, int | float):
        return float(text) == float(default)
    return text == str(default)


def test_every_documented_setting_has_words():
    lines = (ROOT / "example.env").read_text().splitlines()
    bare = [
        line
        for before, line in zip(["", *lines], lines, strict=False)
        if line.lstrip("#").split("=")[0].isupper() and "=" in line and not before
    ]
    assert not bare
