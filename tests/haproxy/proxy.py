"""A real HAProxy for the time of a block, from the lab's own plan, in front of the upstreams of a test."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab.stack import tether
from lab.stack.haproxy import Proxy, plan_haproxy
from lab.stack.supervision import write_spec


class Running(Proxy):
    """HAProxy as a test sees it."""

    def __init__(self, described: Mapping[str, Any], master: subprocess.Popen[bytes], log: Path) -> None:
        super().__init__(Path(described["folder"]))
        self.url, self.websocket = described["url"], described["websocket"]
        self.described, self.master, self.log = described, master, log

    async def until(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        """Wait for it."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not within {seconds} s: {self.states()}"
            await asyncio.sleep(0.01)

    def failed_checks(self, name: str) -> int:
        """Those that failed while the server was up, by HAProxy's own count."""
        return int(self.servers()[name]["chkfail"])

    def states(self) -> dict[str, str]:
        return {name: row["status"] for name, row in self.servers().items()}


@contextmanager
def haproxy(
    home: Path,
    api: list[int],
    websockets: list[int],
    levers: Mapping[str, str] | None = None,
    **environment: str,
) -> Iterator[Running]:
    """HAProxy in front of these ports. It ends with the test."""
    (program,), described = plan_haproxy(home, api, websockets, levers)
    program = replace(program, environment={**program.environment, **environment})
    write_spec(program, home, home / "spec.json")
    log = home / "log"
    with log.open("wb") as out:
        master = subprocess.Popen(
            [sys.executable, "-S", "-E", tether.__file__, str(home / "spec.json")],
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    running = Running(described, master, log)
    try:
        deadline = time.monotonic() + 60
        while not (running.folder / "admin.sock").exists():
            assert master.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        yield running
    finally:
        master.send_signal(signal.SIGTERM)
        assert master.wait(60) in (0, 143, -signal.SIGTERM, os.EX_OK), log.read_text()
