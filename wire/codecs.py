"""How bytes are written: one codec a name, used for hints on the broker and frames on the socket."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

import msgspec

from wire.message import DialogMessage

CodecName = Literal["json", "msgpack"]
T = TypeVar("T")


@dataclass(frozen=True)
class Codec:
    """`encode` any struct or builtin to bytes; `decode_hints` a batch of messages; `decode` as a given type.

    Decoding raises msgspec.DecodeError (or its child ValidationError) on anything malformed.
    """

    name: CodecName
    binary: bool
    encode: Callable[[Any], bytes]
    decode_hints: Callable[[bytes], list[DialogMessage]]
    decode: Callable[[bytes | str, type[T]], T]


def _json() -> Codec:
    return Codec(
        "json",
        False,
        msgspec.json.Encoder().encode,
        msgspec.json.Decoder(list[DialogMessage]).decode,
        lambda data, type_: msgspec.json.decode(data, type=type_),
    )


def _msgpack() -> Codec:
    # str as str, uuid as 16 raw bytes: a third of the size of its text
    return Codec(
        "msgpack",
        True,
        msgspec.msgpack.Encoder(uuid_format="bytes").encode,
        msgspec.msgpack.Decoder(list[DialogMessage]).decode,
        lambda data, type_: msgspec.msgpack.decode(
            data.encode() if isinstance(data, str) else data, type=type_
        ),
    )


CODECS: dict[str, Codec] = {"json": _json(), "msgpack": _msgpack()}
assert set(CODECS) == set(get_args(CodecName))


def codec_named(name: str) -> Codec:
    """The codec of a name; ValueError names the choices."""
    try:
        return CODECS[name]
    except KeyError:
        raise ValueError(f"ENCODING={name!r}: expected one of {', '.join(CODECS)}") from None
