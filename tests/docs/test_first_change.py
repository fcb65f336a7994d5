"""The walk of docs/first-change.md works as written."""

import re
import types
from pathlib import Path
from typing import get_args

import pytest

from levers.catalogue import catalogue, paragraphs
from levers.lever import Lever
from levers.metrics import METRICS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "first-change.md").read_text()


@pytest.fixture(scope="module")
def module() -> types.ModuleType:
    """The lever of the walk, as a reader would have written it."""
    (code,) = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    made = types.ModuleType("levers.sweep")
    exec(compile(code, "levers/sweep.py", "exec"), made.__dict__)
    return made


def test_the_lever_of_the_walk_has_every_part(module: types.ModuleType) -> None:
    lever: Lever = module.LEVER
    assert lever.metric in METRICS
    assert set(lever.also) <= set(METRICS)
    assert lever.metric not in lever.also
    parts = paragraphs(module.__doc__ or "")
    assert parts["question"] == lever.question
    assert {"Problem", "Plain way", "Different when"} <= set(parts)
    for value in lever.values:
        assert "Costs" in parts[value]
        assert "Fails" in parts[value]


def test_its_option_exists_and_its_default_is_the_services_own(module: types.ModuleType) -> None:
    lever: Lever = module.LEVER
    assert f"\n{lever.env}={lever.default}\n" in (ROOT / "example.env").read_text()


def test_the_reader_is_the_first_to_add_it(module: types.ModuleType) -> None:
    if (ROOT / "levers" / "sweep.py").exists():
        pytest.skip("the walk was walked here")
    assert module.LEVER.name not in catalogue()
    assert not any(lever.env == module.LEVER.env for lever in catalogue().values())


def test_a_trial_of_the_walk_is_longer_than_the_intervals_that_it_compares(module: types.ModuleType) -> None:
    ((words, seconds),) = re.findall(
        r"^lab pull sweep --values (\S+) --trial-seconds (\d+) --keep$", TEXT, re.MULTILINE
    )
    for value in words.split(","):
        assert value in module.LEVER.values
        assert float(value) * 1.2 < float(seconds)


def test_the_check_of_the_walk_starts_no_stack() -> None:
    assert 'python -m pytest tests/levers -m "not slow"' in TEXT


def test_every_command_of_the_walk_exists() -> None:
    from lab.cli import COMMANDS

    used = {line.split()[1] for line in re.findall(r"^lab \w+.*$", TEXT, re.MULTILINE)}
    assert used <= set(COMMANDS)
    assert used >= {"levers", "show", "pull"}


def test_what_the_walk_says_is_found_by_its_name_is() -> None:
    from backend.history import HISTORIES
    from backend.settings import Settings
    from wire.codecs import CODECS

    assert set(HISTORIES) == set(get_args(Settings.model_fields["paging"].annotation))
    assert set(CODECS) == set(get_args(Settings.model_fields["encoding"].annotation))
