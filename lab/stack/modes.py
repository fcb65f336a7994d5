"""The run modes: which programs a stack is made of. The only place that knows."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from lab.errors import UsageError
from lab.stack import citus, postgres, replicas, services
from lab.stack.description import Database, Process, StackDescription
from lab.stack.ports import free_ports
from lab.stack.program import Program
from lab.stack.replicas import Replication

Mode = Literal["single", "multi", "stack", "citus"]
MODES: tuple[str, ...] = get_args(Mode)
PROXIED_MODES = ("stack", "citus")


@dataclass(frozen=True)
class Request:
    """What somebody wants to run. `levers` are environment overrides for every service."""

    home: Path
    mode: Mode = "multi"
    api: int = 2
    websockets: int = 2
    rabbitmq_nodes: int = 1
    citus_workers: int = 2
    replicas: int = 0  # streaming ones of a plain PostgreSQL
    replication: Replication = "async"
    port: int | None = None  # of the first API process, or of HAProxy where there is one; None: any free one
    stats_port: int | None = None  # of HAProxy's page and figures
    tls: bool = False  # HAProxy speaks it too, and clients are sent there
    tls_port: int | None = None
    levers: Mapping[str, str] = field(default_factory=dict)
    # Process name -> overrides of its own, over `levers`: two sides of a comparison in one stack.
    own_levers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    postgres_settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """Programs, and the description of the stack that they make (its processes are filled in once up)."""

    programs: list[Program]
    description: StackDescription

    def described(self, pids: Mapping[str, int]) -> StackDescription:
        """The description with what is running."""
        processes = [Process(p.name, p.kind, pids.get(p.name, 0), p.health) for p in self.programs]
        return StackDescription(**{**vars(self.description), "processes": processes})


def plan(request: Request) -> Plan:
    """Choose ports and passwords, make PostgreSQL's data folder, and say what shall run."""
    if request.mode not in MODES:
        raise UsageError(f"mode '{request.mode}': expected one of {', '.join(MODES)}")
    unproxied = {"APP_TRANSPORT", "BALANCE"} & set(request.levers)
    if unproxied and request.mode not in PROXIED_MODES:
        raise UsageError(f"{unproxied.pop()}: mode {request.mode} has no proxy; expected mode stack or citus")
    if (request.tls or request.tls_port or request.stats_port) and request.mode not in PROXIED_MODES:
        raise UsageError(f"mode {request.mode} has no proxy for TLS or figures; expected mode stack or citus")
    if request.replication != "async" and not request.replicas:
        raise UsageError(f"--replication {request.replication}: needs --replicas 1 or 2")
    wishes = (request.levers, *request.own_levers.values())
    if request.replication == "async" and any(one.get("DURABILITY") == "remote_apply" for one in wishes):
        raise UsageError(
            "DURABILITY=remote_apply: no commit waits for a standby here; "
            "it needs --replicas 1 --replication first_1"
        )
    if request.mode == "single":
        return _single(request)
    return _processes(request)


def _database(request: Request, port: int) -> tuple[list[Program], StackDescription]:
    folder = request.home / "postgres"
    folder.mkdir(mode=0o711)
    copies: list[Database] = []
    if request.mode == "citus":
        if request.replicas:
            raise UsageError("replicas are for a plain PostgreSQL: --mode multi or stack")
        programs, database = citus.plan_cluster(folder, port, request.citus_workers)
    else:
        database = postgres.make_data_folder(folder, port)
        if request.replicas:
            replicas.keep_log(folder)
        told = replicas.primary_settings(request.replication, request.replicas)
        programs = [postgres.program(database, folder, {**told, **request.postgres_settings})]
        for number, replica_port in enumerate(free_ports(request.replicas), 1):
            name = f"replica-{number}"
            program, copy = replicas.plan_replica(
                folder / name, name, replica_port, database, request.postgres_settings
            )
            programs.append(program)
            copies.append(copy)
    description = StackDescription(
        mode=request.mode,
        home=request.home,
        api=[],
        websockets=[],
        postgres=database,
        secret=secrets.token_hex(24),
        replicas=copies,
        levers=dict(request.levers),
    )
    return programs, description


