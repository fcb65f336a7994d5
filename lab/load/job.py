"""What the parent tells a generator process, and what that one reports: length-prefixed msgpack, rows packed.

Rows are bytes of the fixed layouts below (numpy reads them as they are); 2,000 deliveries a second as
objects would cost the generator more than receiving them.
"""

import struct
from typing import Any

import msgspec

OPERATION_ROW = struct.Struct("<IhdddqB")  # number, status, fired, sent, answered, seq, tries
OPERATION_FIELDS: list[Any] = [
    ("number", "<u4"), ("status", "<i2"), ("fired", "<f8"), ("sent", "<f8"), ("answered", "<f8"),
    ("seq", "<i8"), ("tries", "u1"),
]  # fmt: skip
RECEIVED_ROW = struct.Struct("<IiqqdB")  # device, dialog (-1: another), seq, number (-1: foreign), at, flags
RECEIVED_FIELDS: list[Any] = [
    ("device", "<u4"), ("dialog", "<i4"), ("seq", "<i8"), ("number", "<i8"), ("at", "<f8"), ("flags", "u1"),
]  # fmt: skip
APPLIED_ROW = struct.Struct("<Iiqqd")
APPLIED_FIELDS: list[Any] = [
    ("device", "<u4"),
    ("dialog", "<i4"),
    ("seq", "<i8"),
    ("number", "<i8"),
    ("at", "<f8"),
]
HOPS_ROW = struct.Struct("<Iqd5d")  # device, number, received, then wire.message.HOPS (unix time)
HOPS_FIELDS: list[Any] = [("device", "<u4"), ("number", "<i8"), ("received", "<f8"), ("hops", "<f8", (5,))]

LENGTH = struct.Struct("<I")


class Listener(msgspec.Struct):
    """One device to connect."""

    number: int
    user: int  # index in Job.users
    urls: list[str]  # the first one first; the next after each close


class Job(msgspec.Struct):
    """A process's share of a run. Columns are little-endian arrays (`array` module), one entry an arrival."""

    seed: int
    run: str  # uuid: the prefix of the message ids
    users: list[int]
    tokens: list[str]
    prefixes: list[str]  # of first names, for searches
    dialogs: list[tuple[str, int, int, int]]  # id, index of lower and higher user, newest seq or -1
    listeners: list[Listener]
    targets: list[list[str]]  # side -> API addresses
    certificate: str  # that https and wss show
    texts: list[str]  # contents, taken in turn
    encoding: str
    timeout: float
    in_flight_limit: int
    connections: int
    retries: int
    number: bytes  # uint32
    due: bytes  # float64, from the start
    operation: bytes  # uint8
    side: bytes  # uint8
    turn: bytes  # uint32
    dialog: bytes  # uint32
    forward: bytes  # uint8
    draw: bytes  # float64


class Report(msgspec.Struct):
    """About four a second, and one more with each change of `phase`."""

    phase: str  # ready, running, sent (all answered), ended
    operations: bytes = b""
    received: bytes = b""
    applied: bytes = b""
    hops: bytes = b""
    in_flight: int = 0
    sockets: int = 0
    reconnects: int = 0
    closes: dict[int, int] = {}
    words: str = ""


def framed(message: Any) -> bytes:
    """A message as it goes through the pipe."""
    data = msgspec.msgpack.encode(message)
    return LENGTH.pack(len(data)) + data
