"""Every `lab ...` line in a document is a command line that the lab would accept."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from lab.cli import COMMANDS, build

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^ *```(?:bash|sh|console)?\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
RUNBOOKS = sorted((ROOT / "citus").rglob("*.md"))
INLINE = re.compile(r"`(lab [^`]+)`")


def _lines() -> list[tuple[str, str]]:
    """(document, command line) of all that a reader would type."""
    found = []
    for document in [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md")), *RUNBOOKS]:
        text = document.read_text()
        lines = [line.strip() for block in BLOCK.findall(text) for line in block.splitlines()]
        lines += [line.replace("\n", " ") for line in INLINE.findall(text)]
        for line in lines:
            typed = re.sub(r"^(?:\$ )?(?:\.venv/bin/)?(?=lab )", "", line).split("#")[0].strip()
            if typed.startswith("lab ") and "..." not in typed:
                found.append((str(document.relative_to(ROOT)), typed))
    return sorted(set(found))


@pytest.mark.parametrize(("document", "line"), _lines())
def test_command_lines_are_accepted(document: str, line: str) -> None:
    name, *arguments = shlex.split(line)[1:]
    assert name in COMMANDS, f"{document}: {line}"
    command = typer.main.get_command(build(name)).commands[name]  # type: ignore[attr-defined]
    words = _typed(arguments)
    if words and hasattr(command, "commands") and not words[0].startswith("-"):  # lab bench --rounds 3
        assert words[0] in command.commands, f"{document}: {line}"
        command = command.commands[words.pop(0)]
    if words:  # otherwise only its name is mentioned
        command.make_context(name, words)  # raises on an unknown option or a bad value


def _typed(arguments: list[str]) -> list[str]:
    """The arguments up to a pipe, without --help, which would end the test; N is 1, a|b|c is a."""
    stops = {"|", ">", "&&", ";", "2>&1"}
    end = next((place for place, word in enumerate(arguments) if word in stops), len(arguments))
    typed = [word for word in arguments[:end] if word != "--help"]
    return ["1" if word == "N" else word.split("|")[0] for word in typed]


def test_there_are_command_lines_to_check() -> None:
    assert len(_lines()) > 10
