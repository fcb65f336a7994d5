"""The services as programs: one function a kind, all they need in their environment."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lab.errors import UsageError
from lab.stack.description import Database
from lab.stack.program import Program, http_ready, module, workers_ready

SERVICES = 50  # order: after the servers they need
PROXIED = {"backend": "BACKEND_SOCKET", "websocket": "WS_SOCKET"}  # kind: its setting


def common_environment(
    database: Database, secret: str, broker: str, rabbitmq: Mapping[str, object] | None = None
) -> dict[str, str]:
    """The part that is the same in every service of a stack."""
    environment = {
        "POSTGRES_HOST": database.host,
        "POSTGRES_PORT": str(database.port),
        "POSTGRES_USER": database.user,
        "POSTGRES_PASSWORD": database.password,
        "POSTGRES_DB": database.database,
        "SECRET": secret,
        "BROKER": broker,
        "HOP_TIMES": "on",
        "ENV_FILE": "",  # none: a developer's .env must not leak into a measured stack
    }
    if rabbitmq:
        environment |= {
            "RABBITMQ_HOST": str(rabbitmq["host"]),
            "RABBITMQ_PORT": str(rabbitmq["port"]),
            "RABBITMQ_USER": str(rabbitmq["user"]),
            "RABBITMQ_PASSWORD": str(rabbitmq["password"]),
        }
    return environment


def backend(number: int, port: int, environment: Mapping[str, str]) -> Program:
    """One API service, `backend-<number>`."""
    name = f"backend-{number}"
    url = f"http://127.0.0.1:{port}"
    return Program(
        name=name,
        kind="backend",
        command=module("backend"),
        environment={
            "SERVICE_ID": name,
            "BACKEND_HOST": "127.0.0.1",
            "BACKEND_PORT": str(port),
            **environment,
        },
        order=SERVICES,
        check=http_ready(url),
        health=f"{url}/health",
    )


def replica_of(number: int, replicas: Sequence[Database]) -> dict[str, str]:
    """The replica that API process `number` reads from: in turns."""
    if not replicas:
        return {}
    replica = replicas[(number - 1) % len(replicas)]
    return {"POSTGRES_REPLICA_HOST": replica.host, "POSTGRES_REPLICA_PORT": str(replica.port)}


def websocket(number: int, port: int, environment: Mapping[str, str]) -> Program:
    """One websocket service, `websocket-<number>`."""
    name = f"websocket-{number}"
    url = f"http://127.0.0.1:{port}"
    return Program(
        name=name,
        kind="websocket",
        command=module("websocket_service"),
        environment={
            "SERVICE_ID": name,
            "WS_ID": name,
            "WS_HOST": "127.0.0.1",
            "WS_PORT": str(port),
            **environment,
        },
        order=SERVICES,
        check=http_ready(url),
        health=f"{url}/health",
    )


def single(api_port: int, websocket_port: int, environment: Mapping[str, str]) -> Program:
    """API and websockets in one process on one loop."""
    url = f"http://127.0.0.1:{api_port}"
    return Program(
        name="single-1",
        kind="single",
        command=module("single"),
        environment={
            "SERVICE_ID": "single-1",
            "WS_ID": "single-1",
            "BACKEND_HOST": "127.0.0.1",
            "BACKEND_PORT": str(api_port),
            "WS_HOST": "127.0.0.1",
            "WS_PORT": str(websocket_port),
            **environment,
        },
        order=SERVICES,
        check=http_ready(url),
        health=f"{url}/health",
    )


def with_levers(program: Program, levers: Mapping[str, str], database: Database) -> Program:
    """The program with these overrides.

    Three are the stack's own and turned into what the process knows: DATABASE_TRANSPORT says which address
    of the database it gets, APP_TRANSPORT whether it listens on a socket for the proxy beside its port, and
    BALANCE is the proxy's.
    """
    environment = {**program.environment, **levers}
    environment.pop("BALANCE", None)
    if "DATABASE_TRANSPORT" in environment:
        environment["POSTGRES_HOST"] = _database_host(environment.pop("DATABASE_TRANSPORT"), database)
    if environment.pop("APP_TRANSPORT", "tcp") == "unix" and program.kind in PROXIED:
        environment[PROXIED[program.kind]] = f"haproxy/{program.name}.sock"  # in the run folder
    workers, check = environment.get("UVICORN_WORKERS", "1"), program.check
    if program.kind == "backend" and program.health and workers.isdigit() and int(workers) > 1:
        check = workers_ready(program.health.removesuffix("/health"), int(workers))
    return replace(program, environment=environment, check=check)


def lever_environment(levers: Mapping[str, str], database: Database) -> Mapping[str, str]:
    """What these overrides are in the environment of an API or websocket process without a proxy."""
    return with_levers(Program("any", "backend", []), levers, database).environment


def _database_host(transport: str, database: Database) -> str:
    if transport == "tcp":
        return database.host
    if transport != "unix":
        raise UsageError(f"DATABASE_TRANSPORT='{transport}': expected one of tcp, unix")
    if not database.socket:
        raise UsageError(
            "DATABASE_TRANSPORT=unix: the run folder's name is too long for a socket; choose another"
        )
    return database.socket
