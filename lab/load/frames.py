"""The frames of the socket as the generator reads and writes them (docs: the wire, dialog.v1)."""

import uuid
from dataclasses import dataclass
from typing import Any

import msgspec


class Light(msgspec.Struct):
    """A message of a batch; ids stay as they came (text or bytes): reading them costs more than the rest."""

    d: Any
    s: int
    id: Any
    f: int
    to: int
    w: list[float] | None = None


class Frame(msgspec.Struct):
    """Any frame of the server; `t` says which, and which of the others count."""

    t: str
    m: list[Light] = []
    re: bool = False
    cursor: Any = None
    resumed: str = ""
    after: float = 0
    d: Any = None
    code: Any = None


@dataclass(frozen=True)
class Language:
    """One encoding of the wire. Ids that we compare are turned into its form once."""

    subprotocol: str
    binary: bool

    def encode(self, frame: dict[str, Any]) -> bytes:
        return msgspec.msgpack.encode(frame) if self.binary else msgspec.json.encode(frame)

    def id_form(self, of: uuid.UUID) -> str | bytes:
        return of.bytes if self.binary else str(of)


LANGUAGES = {"json": Language("dialog.v1.json", False), "msgpack": Language("dialog.v1.msgpack", True)}
decode_text = msgspec.json.Decoder(Frame).decode
decode_binary = msgspec.msgpack.Decoder(Frame).decode


class MessageIds:
    """Ids of one run: valid UUIDv7 with the run's own prefix and the arrival's number behind it.

    So the number is read back from the last eight digits, and a foreign message is known as such.
    """

    def __init__(self, run: uuid.UUID) -> None:
        self._base = run.int & ~0xFFFFFFFF
        self._text = str(uuid.UUID(int=self._base))[:28]
        self._bytes = self._base.to_bytes(16, "big")[:12]

    @staticmethod
    def new_run(unix_seconds: float, tag: int) -> uuid.UUID:
        """A UUIDv7 of this time whose random part is `tag`; its last 32 bits are 0."""
        value = int(unix_seconds * 1000) << 80 | 7 << 76 | (tag >> 30 & 0xFFF) << 64
        return uuid.UUID(int=value | 0b10 << 62 | (tag & 0x3FFFFFFF) << 32)

    def text(self, number: int) -> str:
        """The id of an arrival as text."""
        return f"{self._text}{number:08x}"

    def number(self, found: Any) -> int:
        """The arrival's number, or -1 for a message that this run did not send."""
        if isinstance(found, str):
            return int(found[28:], 16) if found.startswith(self._text) else -1
        if isinstance(found, bytes) and found.startswith(self._bytes):
            return int.from_bytes(found[12:], "big")
        return -1
