"""python -m backend: the API as a process."""

import asyncio
import logging
import os
import sys

from backend.app import build
from backend.server import ServerError, run_workers, serve
from backend.settings import Settings
from wire.brokers import NOT_BETWEEN_PROCESSES
from wire.settings import SettingsError

FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


def run(settings: Settings) -> None:
    """Serve in this process until a signal."""
    import uvloop

    factory = uvloop.new_event_loop if settings.event_loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(debug=settings.event_loop == "asyncio_debug", loop_factory=factory) as runner:
        runner.run(serve(build(settings), settings))


def main() -> int:
    """Exit code 2 for a setting that cannot be used, 1 when the address cannot be had."""
    try:
        settings = Settings.read()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    if settings.broker == "memory":
        print(NOT_BETWEEN_PROCESSES, file=sys.stderr)
        return 2
    logging.basicConfig(level=settings.log_level.upper(), format=FORMAT)
    if settings.event_loop == "asyncio_debug":
        os.environ["PYTHONASYNCIODEBUG"] = "1"  # for uvicorn workers
    if settings.uvicorn_workers > 1:
        run_workers(settings)
    else:
        try:
            run(settings)
        except ServerError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
