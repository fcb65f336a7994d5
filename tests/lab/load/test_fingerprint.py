"""What a result says of the code that it was measured with."""

import re
import shutil
import subprocess

import pytest

from lab.load import fingerprint


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A work tree with one committed file."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    monkeypatch.setattr(fingerprint, "ROOT", tmp_path)
    (tmp_path / "lab.py").write_text("code")
    me = ["-c", "user.name=me", "-c", "user.email=me@example.org"]
    for words in (["init", "-q"], ["add", "lab.py"], [*me, "commit", "-q", "-m", "One."]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return tmp_path


def test_a_result_that_is_being_written_is_no_change_of_the_code(tree):
    assert fingerprint.changed() is False
    (tree / "docs" / "results").mkdir(parents=True)
    (tree / "docs" / "results" / "a.json").write_text("{}")
    assert fingerprint.changed() is False
    (tree / "docs" / "page.md").write_text("words")
    assert fingerprint.changed() is True


def test_an_edited_file_is_a_change(tree):
    (tree / "lab.py").write_text("other code")
    assert fingerprint.changed() is True


def test_outside_of_a_work_tree_nobody_knows(tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprint, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert fingerprint.changed() is None


@pytest.mark.rabbitmq
@pytest.mark.haproxy
def test_the_servers_of_this_machine_have_a_version():
    assert all(re.match(r"\d+\.\d+", fingerprint.servers()[name]) for name in ("RabbitMQ", "HAProxy"))


def test_a_server_that_is_not_here_has_none(monkeypatch):
    monkeypatch.setattr(fingerprint, "which", lambda _name: None)
    monkeypatch.setattr("lab.stack.rabbitmq.scripts", lambda: None)
    assert fingerprint.servers() == {}
