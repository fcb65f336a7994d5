"""`lab load` beside a test of a compose stack, and what its ledger must say."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.compose.project import Project, until

SOCKETS = 60


class Load:
    """`lab load` in the background of a `with`; `record` waits for its result."""

    def __init__(self, project: Project, home: str, file: Path, seconds: int) -> None:
        self.project, self.file = project, file
        options = {"rate": 50, "sockets": SOCKETS, "seconds": seconds, "retries": 30, "settle": 45}
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        command = [sys.executable, "-m", "lab.cli", "load", "--no-progress", "--no-report", "--no-stall-test"]
        self.process = subprocess.Popen(
            [*command, *words, "--home", home, "--output", str(file)],
            cwd=project.folder,
            env={name: value for name, value in os.environ.items() if name not in project.env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def record(self) -> dict[str, Any]:
        said, _ = self.process.communicate(timeout=300)
        assert self.file.exists(), said
        return dict(json.loads(self.file.read_text()))

    def __enter__(self) -> "Load":
        """Returns once its devices are connected."""
        until(lambda: self.project.sockets() >= SOCKETS, 180, "the devices of the load")
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


def clean(record: dict[str, Any]) -> dict[str, Any]:
    """The ledger of a run in which messages were sent and none was lost, doubled or out of order."""
    ledger = dict(record["ledger"])
    assert ledger["sends"] > 100
    missed = ledger["acknowledged_not_stored"], ledger["not_delivered"]
    confused = ledger["duplicates_after_client"], ledger["out_of_order_after_client"]
    assert (missed, confused) == ((0, 0), (0, 0)), ledger
    return ledger
