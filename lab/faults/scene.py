"""What a fault may do to a running stack: signal its processes, break its links, turn its knobs."""

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import asyncpg
import psutil

from lab.errors import StackError
from lab.faults.links import Links
from lab.faults.proxy import Proxy
from lab.stack import haproxy, rabbitmq
from lab.stack.description import Process, StackDescription
from lab.stack.host import restart
from lab.stack.program import http_ready
from lab.stack.supervision import Supervision

RABBITMQCTL_SECONDS = 60.0
AGAIN_SECONDS = 30.0  # for the supervisor and the start; a row has a bound of its own


@dataclass
class Scene:
    """A running stack, and the links between its parts."""

    stack: StackDescription
    links: Links
    ending: list[Callable[[], Awaitable[None]]] = field(default_factory=list)  # disturbers to be ended
    notes: list[str] = field(default_factory=list)  # what was seen beside the load
    troubles: list[str] = field(default_factory=list)  # what a row's own check found not as promised
    # object of the row -> the process it turned out to be
    chosen: dict[str, str] = field(default_factory=dict)
    back_seconds: float | None = None  # how long what was killed last was away; None: it was not seen to die

    def names(self, kind: str) -> list[str]:
        """The processes of a kind: backend, websocket, rabbitmq (its nodes), haproxy, postgres."""
        return [one.name for one in self.stack.processes if one.kind == kind]

    # --- processes

    async def signal(self, names: Sequence[str], number: signal.Signals) -> None:
        """Send a signal to these and to all that they started. Raises StackError where one does not run."""
        pids = await asyncio.to_thread(self.stack.live_pids)
        for name in names:
            if name not in pids:
                raise StackError(f"{name} does not run, so it cannot be broken")
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(pids[name])
                for one in [process, *process.children(recursive=True)]:
                    with suppress(psutil.NoSuchProcess):
                        one.send_signal(number)

    async def kill(self, *names: str) -> None:
        """As a crash does: SIGKILL, nothing is said to anybody.

        Returns when they serve again, a RabbitMQ node when it was started again: that they died is seen by
        their new ids.
        """
        self.back_seconds = None
        before = await asyncio.to_thread(self.stack.live_pids)
        began = time.monotonic()
        await self.signal(names, signal.SIGKILL)
        while waiting := await self._not_again(names, before):
            if time.monotonic() - began > AGAIN_SECONDS:
                self.troubles.append(f"not back within {AGAIN_SECONDS:g} s: {', '.join(waiting)}")
                return
            await asyncio.sleep(0.05)
        self.back_seconds = time.monotonic() - began
        word = "started again" if set(names) & set(self.names("rabbitmq")) else "back"
        self.notes.append(f"{', '.join(names)} {word} after {self.back_seconds:.1f} s")

    async def _not_again(self, names: Sequence[str], before: Mapping[str, int]) -> list[str]:
        now = await asyncio.to_thread(self.stack.live_pids)
        if away := [name for name in names if now.get(name) in (None, before.get(name))]:
            return away
        return [one.name for one in self.stack.processes if one.name in names and not await self._serves(one)]

    async def _serves(self, one: Process) -> bool:
        """Whether it does its work; of a RabbitMQ node that is not waited for."""
        if one.kind == "postgres":
            try:
                await (await asyncpg.connect(self.stack.postgres.dsn, timeout=2.0)).close()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                return False
            return True
        url = self.stack.haproxy["url"] if one.kind == "haproxy" and self.stack.haproxy else one.health
        return not url or await asyncio.to_thread(http_ready(url.removesuffix("/health"))) is None

    async def freeze(self, *names: str) -> None:
        """As a hang does: SIGSTOP; connections stay open."""
        await self.signal(names, signal.SIGSTOP)

    async def thaw(self, *names: str) -> None:
        await self.signal(names, signal.SIGCONT)

    async def restart(self, name: str) -> None:
        """Stop gracefully and start again; returns when it is well."""
        await asyncio.to_thread(restart, self.stack, name)

    async def everything_runs(self, limit_seconds: float = 90) -> None:
        """Wait until the supervisor has all processes back and all is ready, the proxy's way too."""
        checks = [
            http_ready(one.health.removesuffix("/health")) for one in self.stack.processes if one.health
        ]
        if self.stack.haproxy and self.stack.haproxy["url"].startswith("http://"):
            checks.append(http_ready(self.stack.haproxy["url"]))
        nodes = self.stack.rabbitmq or {}

        def missing() -> list[str]:
            states = Supervision(self.stack.home).states()
            away = [one["name"] for one in states if one["statename"] != "RUNNING"]
            away += [reason for check in checks if (reason := check()) is not None]
            for host in str(nodes["host"]).split(",") if nodes else []:
                reason = rabbitmq.greets(int(host.split(":")[1]), rabbitmq.AMQP_GREETING)
                away += [reason] if reason else []
            return away

        try:
            async with asyncio.timeout(limit_seconds):
                while await asyncio.to_thread(missing):  # noqa: ASYNC110  # other programs tell no event
                    await asyncio.sleep(0.3)
        except TimeoutError:
            raise StackError(f"not well after {limit_seconds:g} s: {', '.join(missing())}") from None

    # --- links

    def reset(self, link: str) -> None:
        self.links.tell(link, Proxy.reset)

    def stall(self, link: str) -> None:
        self.links.tell(link, Proxy.stall)

    def half_open(self, link: str) -> None:
        self.links.tell(link, Proxy.half_open)

    def delay_half(self, link: str, seconds: float) -> None:
        self.links.tell(link, lambda proxy: proxy.delay_half(seconds))

    # --- knobs

    async def rabbitmqctl(self, *arguments: str, node: str = "rabbit") -> str:
        """What `rabbitmqctl` of a node answers. Raises StackError."""
        folder = rabbitmq.scripts()
        if folder is None or self.stack.rabbitmq is None:
            raise StackError(rabbitmq.MISSING)
        spec = json.loads((self.stack.home / "programs" / f"{node}.json").read_text())
        command = [str(folder / "rabbitmqctl"), "--quiet", *arguments]

        def run() -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                command,
                env={"PATH": os.environ["PATH"], **spec["environment"]},
                cwd=spec["folder"],
                capture_output=True,
                text=True,
                timeout=RABBITMQCTL_SECONDS,
                check=False,
            )

        try:
            done = await asyncio.to_thread(run)
        except subprocess.TimeoutExpired:
            raise StackError(
                f"rabbitmqctl {' '.join(arguments)}: no answer within {RABBITMQCTL_SECONDS:g} s"
            ) from None
        if done.returncode:
            raise StackError(f"rabbitmqctl {' '.join(arguments)}: exit code {done.returncode}", done.stderr)
        return done.stdout

    async def reload_haproxy(self) -> None:
        """HAProxy takes in its file anew; its old worker serves its sockets to their end.

        Raises StackError when no new worker came.
        """
        await asyncio.to_thread(haproxy.Proxy(self.stack.home / "haproxy").reload)
