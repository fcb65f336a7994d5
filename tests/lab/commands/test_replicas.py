"""`lab replicas`: who reads where, and the figures of a promotion as a file."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec

from backend.metrics import Metrics
from lab.cli import run
from lab.commands import replicas as command
from lab.commands.replicas import write
from lab.faults.observation import silent_seconds
from lab.load.record import load
from lab.stack.description import Database, Process, StackDescription
from lab.stack.promotion import Promotion
from lab.stack.reading import by_node, readings
from lab.stack.replicas import Replica

RECORD = load(Path(__file__).parents[1] / "load" / "example_record.json")
PROMOTION = Promotion("replica-1", planned=False, down_seconds=1.5, lost_bytes=0, rejoin_seconds=2.0)


def test_the_file_has_what_the_promotion_took_and_what_became_of_the_load(tmp_path):
    write(tmp_path / "new" / "one.json", PROMOTION, RECORD)
    found = json.loads((tmp_path / "new" / "one.json").read_text())
    assert found["promotion"]["down_seconds"] == 1.5
    assert found["sends"] == RECORD.total.sent
    assert found["ledger"]["acknowledged"] == RECORD.ledger.acknowledged
    write(tmp_path / "alone.json", PROMOTION, None)
    assert set(json.loads((tmp_path / "alone.json").read_text())) == {"promotion"}


def test_a_pause_is_the_longest_row_of_seconds_without_a_good_answer():
    template = RECORD.seconds[0]
    counts = (5, 0, 5, 0, 0, 0, 5, 0)
    seconds = [msgspec.structs.replace(template, offered=5, answers=answers) for answers in counts]
    assert silent_seconds(msgspec.structs.replace(RECORD, seconds=seconds)) == 3
    idle = [msgspec.structs.replace(template, offered=0, in_flight=0, answers=0)] * 4
    assert silent_seconds(msgspec.structs.replace(RECORD, seconds=idle)) == 0


def metrics(primary: int, replica: int) -> bytes:
    """What an API process with so many reads says."""
    told = Metrics()
    told.reads_primary, told.reads_replica = primary, replica
    return told.page()


@contextmanager
def processes(*reads: tuple[int, int]) -> Iterator[list[Process]]:
    """API processes that answer /metrics with so many reads of the primary and of a replica."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            number = int(self.path.split("/")[1])
            body = metrics(*reads[number - 1])
            self.send_response(200 if self.path.endswith("/metrics") else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield [
                Process(f"backend-{n}", "backend", 1, f"{url}/{n}/health") for n in range(1, len(reads) + 1)
            ]
        finally:
            server.shutdown()


def stack_of(home: Path, found: list[Process]) -> StackDescription:
    primary = Database("127.0.0.1", 1, "u", "p", "d")
    copies = [replace(primary, port=2), replace(primary, port=3)]
    return StackDescription("multi", home, [], [], primary, "secret", found, replicas=copies)


def test_reads_are_told_by_process_and_node_each_process_by_the_replica_that_it_was_given(tmp_path):
    with processes((10, 30), (20, 40), (5, 0)) as found:
        told = readings(stack_of(tmp_path, found))
    assert [(one.process, one.replica) for one in told] == [
        ("backend-1", "replica-1"),
        ("backend-2", "replica-2"),
        ("backend-3", "replica-1"),
    ]
    assert by_node(told) == {"primary": 35, "replica-1": 30, "replica-2": 40}


def test_status_shows_who_reads_where_and_a_process_that_does_not_answer(tmp_path, monkeypatch, capsys):
    async def look(stack: StackDescription) -> list[Replica]:
        return [Replica("replica-1", 2, "streaming", "async", 512, 0.25)]

    monkeypatch.setattr(command, "look", look)
    with processes((1_000_000, 3_000_000)) as found:
        away = Process("backend-2", "backend", 1, "http://127.0.0.1:1/health")
        stack_of(tmp_path, [*found, away]).save()
        assert run(["replicas", "status", "--home", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "512 B, 0.250 s" in said
    rows = [[cell.strip() for cell in line.strip("│ ").split("│")] for line in said.splitlines()]
    assert ["backend-1", "replica-1", "3,000,000", "1,000,000"] in rows
    assert ["backend-2", "replica-2", "-", "-"] in rows
    assert "reads by node: primary 1,000,000 (25.0%), replica-1 3,000,000 (75.0%)" in said


def test_a_promotion_under_docker_compose_is_refused_in_one_line(tmp_path, monkeypatch, capsys):
    stack = replace(stack_of(tmp_path, []), mode="docker")
    stack.save()
    monkeypatch.setattr("lab.stack.compose.describe", lambda home, file: stack)  # there is no engine
    assert run(["replicas", "promote", "--home", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "under docker compose they are the engine's" in said