def _single(request: Request) -> Plan:
    database_port, api_port, websocket_port = free_ports(3)
    api_port = request.port or api_port
    servers, description = _database(request, database_port)
    asked, known, rabbitmq = _asked_for(request, "memory")
    servers += asked
    websocket_url = f"ws://127.0.0.1:{websocket_port}/ws"
    environment = services.common_environment(description.postgres, description.secret, "memory", rabbitmq)
    environment |= known
    environment["WEBSOCKET_URLS"] = websocket_url
    description.api.append(f"http://127.0.0.1:{api_port}")
    description.websockets.append(websocket_url)
    service = services.single(api_port, websocket_port, environment)
    return Plan([*servers, *_pulled(request, description, [service])], description)


def _processes(request: Request) -> Plan:
    database_port, *ports = free_ports(1 + request.api + request.websockets)
    api_ports, websocket_ports = ports[: request.api], ports[request.api :]
    if request.port and request.mode not in PROXIED_MODES:
        api_ports[0] = request.port
    servers, description = _database(request, database_port)
    programs = [*servers]
    haproxy = None
    broker = "rabbitmq" if request.mode in PROXIED_MODES else "postgres"
    asked, known, rabbitmq = _asked_for(request, broker)
    programs += asked
    description.api.extend(f"http://127.0.0.1:{port}" for port in api_ports)
    description.websockets.extend(f"ws://127.0.0.1:{port}/ws" for port in websocket_ports)
    if request.mode in PROXIED_MODES:
        from lab.stack.haproxy import Door, plan_haproxy

        door = Door(request.port, request.stats_port, request.tls, request.tls_port)
        proxies, haproxy = plan_haproxy(request.home, api_ports, websocket_ports, request.levers, door)
        programs += proxies
    environment = services.common_environment(description.postgres, description.secret, broker, rabbitmq)
    environment |= known
    page = [haproxy["websocket"]] if haproxy else description.websockets
    environment["WEBSOCKET_URLS"] = ",".join(page)
    ours = [
        services.backend(n, port, environment | services.replica_of(n, description.replicas))
        for n, port in enumerate(api_ports, 1)
    ]
    ours += [services.websocket(n, port, environment) for n, port in enumerate(websocket_ports, 1)]
    programs += _pulled(request, description, ours)
    return Plan(programs, StackDescription(**{**vars(description), "rabbitmq": rabbitmq, "haproxy": haproxy}))


def _asked_for(request: Request, broker: str) -> tuple[list[Program], dict[str, str], dict[str, Any] | None]:
    """The servers of the brokers and caches that some process uses, and no other: an idle one costs CPU too.

    Their programs, what the services must know of them, and how to reach RabbitMQ where it is one of them.
    `broker` is the mode's own.
    """
    settings = [request.levers, *({**request.levers, **own} for own in request.own_levers.values())]
    wanted = {one.get("BROKER", broker) for one in settings}
    wanted |= {"redis" for one in settings if one.get("CACHE") == "redis"}
    programs: list[Program] = []
    known: dict[str, str] = {}
    rabbitmq = None
    if "rabbitmq" in wanted:
        from lab.stack.rabbitmq import plan_rabbitmq

        programs, rabbitmq = plan_rabbitmq(request.home, request.rabbitmq_nodes)
    if "nats" in wanted:
        from lab.stack.nats import plan_nats

        made, reached = plan_nats(request.home)
        programs += made
        known["NATS_URL"] = reached["url"]
    if "redis" in wanted:
        from lab.stack.redis import plan_redis

        made, reached = plan_redis(request.home)
        programs += made
        known["REDIS_URL"] = reached["url"]
    return programs, known, rabbitmq


def _pulled(request: Request, description: StackDescription, ours: list[Program]) -> list[Program]:
    """The services with their overrides: those for all, then those of each process."""
    unknown = set(request.own_levers) - {program.name for program in ours}
    if unknown:
        names = ", ".join(program.name for program in ours)
        raise UsageError(f"no process '{unknown.pop()}' in this stack: expected one of {names}")
    return [
        services.with_levers(
            program, {**request.levers, **request.own_levers.get(program.name, {})}, description.postgres
        )
        for program in ours
    ]
