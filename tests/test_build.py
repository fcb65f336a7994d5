"""build.sh with stand-ins for apt and docker: what it says, and what it leaves behind."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
POLICY = "/usr/sbin/policy-rc.d"
SERVERS = "haproxy rabbitmq-server nats-server redis-server"
# What needs rights goes through `sudo`, which has them where MAY is set; apt installs nothing.
PROGRAMS = {
    "id": "echo 1000",
    "sudo": '[ -n "$MAY" ] || exit 1; shift; exec "$@"',
    "apt-get": """
        test -e "$BOX/policy" && touch "$BOX/held_back"
        [ -z "$STOP" ] || kill -s "$STOP" "$(cat "$BOX/pid")"
        sleep 0.2
        exit "${APT:-0}" """,
    "docker": "exit 1",
    "systemctl": "exit 0",
}
# No server is installed, whatever this machine has: `command -v` is how build.sh looks.
COMMAND = f'() {{ case " {SERVERS} " in *" $2 "*) return 1 ;; *) builtin command "$@" ;; esac; }}'
Build = Callable[..., tuple[int, str]]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Run `build.sh --system --images` in a copy; returns (exit code, what it said)."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in PROGRAMS.items():
        (programs / name).write_text(f"#!/usr/bin/env bash\n{text}\n")
        (programs / name).chmod(0o755)
    shutil.copy(ROOT / "example.env", tmp_path)
    text = (ROOT / "build.sh").read_text()
    assert POLICY in text
    (tmp_path / "build.sh").write_text(text.replace(POLICY, str(tmp_path / "policy")))

    def run(**given: str) -> tuple[int, str]:
        environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "BASH_FUNC_command%%": COMMAND,
            "BOX": str(tmp_path),
            **given,
        }
        words = ["bash", "build.sh", "--system", "--images"]
        started = f'echo $$ >"$BOX/pid"; exec {" ".join(words)}'
        done = subprocess.run(
            ["bash", "-c", started],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
            check=False,
        )
        return done.returncode, done.stdout

    return run


def test_who_may_not_install_gets_the_line_to_do_so(build: Build, tmp_path: Path):
    code, said = build()
    assert code == 1
    assert f"build: cannot install them here; do it and come back: sudo apt-get install {SERVERS}" in said
    assert not (tmp_path / "policy").exists()


def test_who_may_install_does_and_debian_starts_nothing_meanwhile(build: Build, tmp_path: Path):
    code, said = build(MAY="yes")
    assert code == 0, said
    assert f"build: installing with apt: {SERVERS}" in said
    assert f"build: installed {SERVERS}; Debian's own services of them were not started" in said
    assert (tmp_path / "held_back").exists() and not (tmp_path / "policy").exists()


def test_where_apt_fails_it_says_what_to_do(build: Build, tmp_path: Path):
    code, said = build(MAY="yes", APT="100")
    assert code == 1
    assert f"sudo apt-get install {SERVERS}" in said
    assert (tmp_path / "held_back").exists() and not (tmp_path / "policy").exists()


@pytest.mark.parametrize("name", ["INT", "TERM"])
def test_an_interrupted_installation_leaves_no_ban_on_starting_services(
    build: Build, tmp_path: Path, name: str
):
    code, said = build(MAY="yes", STOP=name)
    assert code == 128 + signal.Signals[f"SIG{name}"], said
    assert (tmp_path / "held_back").exists() and not (tmp_path / "policy").exists()


TOOLS = "bash cat cut dirname flock mkdir mktemp mv od sha256sum tail timeout tr"


@pytest.fixture
def without_python(tmp_path: Path) -> Build:
    """Run build.sh where only TOOLS and a docker are found; ENGINE=no: no engine answers."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in TOOLS.split():
        (programs / name).symlink_to(str(shutil.which(name)))
    docker = '#!/usr/bin/env bash\necho "$*" >>"$BOX/docker"; [ "$ENGINE" != no ]\n'
    (programs / "docker").write_text(docker)
    (programs / "docker").chmod(0o755)
    for name in ("build.sh", "example.env", "docker-compose.yml", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)

    def run(*words: str, **given: str) -> tuple[int, str]:
        done = subprocess.run(
            ["bash", "build.sh", *words],
            cwd=tmp_path,
            env={"PATH": str(programs), "BOX": str(tmp_path), **given},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
            check=False,
        )
        return done.returncode, done.stdout

    return run


def test_the_images_and_the_secrets_need_no_python(without_python: Build, tmp_path: Path):
    code, said = without_python("--images")
    assert code == 0 and all(line.startswith("build: ") for line in said.splitlines()), said
    assert "compose --profile tools build --quiet" in (tmp_path / "docker").read_text()
    made, example = (tmp_path / ".env").read_text(), (ROOT / "example.env").read_text()
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
    secrets = re.findall(r"(?m)=([0-9a-f]{48})$", made)
    assert len(secrets) == len(set(secrets)) == len(re.findall(r"(?m)=change-me$", example)) > 0
    for secret in secrets:
        made = made.replace(secret, "change-me")
    assert made == example
    without_python("--images")
    assert secrets[0] in (tmp_path / ".env").read_text(), "what is there is kept"


def test_without_a_python_that_fits_there_are_images_where_an_engine_answers(
    without_python: Build, tmp_path: Path
):
    code, said = without_python()
    assert code == 0, said
    assert "build: no Python 3.11, 3.12 or 3.13 found" in said and "`docker compose` does without" in said
    assert "compose --profile tools build --quiet" in (tmp_path / "docker").read_text()


@pytest.mark.parametrize("words", [("--python",), (), ("demo",), ("test",)])
def test_without_a_python_that_fits_and_without_images_to_make_it_ends(
    without_python: Build, tmp_path: Path, words: tuple[str, ...]
):
    code, said = without_python(*words, ENGINE="no")
    assert code == 1 and said.count("\n") == 1, said
    assert "no Python 3.11, 3.12 or 3.13 found" in said and "PYTHON=" in said


@pytest.mark.parametrize(
    ("job", "option", "words"), [("demo", "--help", "lab demo"), ("test", "--version", "pytest ")]
)
def test_what_follows_demo_or_test_reaches_the_command_and_not_build_sh(job: str, option: str, words: str):
    done = subprocess.run(
        ["bash", str(ROOT / "build.sh"), job, option],
        cwd="/",
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0 and words in done.stdout, done.stdout + done.stderr
