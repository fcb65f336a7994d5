"""uvicorn's HTTP protocol with a bound on what comes before a body: its parser keeps headers without end."""

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 65_536  # uvicorn's own bound with HTTP_PARSER=h11


class BoundedHead(HttpToolsProtocol):
    """Answers 400 and hangs up when a request's headers have not ended after MAX_HEAD_BYTES."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._head_bytes = 0  # of a request whose headers have not ended

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        scope: Any = self.scope
        if scope and "method" in scope:  # it is put there when the headers have ended
            self._head_bytes = 0
            return
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The headers are larger than 64 KiB.")
