"""The configuration file itself: HAProxy accepts it in every form it is used in."""

import os
import subprocess
from itertools import pairwise

import pytest

from lab.errors import UsageError
from lab.stack import haproxy
from lab.stack.doctor import which


def checked(text: str, folder, **environment: str) -> subprocess.CompletedProcess[str]:
    file = folder / "haproxy.cfg"
    file.write_text(text)
    binary = which("haproxy")
    assert binary
    return subprocess.run(
        [binary, "-c", "-f", file],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.haproxy
@pytest.mark.parametrize("balance", haproxy.BALANCES)
def test_haproxy_accepts_the_file_as_compose_mounts_it(tmp_path, balance):
    # Compose keeps the servers' state for a reload, and has lines for it; docker-compose.yml says where.
    state = tmp_path / "state"
    state.write_text("1\n")  # the format's version; a file that is not there yet is warned of
    done = checked(haproxy.SHARED.read_text(), tmp_path, BALANCE=balance, HAPROXY_STATE=str(state))
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stderr


@pytest.mark.haproxy
@pytest.mark.parametrize("transport", haproxy.TRANSPORTS)
def test_haproxy_accepts_the_file_of_a_host_run(tmp_path, transport):
    servers = [
        haproxy.server(kind, n, 9000 + n, transport) for kind in ("backend", "websocket") for n in (1, 2, 3)
    ]
    done = checked(haproxy.configuration(servers), tmp_path)
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stderr


@pytest.mark.haproxy
def test_a_wrong_line_is_found(tmp_path):
    assert checked(haproxy.SHARED.read_text() + "    balance nonsense\n", tmp_path).returncode != 0


def test_the_host_run_has_a_line_a_process_and_no_name_server():
    text = haproxy.configuration(
        [haproxy.server("backend", 1, 81), haproxy.server("websocket", 1, 82, "unix")]
    )
    assert (
        "    server backend-1 127.0.0.1:81\n" in text
        and "    server websocket-1 unix@websocket-1.sock\n" in text
    )
    assert (
        "server-template" not in text.replace("each `server-template` line", "") and "127.0.0.11" not in text
    )


def test_a_server_added_later_is_checked_as_the_others_are():
    assert f"default-server {haproxy.CHECKED}\n" in haproxy.SHARED.read_text()


def test_a_dead_server_is_out_within_a_second_and_back_with_one_good_answer():
    """How many checks it takes is seen on a running one, in test_changes.py and test_routing.py."""
    words = haproxy.CHECKED.split()
    told = dict(pairwise(words))
    assert (told["fall"], told["rise"]) == ("2", "1")
    first, second = (int(told[name].removesuffix("ms")) for name in ("inter", "fastinter"))
    assert first + second < 1000


@pytest.mark.haproxy
def test_an_unknown_balance_names_the_choices(tmp_path):
    choices = "partition, user, leastconn, roundrobin"
    with pytest.raises(UsageError, match=f"BALANCE='best': expected one of {choices}"):
        haproxy.plan_haproxy(tmp_path, [1], [2], {"BALANCE": "best"})
