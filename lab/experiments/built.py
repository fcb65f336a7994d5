"""How a stack is put together, as its parts answer: no service knows it, and no wish is believed."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.stack.description import StackDescription
from lab.stack.haproxy import Proxy
from lab.stack.rabbitmq import running_nodes
from lab.stack.replicas import look
from lab.stack.status import Status


def built(stack: StackDescription, answers: Sequence[Status]) -> dict[str, Any]:
    """Setting -> value; `answers` are those of its processes. Blocks. Raises StackError.

    Asks RabbitMQ for its nodes, HAProxy for its balance, and the primary for its replicas.
    """
    services = [one.report.get("service") for one in answers]
    distributed = any(one.effective.get("database") == "citus" for one in answers)
    copied = any(one.lag_bytes is not None for one in asyncio.run(look(stack)))
    found = {
        "run_mode": _mode(services, distributed, stack.haproxy is not None),
        "database_mode": "citus" if distributed else "replica" if copied else "single",
        "websockets": services.count("websocket"),
        "rabbitmq_nodes": running_nodes(stack.rabbitmq) if stack.rabbitmq else 0,
    }
    if stack.haproxy:
        found["balance"] = Proxy(Path(stack.haproxy["folder"])).balance()
    return found


def _mode(services: Sequence[str | None], distributed: bool, proxied: bool) -> str:
    """The run mode that has these parts."""
    if distributed:
        return "citus"
    if proxied:
        return "stack"
    return "single" if "single" in services else "multi"
