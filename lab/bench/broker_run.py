"""`lab bench broker`: the brokers that are installed, by turns, round after round."""

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import msgspec

from lab import pressure
from lab.bench import broker_page
from lab.bench.broker import BATCHES, BROKERS, Cell, measure, start
from lab.bench.broker_rate import WAYS, RateCell, measure_at
from lab.errors import UsageError
from lab.load import fingerprint
from lab.stack import nats, rabbitmq, redis


@dataclass(frozen=True)
class BrokerPlan:
    """What is measured; `command` is how to run it again."""

    brokers: tuple[str, ...]
    rounds: int
    hints: int
    rates: tuple[float, ...]  # hints a second, on RabbitMQ where it is among the brokers
    command: str


Measured = tuple[list[Cell], list[RateCell]]


def installed() -> list[str]:
    """The brokers whose servers this machine has."""
    there = {
        "postgres": True,
        "rabbitmq": rabbitmq.scripts() is not None,
        "nats": nats.program() is not None,
        "redis": redis.program() is not None,
    }
    return [name for name in BROKERS if there[name]]


def bench(plan: BrokerPlan, output: Path | None, tell: Callable[[str], None]) -> Measured:
    """Measure, and write the pages when a folder is given. Raises LabError."""
    for name in plan.brokers:
        if name not in BROKERS:
            raise UsageError(f"broker '{name}': expected one of {', '.join(BROKERS)}")
    cells: list[Cell] = []
    at_rates: list[RateCell] = []
    began = pressure.moment()
    with tempfile.TemporaryDirectory(prefix="lab-broker-") as folder, ExitStack() as stack:
        Path(folder).chmod(0o711)
        servers = [start(name, Path(folder) / name, stack) for name in plan.brokers]
        machine = fingerprint.machine(Path(folder))
        for number in range(1, plan.rounds + 1):
            for batch in BATCHES:
                for server in servers:
                    cell = measure(server, batch, True, number, plan.hints)
                    cells.append(cell)
                    tell(line(cell))
            for rate, way in product(plan.rates, WAYS):
                for server in servers:
                    if server.name == "rabbitmq":
                        at_rates.append(measure_at(server, way, rate, number))
                        tell(rate_line(at_rates[-1]))
    waited = pressure.between(began, pressure.moment()).waited
    if output is not None:
        about = {
            "command": plan.command,
            "rounds": plan.rounds,
            "hints": plan.hints,
            "when": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
            "machine": msgspec.to_builtins(machine),
            "waited": waited or 0.0,
        }
        for path in broker_page.write(cells, at_rates, about, output):
            tell(str(path))
    return cells, at_rates


def line(cell: Cell) -> str:
    """One cell for the terminal."""
    return f"round {cell.round}  {cell.broker:9} {cell.batch:3} a publish: {_costs(cell)}"


def rate_line(cell: RateCell) -> str:
    """One cell at a rate, for the terminal."""
    together = f"{cell.hints / cell.publishes:.1f} a publish"
    delay = f"delay p50 {cell.delay_p50 * 1000:.1f} ms, p99 {cell.delay_p99 * 1000:.1f} ms"
    return f"round {cell.round}  {cell.rate:g}/s, {cell.way}: {together}: {_costs(cell)}; {delay}"


def _costs(cell: Cell | RateCell) -> str:
    sides = ", ".join(
        f"{side} {cell.per_hint(side) * 1000:.4f}" for side in ("publisher", "consumer", "broker")
    )
    lost = "" if cell.received == cell.hints else f"; {cell.hints - cell.received} LOST"
    return f"ms CPU a hint: {sides}{lost}"
