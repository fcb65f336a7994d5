"""python -m websocket_service: the sockets as a process."""

import asyncio
import logging
import signal
import sys

from websocket_service.app import Service, raise_file_limit
from websocket_service.settings import Settings
from wire.brokers import NOT_BETWEEN_PROCESSES
from wire.settings import SettingsError

FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


async def serve(settings: Settings) -> None:
    """Until SIGTERM or SIGINT, and the drain after it."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await Service(settings).run(stop)


def main() -> int:
    """Exit code 2 for a setting that cannot be used, 1 when a part of the service died."""
    try:
        settings = Settings.read()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    if settings.broker == "memory":
        print(NOT_BETWEEN_PROCESSES, file=sys.stderr)
        return 2
    logging.basicConfig(level=settings.log_level.upper(), format=FORMAT)
    raise_file_limit()
    import uvloop

    factory = uvloop.new_event_loop if settings.event_loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(debug=settings.event_loop == "asyncio_debug", loop_factory=factory) as runner:
        try:
            runner.run(serve(settings))
        except OSError as error:
            print(f"cannot listen on {settings.ws_socket or settings.ws_host}: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
