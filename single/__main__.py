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
    """Exit code 2 for a setting that cannot be used, or one that this mode cannot follow."""
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
        try:
            runner.run(serve(for_backend, for_websockets))
        except ServerError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
