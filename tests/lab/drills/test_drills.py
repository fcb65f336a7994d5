"""Every drill shows a harm and its cure, on real servers."""

import pytest

from lab.cli import run
from lab.drills.drill import drills

pytestmark = pytest.mark.integration


def shown(name, folder):
    return drills()[name].show(lambda line: None, folder)


@pytest.mark.parametrize("name", list(drills()))
def test_every_page_says_mistake_harm_and_cure(name):
    page = drills()[name].__doc__ or ""
    for part in ("The mistake:", "The harm:", "The cure:"):
        assert part in page


def test_one_who_does_not_read_stops_a_serial_loop(tmp_path):
    found = shown("serial_sends", tmp_path)
    assert found.harm < 60
    assert found.cure == 100


@pytest.mark.stack
@pytest.mark.slow
@pytest.mark.timeout(500)
def test_the_sixteenth_socket_waits_for_ever(tmp_path):
    found = shown("held_connections", tmp_path)
    assert (found.harm, found.cure) == (15, 100)


@pytest.mark.stack
@pytest.mark.slow
@pytest.mark.timeout(500)
def test_the_debug_loop_costs_more_than_any_loop_gives(tmp_path):
    found = shown("debug_loop", tmp_path)
    assert found.harm > 1.4 * found.cure


@pytest.mark.stack
@pytest.mark.slow
@pytest.mark.timeout(500)
def test_fanout_sends_hints_to_those_who_have_nobody_to_tell(tmp_path):
    found = shown("fanout", tmp_path)
    assert found.harm > 1.5
    assert found.cure < found.harm / 1.2


@pytest.mark.haproxy
def test_a_path_cannot_be_read_in_tcp_mode(tmp_path):
    found = shown("path_in_tcp", tmp_path)
    assert found.harm < 60
    assert found.cure == 60


def test_the_listing_names_every_drill(capsys):
    assert run(["drill"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in drills())
