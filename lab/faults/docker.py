"""Faults of a stack under docker compose: the engine kills, pauses and restarts its containers.

There are no proxies between containers, so the rows that break a link are not for this stack.
"""

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from lab.commands.demo import people
from lab.errors import StackError
from lab.faults.links import Links
from lab.faults.row import Row
from lab.faults.run import Load, Result, run_rows
from lab.faults.scene import RABBITMQCTL_SECONDS, Scene
from lab.stack import compose
from lab.stack.program import http_ready

VERBS = {"kill", "freeze", "restart", "reload", "alarm", "stop-reading", "come-and-go"}
RESTART_SECONDS = 90.0
RELOAD = ("bash", "/usr/local/etc/haproxy/reload.sh")


def possible(row: Row) -> bool:
    """Whether the engine can do it, on the stack as it runs."""
    return row.begin.split()[0] in VERBS and not row.levers


class DockerScene(Scene):
    """A running compose stack, broken through its engine."""

    async def kill(self, *names: str) -> None:
        """SIGKILL, and a start at once: the engine itself restarts only what ended by itself."""
        await self._docker("kill", *self._ids(names))
        await self._docker("start", *self._ids(names))

    async def freeze(self, *names: str) -> None:
        await self._docker("pause", *self._ids(names))

    async def thaw(self, *names: str) -> None:
        paused = {one.id for one in self._containers() if one.state == "paused"}
        if ids := [one for one in self._ids(names) if one in paused]:
            await self._docker("unpause", *ids)

    async def restart(self, name: str) -> None:
        await self._docker("restart", *self._ids([name]), seconds=RESTART_SECONDS)

    async def rabbitmqctl(self, *arguments: str, node: str = "rabbit") -> str:
        return await self._docker(
            "exec", *self._ids([node]), "rabbitmqctl", "--quiet", *arguments, seconds=RABBITMQCTL_SECONDS
        )

    async def reload_haproxy(self) -> None:
        await self._docker("exec", *self._ids(["haproxy"]), *RELOAD)

    async def everything_runs(self, limit_seconds: float = 120) -> None:
        """Wait until the engine calls every container well and every service says so itself."""

        def missing() -> list[str]:
            found = self._containers()
            away = [one.name for one in found if not one.healthy]
            checks = [http_ready(one.health.removesuffix("/health")) for one in found if one.health]
            return away + [reason for check in checks if (reason := check()) is not None]

        try:
            async with asyncio.timeout(limit_seconds):
                while await asyncio.to_thread(missing):  # noqa: ASYNC110  # other programs tell no event
                    await asyncio.sleep(0.3)
        except TimeoutError:
            raise StackError(f"not well after {limit_seconds:g} s: {', '.join(missing())}") from None
        # A container that was started again may have another address.
        self.stack = compose.describe(self.stack.home, compose.file_of(self.stack))

    def _containers(self) -> list[compose.Container]:
        return compose.containers(compose.file_of(self.stack))

    def _ids(self, names: Sequence[str]) -> list[str]:
        known = {one.name: one.id for one in self._containers()}
        return [known[name] for name in names]

    async def _docker(self, *words: str, seconds: float = 30) -> str:
        return await asyncio.to_thread(compose.docker, *words, timeout=seconds)


def run_on_running_stack(
    rows: Sequence[Row], users: int, load: Load, console: Console, done: Callable[[Result], None]
) -> None:
    """Break the compose stack that runs, row by row; it is whole again after each. Raises NotRunning."""
    with tempfile.TemporaryDirectory(prefix="lab-faults-") as folder:
        description = compose.describe(Path(folder), compose.chosen_file())
        people(description, users, load.seed)
        links = Links()
        try:
            scene = DockerScene(description, links)
            asyncio.run(run_rows(rows, scene, load, console.print, done))
        finally:
            links.close()
