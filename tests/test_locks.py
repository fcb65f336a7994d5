"""Images install what was tested and audited: the packages of requirements.lock, by the same hashes."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PIN = re.compile(r"(?m)^([\w.-]+)(?:\[[^\]]*\])?==([^\s;\\]+)[^\n]*\n((?:    --hash=\S+(?: \\)?\n)+)")


def pinned(file: Path) -> dict[tuple[str, str], set[str]]:
    """(name, version): the hashes."""
    text = file.read_text()
    found: dict[tuple[str, str], set[str]] = {}
    for name, version, hashes in PIN.findall(text):
        found.setdefault((name, version), set()).update(re.findall(r"--hash=(\S+)", hashes))
    assert sum(map(len, found.values())) == text.count("--hash="), f"{file.name}: a line was not understood"
    return found


@pytest.mark.parametrize("file", sorted((ROOT / "docker").glob("*.lock")), ids=lambda file: file.name)
def test_an_image_installs_only_what_the_whole_lock_names(file: Path):
    whole, image = pinned(ROOT / "requirements.lock"), pinned(file)
    assert len(image) > 20
    assert {f"{name}=={version}" for name, version in image.keys() - whole.keys()} == set()
    assert {pin for pin, hashes in image.items() if hashes - whole[pin]} == set()


def test_every_image_is_installed_from_a_lock_by_its_hashes():
    dockerfile = (ROOT / "Dockerfile").read_text()
    installs = re.findall(r"pip install[^\n]*(?:\\\n[^\n]*)*", dockerfile)
    assert installs
    for install in installs:
        assert "--require-hashes" in install and re.search(r"-r /tmp/\w+\.lock", install), install
