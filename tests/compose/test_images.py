"""The HAProxy of compose accepts its file in every form: of a host run (TCP, unix sockets), of compose."""

import subprocess
from pathlib import Path
from uuid import uuid4

import pytest

from lab.stack import haproxy

IMAGES = ("haproxy:3.0",)
FILE = "/tmp/haproxy.cfg"
pytestmark = pytest.mark.slow


def of_a_host_run(transport: str) -> str:
    """The file that `lab up --mode stack` writes."""
    return haproxy.configuration(
        [haproxy.server(kind, n, 9000 + n, transport) for kind in ("backend", "websocket") for n in (1, 2)]
    )


def checked(text: str, folder: Path, *environment: str) -> subprocess.CompletedProcess[str]:
    """What the image's HAProxy says of it."""
    file, state = folder / "haproxy.cfg", folder / "state"
    file.write_text(text)
    state.write_text("1\n")  # the format's version; a file that is not there is warned of
    for one in (file, state):
        one.chmod(0o644)  # the image's user is not ours
    words = [f"--env={setting}" for setting in environment]
    words += [f"--volume={file}:{FILE}:ro", f"--volume={state}:/tmp/state:ro", "--network=none"]
    name = f"--name=lab-test-{uuid4().hex[:8]}"
    return subprocess.run(
        ["docker", "run", "--rm", name, *words, IMAGES[0], "haproxy", "-c", "-f", FILE],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("transport", haproxy.TRANSPORTS)
def test_the_image_accepts_the_file_of_a_host_run(tmp_path, transport):
    done = checked(of_a_host_run(transport), tmp_path)
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stderr


def test_the_image_accepts_the_file_as_compose_mounts_it(tmp_path):
    done = checked(haproxy.SHARED.read_text(), tmp_path, "HAPROXY_STATE=/tmp/state")
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stderr


def test_the_image_finds_a_wrong_line(tmp_path):
    assert checked(of_a_host_run("tcp") + "    balance nonsense\n", tmp_path).returncode != 0
