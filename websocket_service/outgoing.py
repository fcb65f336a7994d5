"""A message on its way out: encoded once, whatever the number of sockets."""

import struct

import msgspec

from wire.codecs import CODECS, Codec
from wire.message import DialogMessage

_ENCODE = {codec.binary: codec.encode for codec in CODECS.values()}
OVERHEAD_BYTES = 200  # of a frame's message beside its content, about


class Outgoing:
    """A message and its bytes in each codec.

    While it keeps its way (HOP_TIMES=on), the time `pushed` differs by socket: the bytes are kept
    without it, and it is put on at each write.
    """

    __slots__ = ("message", "packed", "size", "text")

    def __init__(self, message: DialogMessage) -> None:
        self.message = message
        self.size = len(message.content) + OVERHEAD_BYTES
        self.text: msgspec.Raw | bytes | None = None
        self.packed: msgspec.Raw | bytes | None = None

    def raw(self, codec: Codec, now: float) -> msgspec.Raw:
        """Its bytes for a frame that is written now."""
        kept = self.packed if codec.binary else self.text
        if kept is None:
            kept = self._encoded(codec.binary)
            if codec.binary:
                self.packed = kept
            else:
                self.text = kept
        if isinstance(kept, msgspec.Raw):
            return kept
        return msgspec.Raw(kept + (struct.pack("!d", now) if codec.binary else b"%.6f]}" % now))

    def _encoded(self, binary: bool) -> msgspec.Raw | bytes:
        message = self.message
        if message.way is None:
            return msgspec.Raw(_ENCODE[binary](message))
        # The way is the last field and `pushed` its last time: the end of the bytes is put on later.
        whole = _ENCODE[binary](msgspec.structs.replace(message, way=[*message.way, 0.0]))
        return whole.removesuffix(bytes(8) if binary else b"0.0]}")
