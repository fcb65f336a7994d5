"""The frames of the socket, both ways (subprotocols dialog.v1.json and dialog.v1.msgpack)."""

from typing import Literal
from uuid import UUID

import msgspec

from wire.codecs import CODECS, Codec

# Subprotocol -> how its frames are written.
PROTOCOLS: dict[str, Codec] = {f"dialog.v1.{name}": codec for name, codec in CODECS.items()}

MAX_FRAME_BYTES = 65_536  # of what a client may send; a longer frame is closed with 1009
Resumed = Literal["ring", "db", "none", "new"]


# --- from the client


class Hello(msgspec.Struct, tag="hello", tag_field="t"):
    """First frame. `dev` names the device, `resume` is the last cursor it was given."""

    token: str
    dev: UUID
    resume: str | None = None


class Answer(msgspec.Struct, tag="hb", tag_field="t"):
    """The answer to a heartbeat."""

    cursor: str | None = None


class Get(msgspec.Struct, tag="get", tag_field="t"):
    """Ask for the messages of dialog `d` that follow `after`."""

    d: UUID
    after: int
    limit: int = 100


class NewToken(msgspec.Struct, tag="token", tag_field="t"):
    """The answer to TokenWanted."""

    token: str


ClientFrame = Hello | Answer | Get | NewToken


def decode(codec: Codec, data: bytes | str) -> ClientFrame:
    """Raises msgspec.DecodeError, also for text where bytes belong and the other way round."""
    if isinstance(data, str) is codec.binary:
        raise msgspec.DecodeError("text or binary: the other one belongs here")
    try:
        return codec.decode(data, ClientFrame)  # type: ignore[arg-type]
    except UnicodeDecodeError as error:  # msgpack with a string that is none
        raise msgspec.DecodeError(str(error)) from None


# --- from the service


class Welcome(msgspec.Struct, tag="welcome", tag_field="t"):
    """`hb` is the heartbeat's interval in milliseconds, `max` the largest frame taken, in bytes."""

    sid: str
    epoch: str
    resumed: Resumed
    hb: int
    max: int
    cursor: str


class Batch(msgspec.Struct, tag="batch", tag_field="t", omit_defaults=True, gc=False):
    """Messages `m`, already encoded; `n` numbers the stream of this user; `re`: sent again."""

    n: int
    m: list[msgspec.Raw]
    re: bool = False
    cursor: str | None = None


class Heartbeat(msgspec.Struct, tag="hb", tag_field="t"):
    """`lag`: the broker is away, messages come from the database, a little later."""

    cursor: str
    lag: bool


class Stale(msgspec.Struct, tag="stale", tag_field="t"):
    """Dialog `d` is to be read over HTTP."""

    d: UUID


class TokenWanted(msgspec.Struct, tag="token", tag_field="t", rename={"within": "in"}):
    """The token ends in so many milliseconds."""

    within: int


class Bye(msgspec.Struct, tag="bye", tag_field="t"):
    """Open another socket after so many milliseconds, then close this one."""

    why: str
    after: int


class Error(msgspec.Struct, tag="err", tag_field="t"):
    """A frame that was understood and not done; the socket stays."""

    code: str


ServerFrame = Welcome | Batch | Heartbeat | Stale | TokenWanted | Bye | Error
