"""`lab up`: start a stack on this machine."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from lab.errors import UsageError
from lab.stack import compose
from lab.stack.description import DEFAULT_HOME, StackDescription
from lab.stack.host import up
from lab.stack.modes import Request
from lab.stack.replicas import Replication
from lab.stack.settings_listing import parse_overrides


def command(
    *,
    mode: Annotated[
        Literal["single", "multi", "stack", "citus", "docker"],
        typer.Option(help="single, multi (several processes), stack, citus, or docker (compose)."),
    ] = "multi",
    api: Annotated[int, typer.Option(min=1, max=64, help="API processes.")] = 2,
    websocket: Annotated[int, typer.Option(min=1, max=64, help="Websocket services.")] = 2,
    rabbitmq: Annotated[int, typer.Option(min=1, max=3, help="RabbitMQ nodes (mode stack).")] = 1,
    workers: Annotated[int, typer.Option(min=1, max=16, help="Citus workers (mode citus).")] = 2,
    replicas: Annotated[
        int,
        typer.Option(min=0, max=4, help="Streaming replicas of PostgreSQL; reads: --set READ_ROUTING=..."),
    ] = 0,
    replication: Annotated[
        Replication, typer.Option(help="Whom a commit waits for: nobody, the first, or any one replica.")
    ] = "async",
    port: Annotated[
        int | None,
        typer.Option(
            help="Port to go to: HAProxy's (mode stack), else the first API process's.",
            show_default="a free one",
        ),
    ] = None,
    stats_port: Annotated[
        int | None, typer.Option(help="Port of HAProxy's page and figures.", show_default="a free one")
    ] = None,
    tls: Annotated[bool, typer.Option(help="HAProxy speaks TLS too; a certificate is made.")] = False,
    tls_port: Annotated[int | None, typer.Option(help="Port for it.", show_default="a free one")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting of every service.")
    ] = None,
    home: Annotated[Path, typer.Option(help="Run folder: database, logs, stack.json.")] = DEFAULT_HOME,
) -> None:
    """Start a stack on this machine and return when every process is well.

    Free ports and new passwords each time; the database starts empty. `lab status` shows what runs,
    `lab down` stops it. Example: lab up --api 1 --websocket 2 --set DEBOUNCE_SECONDS=0.05
    """
    if mode == "single" and (api != 2 or websocket != 2):
        raise UsageError("mode single is one process: --api and --websocket do not apply")
    if mode == "docker":
        if set_ or port or replicas or stats_port or tls or tls_port:
            raise UsageError("mode docker takes its settings and ports from .env: see docs/compose.md")
        print(summary(compose.up(home.resolve(), api, websocket)))
        return
    levers = parse_overrides(set_ or [])
    request = Request(
        home,
        mode,
        api,
        websocket,
        rabbitmq,
        workers,
        replicas,
        replication,
        port=port,
        stats_port=stats_port,
        tls=tls or tls_port is not None,
        tls_port=tls_port,
        levers=levers,
    )
    console = Console()
    with console.status("starting; what a process says: lab logs -f NAME", spinner="line"):
        description = up(request, tell=lambda line: console.print(line, highlight=False))
    print(summary(description))


def summary(description: StackDescription) -> str:
    """Where to go, in a few lines."""
    front = description.haproxy["url"] if description.haproxy else description.api[0]
    lines = [
        f"chat page  {front}/",
        f"API        {front}/docs",
        f"database   {description.postgres.dsn}",
        f"run folder {description.home}",
    ]
    if description.haproxy:
        lines.insert(2, f"proxy      {description.haproxy['stats']}")
        if "certificate" in description.haproxy:
            lines.append(f"self-signed certificate {description.haproxy['certificate']}")
    return "\n".join(lines)
