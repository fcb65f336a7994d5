"""The prepared requests, as bytes."""

import json
import uuid
import zlib

import numpy as np
import pytest

from lab.load.frames import MessageIds
from lab.load.http_client import Target
from lab.load.jobs import WINDOW, make_jobs, texts_of
from lab.load.plan import OPERATIONS, LoadPlan, Operation
from lab.load.population import Dialog, Population
from lab.load.requests import Requests
from lab.load.schedule import Schedule
from tests.lab.load.made_up import stack
from wire.message import dialog_id_of
from wire.tokens import Tokens

RUN = MessageIds.new_run(1_795_000_000, 5)
TARGET = Target("http://127.0.0.1:8000", 1)


def _requests(*operations: Operation, forward: int = 1) -> Requests:
    count = len(operations)
    schedule = Schedule(
        due=np.arange(count, dtype=np.float64),
        operation=np.array([OPERATIONS.index(name) for name in operations], dtype=np.uint8),
        side=np.zeros(count, dtype=np.uint8),
        turn=np.arange(count, dtype=np.uint32),
        dialog=np.zeros(count, dtype=np.uint32),
        forward=np.full(count, forward, dtype=np.uint8),
        draw=np.full(count, 0.5),
    )
    people = Population([Dialog(dialog_id_of(7, 9), 7, 9, 100)], [], ["Ann", "Zoé"])
    plan = LoadPlan(stack=stack(), content_characters=20)
    return Requests(make_jobs(plan, people, schedule, RUN)[0], MessageIds(RUN))


def _parts(request: bytes) -> tuple[str, dict[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return first, {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}, body


def test_send_carries_token_id_and_content():
    first, headers, body = _parts(_requests("send").make(0, TARGET))
    assert first == "POST /api/v1/dialog/9/create/ HTTP/1.1"
    assert Tokens(stack().secret).check(headers["authorization"].removeprefix("Bearer ")).user_id == 7
    assert int(headers["content-length"]) == len(body) and headers["host"] == "127.0.0.1:8000"
    sent = json.loads(body)
    assert MessageIds(RUN).number(sent["id"]) == 0 and uuid.UUID(sent["id"]).version == 7
    assert len(sent["content"]) == 20


@pytest.mark.parametrize("characters", [1, 80, 4096])
def test_a_text_comes_again_when_no_window_holds_it_any_more(characters: int):
    texts = texts_of(1, characters)
    assert {len(text) for text in texts} == {characters}
    assert len(texts) * characters > WINDOW
    whole = "".join(texts).encode()
    assert 0.3 < len(zlib.compress(whole)) / len(whole) < 0.5  # prose; of one text, shifted, it was 0.02


def test_higher_user_acts_when_it_goes_backward():
    first, headers, _ = _parts(_requests("send", forward=0).make(0, TARGET))
    assert first.startswith("POST /api/v1/dialog/7/create/")
    assert Tokens(stack().secret).check(headers["authorization"].removeprefix("Bearer ")).user_id == 9


def test_reads_ask_for_what_their_names_say():
    requests = _requests("list", "list_deep", "get_user", "dialogs", "search")
    paths = [_parts(requests.make(place, TARGET))[0].split()[1] for place in range(5)]
    assert paths == [
        "/api/v1/dialog/9/list/?limit=20",
        "/api/v1/dialog/9/list/?limit=20&before=51",
        "/api/v1/users/9",
        "/api/v1/dialogs/",
        "/api/v1/users/search/?first_name=Zo%C3%A9",
    ]


def test_reads_give_back_what_the_readers_send_was_answered_with():
    requests = _requests("send", "list")
    assert "x-wrote-at" not in _parts(requests.make(1, TARGET))[1]
    requests.wrote(0, b"12.5")
    assert _parts(requests.make(1, TARGET))[1]["x-wrote-at"] == "12.5"
