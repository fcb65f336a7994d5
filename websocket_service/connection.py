"""The library's connection, plus what a session needs: writing without waiting, and closing for sure."""

import asyncio
from typing import TYPE_CHECKING

from websockets.asyncio.server import ServerConnection
from websockets.protocol import State

from websocket_service.close_codes import REASONS

if TYPE_CHECKING:
    from websocket_service.session import Session

CLOSE_SECONDS = 1.0  # for the peer to answer a close; a peer that does not read never will


class Connection(ServerConnection):
    """One socket. Nobody waits for it but its own handler task."""

    session: "Session | None" = None

    @property
    def writable(self) -> bool:
        """Whether the peer keeps up: open, and little is waiting in the buffer of this process."""
        return not self.paused and self.protocol.state is State.OPEN

    def write(self, payload: bytes, binary: bool) -> None:
        """Hand one frame to the transport; does nothing on a socket that is closing."""
        if self.protocol.state is not State.OPEN:
            return
        if binary:
            self.protocol.send_binary(payload)
        else:
            self.protocol.send_text(payload)
        self._hand_over()

    def end(self, code: int) -> None:
        """Close with this code; a peer that does not read the close is cut off soon after."""
        if self.protocol.state is State.OPEN:
            self.protocol.send_close(code, REASONS.get(code, ""))
            self._hand_over()
        asyncio.get_running_loop().call_later(CLOSE_SECONDS, self.transport.abort)

    def _hand_over(self) -> None:
        try:
            self.send_data()
        except (OSError, RuntimeError):  # the transport is gone: its connection_lost comes next
            self.transport.abort()

    async def caught_up(self) -> None:
        """Wait until the peer has read most of what was written. Only its own handler may."""
        await self.drain()

    def resume_writing(self) -> None:
        """The peer reads again: its session goes on."""
        super().resume_writing()
        if self.session is not None:
            self.session.flush()
