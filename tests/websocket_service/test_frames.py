"""What a client may send: every valid frame comes back as it was, and nothing else gets through."""

from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from websocket_service.frames import PROTOCOLS, Answer, Get, Hello, NewToken, decode

CODECS = pytest.mark.parametrize("codec", PROTOCOLS.values(), ids=PROTOCOLS)
texts = some.text(max_size=50)
frames = some.one_of(
    some.builds(Hello, token=texts, dev=some.uuids(), resume=some.none() | texts),
    some.builds(Answer, cursor=some.none() | texts),
    some.builds(
        Get,
        d=some.uuids(),
        after=some.integers(-(2**63), 2**63 - 1),
        limit=some.integers(-(2**63), 2**63 - 1),
    ),
    some.builds(NewToken, token=texts),
)


def written(codec, frame):
    """The frame as it is on the wire: text for JSON, bytes for msgpack."""
    data = codec.encode(frame)
    return data if codec.binary else data.decode()


@CODECS
@given(frame=frames)
def test_a_valid_frame_comes_back_as_it_was(codec, frame):
    assert decode(codec, written(codec, frame)) == frame


@CODECS
@given(data=some.binary(max_size=200) | some.text(max_size=200))
def test_any_other_data_is_refused_in_one_way(codec, data):
    try:
        found = decode(codec, data)
    except msgspec.DecodeError:
        return
    assert isinstance(found, Hello | Answer | Get | NewToken)


@CODECS
@given(frame=frames, cut=some.integers(0, 400), junk=some.binary(min_size=1, max_size=4))
def test_a_cut_or_patched_frame_is_refused_or_is_a_frame(codec, frame, cut, junk):
    raw = codec.encode(frame)
    patched = raw[: cut % len(raw)] + junk + raw[cut % len(raw) + len(junk) :]
    given_ = patched if codec.binary else patched.decode(errors="replace")
    try:
        found = decode(codec, given_)
    except msgspec.DecodeError:
        return
    assert isinstance(found, Hello | Answer | Get | NewToken)


@CODECS
def test_text_where_bytes_belong_is_refused(codec):
    data = written(codec, Hello("t", UUID(int=1)))
    with pytest.raises(msgspec.DecodeError):
        decode(codec, data.decode("latin-1") if isinstance(data, bytes) else data.encode())
