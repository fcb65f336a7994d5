"""The cursor: where a client is in its stream. Opaque to it, untrusted by us.

A cursor can only say "give me my own messages since then", so it is not signed.
"""

import base64
import binascii
import struct
from dataclasses import dataclass

_LAYOUT = struct.Struct("!8sd8sQ")


@dataclass(frozen=True, slots=True)
class Cursor:
    """`time` (unix seconds by the database's clock): everything stored up to then was written to the socket.

    `number` is the place in the user's stream, meaningful within one `service` only.
    """

    database: bytes  # 8 bytes, of the database epoch
    time: float
    service: bytes  # 8 bytes, of the process
    number: int

    def text(self) -> str:
        """As it stands in frames."""
        packed = _LAYOUT.pack(self.database, self.time, self.service, self.number)
        return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def parse(text: str) -> Cursor | None:
    """None when it is not one of ours: the client then starts anew."""
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        database, time, service, number = _LAYOUT.unpack(packed)
    except (binascii.Error, struct.error, ValueError):
        return None
    if not 0 <= time < 1e11:  # also nan and the infinities
        return None
    return Cursor(database, time, service, number)
