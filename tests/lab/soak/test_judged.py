"""What of a soak is not as it should be is named, and stands on the page beside the limits."""

from collections import Counter
from collections.abc import Sequence
from typing import cast

import pytest
from msgspec.structs import replace
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError, InvalidMessage, InvalidStatus
from websockets.frames import Close
from websockets.http11 import Response

from lab.faults import disturbers
from lab.faults.disturbers import Comers
from lab.load.record import RunRecord
from lab.soak import page
from lab.soak.run import Soak, judged
from lab.soak.sampler import Series
from lab.stack.description import StackDescription
from tests.lab.faults.made_up import calm, changed

SECONDS = [10.0 * number for number in range(120)]


def found(
    run: RunRecord | None = None, per_hour: float = 0.0, others: Sequence[Series] = (), **not_welcomed: int
) -> Soak:
    comers = Comers(cast("StackDescription", None), total=0, at_once=1)
    comers.welcomed, comers.not_welcomed = 100, Counter(not_welcomed)
    memory = [50 + per_hour * at / 3600 for at in SECONDS]
    service = Series("websocket-1", "websocket", SECONDS, memory, [20.0] * 120, [30.0] * 120)
    return judged(run or calm(), [service, *others], comers, "lab soak")


def test_a_soak_in_which_nothing_grew_has_no_trouble_and_its_page_tells_the_limits():
    words = page.markdown(found())
    assert found().troubles == [] and "**Our services grew by less than 8 MiB" in words
    assert "Of the other processes" not in words
    assert "(0 not welcomed)" in words and "at most 8 MiB or 30 files or tasks an hour" in words


def test_what_was_not_shown_of_the_servers_stands_in_the_first_line():
    memory = [60 + 20 * at / 3600 for at in SECONDS]
    rabbit = Series("rabbit", "rabbitmq", SECONDS, memory, [20.0] * 120, [])
    soak = found(others=[rabbit])
    assert soak.troubles == [] and "Of the other processes grows: memory of rabbit." in page.markdown(soak)


@pytest.mark.parametrize(
    ("soak", "trouble"),
    [
        (found(HTTP_503=3), "3 devices not welcomed: HTTP_503"),
        (found(per_hour=20.0), "websocket-1: memory_mib grows"),
        (found(changed(calm(), total={"dropped": 2})), "2 sends failed"),
        (
            found(changed(calm(), ledger={"clean": False, "examples": ["one"]})),
            "the ledger is not clean: one",
        ),
    ],
)
def test_each_trouble_is_named_on_the_page(soak, trouble):
    assert len(soak.troubles) == 1 and soak.troubles[0].startswith(trouble)
    words = page.markdown(soak)
    assert f"- {trouble}" in words and "Our services grew" not in words


def test_the_page_says_when_the_code_was_not_as_committed():
    run = calm()
    machine = replace(run.machine, commit="abc", changed=True)
    assert "commit abc, with changes that are not committed" in page.markdown(
        found(replace(run, machine=machine))
    )


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InvalidStatus(Response(503, "Service Unavailable", Headers())), "HTTP 503"),
        (ConnectionClosedError(Close(4006, "node full"), None), "closed with 4006"),
        (ConnectionClosedError(None, None), "closed with 1006"),
        (InvalidMessage("did not receive a valid HTTP response"), "closed before an answer"),
        (TimeoutError(), "no welcome within 30 s"),
        (ConnectionResetError(), "ConnectionResetError"),
    ],
)
def test_what_a_device_met_instead_of_a_welcome_has_a_kind(error, kind):
    assert disturbers._kind(error) == kind
