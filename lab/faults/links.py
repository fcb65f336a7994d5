"""A stack whose parts reach each other through proxies that can misbehave."""

import asyncio
import re
import threading
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from lab.faults.proxy import Proxy
from lab.stack.description import StackDescription
from lab.stack.modes import Plan, Request, plan

SERVICES = ("backend", "websocket")
SERVER = re.compile(r"(?m)^    server (backend|websocket)-(\d+) 127\.0\.0\.1:(\d+)")  # in haproxy.cfg
T = TypeVar("T")


class Links:
    """Named groups of proxies, `backend-postgres`, `websocket-broker` and so on, in a thread of their own.

    A thread, because they must pass bytes already while the stack is being started. `front`: also before and
    behind HAProxy.
    """

    def __init__(self, front: bool = False) -> None:
        self._front = front
        self.groups: dict[str, list[Proxy]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="links", daemon=True)
        self._thread.start()

    def port(self, name: str, host: str, port: int) -> int:
        """The port of a new proxy to this address, which belongs to the group `name`."""
        proxy = Proxy((host, port))
        self._wait(proxy.start())
        self.groups.setdefault(name, []).append(proxy)
        return proxy.port

    def tell(self, name: str, action: Callable[[Proxy], object]) -> None:
        """Do something to every proxy of a group, in its thread; returns when it is done."""

        async def act() -> None:
            for proxy in self.groups[name]:
                action(proxy)

        self._wait(act())

    def heal(self) -> None:
        """Everything passes again."""
        for name in self.groups:
            self.tell(name, Proxy.heal)

    def close(self) -> None:
        """End every connection and the thread."""

        async def end() -> None:
            for proxies in self.groups.values():
                for proxy in proxies:
                    await proxy.close()

        self._wait(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    # --- between the parts of a stack

    def planner(self, request: Request) -> Plan:
        """lab.stack.modes.plan, with proxies between the parts."""
        planned = plan(request)
        environments = {kind: self._environment(kind, planned) for kind in SERVICES}
        programs = [
            replace(one, environment={**one.environment, **environments[one.kind]})
            if one.kind in environments
            else one
            for one in planned.programs
        ]
        description = planned.description
        if self._front and description.haproxy:
            description = self._fronted(description, description.haproxy)
        return Plan(programs, description)

    def _fronted(self, description: StackDescription, haproxy: dict[str, Any]) -> StackDescription:
        file = Path(haproxy["folder"]) / "haproxy.cfg"

        def behind(server: re.Match[str]) -> str:
            kind, number, port = server.groups()
            between = self.port(f"haproxy-{kind}", "127.0.0.1", int(port))
            return f"    server {kind}-{number} 127.0.0.1:{between}"

        file.write_text(SERVER.sub(behind, file.read_text()))
        port = self.port("client-haproxy", "127.0.0.1", int(haproxy["url"].rpartition(":")[2]))
        before = {"url": f"http://127.0.0.1:{port}", "websocket": f"ws://127.0.0.1:{port}/ws"}
        return replace(description, haproxy={**haproxy, **before})

    def _environment(self, kind: str, planned: Plan) -> Mapping[str, str]:
        database = planned.description.postgres
        port = self.port(f"{kind}-postgres", database.host, database.port)
        environment = {"POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": str(port)}
        if planned.description.rabbitmq:
            hosts = str(planned.description.rabbitmq["host"]).split(",")
            ports = [self.port(f"{kind}-broker", "127.0.0.1", int(host.split(":")[1])) for host in hosts]
            environment["RABBITMQ_HOST"] = ",".join(f"127.0.0.1:{port}" for port in ports)
        return environment
