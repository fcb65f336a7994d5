"""Run tests/load/locustfile.py as a program and read its figures back.

A program of its own because Locust's gevent patches the interpreter it runs in.
"""

import asyncio
import json
import math
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError

LOCUSTFILE = Path(__file__).parents[2] / "tests" / "load" / "locustfile.py"
SPAWNS_PER_SECOND = 20  # a login hashes a password: about 20 ms of the backend's CPU each
LATE_SECONDS = 120  # how long past its time Locust may take to end


@dataclass(frozen=True)
class LocustPlan:
    """What to run. The offered rate is people x actions_per_second."""

    host: str  # http://127.0.0.1:8000
    people: int
    actions_per_second: float
    duration_seconds: float
    mix: str = "send=50,history=30,dialogs=10,search=9,login=1"
    seed: int = 1
    first_user: int = 1
    password: str = "password"
    sockets: bool = True
    processes: int = 1


@dataclass(frozen=True)
class Entry:
    """One line of Locust's statistics; times in seconds, counted from the intended start."""

    kind: str  # GET, POST, WS, LAG
    name: str
    requests: int
    failures: int
    seconds: float  # from the start to the last of them
    histogram: dict[float, int]

    def quantile(self, share: float) -> float:
        """The smallest time that `share` of the requests did not exceed; nan when there were none."""
        total = sum(self.histogram.values())
        wanted, reached = math.ceil(share * total), 0
        for seconds in sorted(self.histogram):
            reached += self.histogram[seconds]
            if reached >= wanted:
                return seconds
        return math.nan


@dataclass(frozen=True)
class LocustResult:
    """All lines by name. `exit_code` is Locust's: 1 when anything failed."""

    entries: dict[str, Entry]
    exit_code: int
    output: str


def arguments(plan: LocustPlan, folder: Path) -> list[str]:
    """The command line, as a person would type it."""
    spawning = plan.people / SPAWNS_PER_SECOND
    options = {
        "-f": LOCUSTFILE,
        "--host": plan.host,
        "-u": plan.people,
        "-r": SPAWNS_PER_SECOND,
        "-t": f"{math.ceil(spawning + plan.duration_seconds)}s",
        "--actions-per-second": plan.actions_per_second,
        "--mix": plan.mix,
        "--first-user": plan.first_user,
        "--login-password": plan.password,
        "--load-seed": plan.seed,
        "--sockets": "on" if plan.sockets else "off",
        "--json-file": folder / "figures",
    }
    words = [str(word) for pair in options.items() for word in pair]
    several = ["--processes", str(plan.processes)] if plan.processes > 1 else []
    return [*words, "--headless", "--only-summary", "--reset-stats", *several]


async def run_locust(plan: LocustPlan, tell: Callable[[str], None] | None = None) -> LocustResult:
    """Run Locust to its end; `tell` is given its lines as they come. Raises LabError."""
    with tempfile.TemporaryDirectory(prefix="lab-locust-") as name:
        folder = Path(name)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "locust",
            *arguments(plan, folder),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            stdin=asyncio.subprocess.DEVNULL,
        )
        lines: list[str] = []
        try:
            spawning = plan.people / SPAWNS_PER_SECOND
            async with asyncio.timeout(spawning + plan.duration_seconds + LATE_SECONDS):
                assert process.stdout is not None
                async for line in process.stdout:
                    lines.append(line.decode(errors="replace").rstrip())
                    if tell:
                        tell(lines[-1])
                code = await process.wait()
        except TimeoutError:
            raise LabError(f"locust did not end {LATE_SECONDS} s after its time") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        figures = folder / "figures.json"
        if not figures.exists():
            raise LabError(f"locust gave no figures: {lines[-1] if lines else f'exit code {code}'}")
        return LocustResult(read_figures(figures.read_text()), code, "\n".join(lines))


def read_figures(text: str) -> dict[str, Entry]:
    """The lines of Locust's JSON file by name; its times are milliseconds as text."""
    return {
        line["name"]: Entry(
            line["method"],
            line["name"],
            line["num_requests"],
            line["num_failures"],
            (line["last_request_timestamp"] or line["start_time"]) - line["start_time"],
            {float(key) / 1000: count for key, count in line["response_times"].items()},
        )
        for line in json.loads(text)
    }
