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


def run(settings: Settings) -> bool:
    """Serve in this process until a signal; False when a part of it died."""
    import uvloop

    factory = uvloop.new_event_loop if settings.event_loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(debug=settings.event_loop == "asyncio_debug", loop_factory=factory) as runner:
        app = build(settings)
        runner.run(serve(app, settings))
        return not app.died


def main() -> int:
    """Exit code 2 for a setting that cannot be used, 1 when the address cannot be had or a part died."""
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
            return 0 if run(settings) else 1
        except ServerError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
