"""python -m single: API and websockets in one process."""

import asyncio
import logging
import sys

from backend.server import ServerError
from backend.settings import Settings as BackendSettings
from single.app import serve
from websocket_service.app import raise_file_limit
from websocket_service.settings import Settings as WebsocketSettings
from wire.settings import SettingsError

FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


def main() -> int:
    """Exit code 2 for a setting that cannot be used, or one that this mode cannot follow; 1 when an address
    cannot be had or a part died."""
    try:
        for_backend = BackendSettings.read(broker="memory")
        for_websockets = WebsocketSettings.read(broker="memory")
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    if for_backend.uvicorn_workers != 1:
        print(f"UVICORN_WORKERS={for_backend.uvicorn_workers}: expected 1 in one process", file=sys.stderr)
        return 2
    logging.basicConfig(level=for_backend.log_level.upper(), format=FORMAT)
    raise_file_limit()
    import uvloop

    factory = uvloop.new_event_loop if for_backend.event_loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(debug=for_backend.event_loop == "asyncio_debug", loop_factory=factory) as runner:
        code = 1
        try:
            code = 0 if runner.run(serve(for_backend, for_websockets)) else 1
        except* ServerError as errors:
            print(*errors.exceptions, file=sys.stderr)
        except* OSError as errors:
            place = for_websockets.ws_socket or f"{for_websockets.ws_host}:{for_websockets.ws_port}"
            print(f"cannot listen on {place}:", *errors.exceptions, file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
