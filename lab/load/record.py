"""The record of one run: settings, machine, figures, ledger, verdict. The result file is its JSON.

Times are seconds (floats); `started_at` is unix time, every other moment counts from the start of the
measured time. A figure that has no samples is None, never 0. The JSON schema of this version lies in
record.schema.json beside this file (a test compares them). A field that is added has a default, so that
older files can be read; any other change raises VERSION.
"""

from pathlib import Path
from typing import Any, Literal

import msgspec

FORMAT = "fastapi-performance-lab/run"
VERSION = 1
OWN_KINDS = ("generator", "lab")  # of Usage.kind: what the measuring itself costs
SCHEMA_FILE = Path(__file__).with_name("record.schema.json")


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all parts: immutable, and a field that is not known refuses the file."""


class Latency(_Part, frozen=True, kw_only=True):
    """A distribution of times. `hdr` is an HdrHistogram of microseconds (base64, as `encode` writes it)."""

    samples: int
    mean: float | None = None
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    p999: float | None = None
    max: float | None = None
    hdr: str = ""


class Figures(_Part, frozen=True, kw_only=True):
    """What became of some of the arrivals: of one side, of one operation, or of all.

    offered = sent + dropped. A request that failed or was not answered stays among `sent`. `intended`
    counts from the time the arrival was due, `send` from the time the request was written, `lag` is what
    the generator itself was late. Latencies are of all answered requests; a time-out counts with its limit.
    """

    offered: int
    sent: int
    ok: int
    dropped: int
    errors: dict[str, int] = {}  # "503", "timeout", "connection": how often
    intended: Latency
    send: Latency
    lag: Latency
    delivery: Latency | None = None  # intended -> received by a device; None: no messages were sent
    deliveries: int = 0


class Second(_Part, frozen=True, kw_only=True):
    """One second of the measured time. Arrivals count in the second they were intended for.

    `answers` and `receipts` count by the second in which they came: what is tried again until it is answered
    leaves no hole in `ok`. None: the record is older than they are.
    """

    at: float
    offered: int
    sent: int
    ok: int
    errors: int
    dropped: int
    in_flight: int  # at the end of the second
    deliveries: int
    intended_p50: float | None = None
    intended_p99: float | None = None
    send_p50: float | None = None
    send_p99: float | None = None
    delivery_p50: float | None = None
    delivery_p99: float | None = None
    lag_p99: float | None = None
    sockets: int = 0  # open at the end of the second
    answers: int | None = None  # good ones
    receipts: int | None = None  # of messages, by devices


class Hop(_Part, frozen=True, kw_only=True):
    """From one point of a message's way to the next, over the messages received by a device."""

    name: str
    start: str
    end: str
    p50: float
    p99: float
    samples: int


class Usage(_Part, frozen=True, kw_only=True):
    """CPU of one process over the measured time, its children included; PSS at the end of it.

    Also listed: `postgres for <service>` (the connections of that service), `postgres, own work`, and the
    kind `generator`: what the load itself cost.
    """

    name: str
    kind: str
    cpu_seconds: float
    cpu_seconds_per_1000: float | None
    pss_bytes: int | None = None


class Ledger(_Part, frozen=True, kw_only=True):
    """What became of each message. `clean` is all that is promised; a latency without it is void.

    Deliveries are counted by device: a message to a user with two devices is two. Devices that were not
    connected for the whole run are owed what they missed as well, once they came back.
    """

    clean: bool
    compared_with_database: bool
    sends: int
    acknowledged: int
    stored: int | None
    acknowledged_not_stored: int  # lost for good
    stored_not_acknowledged: int  # the sender saw an error or a time-out, the message exists: no loss
    answered_otherwise: int  # stored under another seq, sender, recipient than answered
    devices: int
    owed: int
    delivered: int
    not_delivered: int
    misrouted: int  # received by a device of neither user
    duplicates_on_wire: int  # before the client drops known ids
    duplicates_after_client: int
    out_of_order_on_wire: int
    out_of_order_after_client: int
    gaps_on_wire: int  # a message came before its predecessor, and the client had to wait or ask
    seq_gaps_in_database: int | None
    replayed: int  # came in a replay or as the answer of a `get`
    repair_seconds_max: float | None  # the latest of those, from the intended send
    slowest_delivery_seconds: float | None
    reconnects: int
    closes: dict[str, int] = {}  # close code -> how often
    reads: int = 0  # lists of newest messages
    stale_reads: int = 0  # of them, without a message that had been acknowledged before they were asked for
    stale_own_reads: int = (
        0  # of them, without one that the reader had sent; read_routing says which are unclean
    )
    examples: list[str] = []  # up to ten lines about what is not clean


class Guard(_Part, frozen=True, kw_only=True):
    """One condition that a run must meet before its figures count."""

    name: str
    ok: bool
    seen: str
    expected: str
    advice: str = ""


class StallTest(_Part, frozen=True, kw_only=True):
    """The instrument's own test: a server that stops for `stall_seconds` must show in the samples."""

    rate: float
    stall_seconds: float
    slow: int
    needed: int
    p99: float | None
    ok: bool


class Verdict(_Part, frozen=True, kw_only=True):
    """VALID: the figures count. INVALID: they do not, for these reasons. The sentence is for people."""

    word: Literal["VALID", "INVALID"]
    reasons: list[str]
    sentence: str


class Machine(_Part, frozen=True, kw_only=True):
    """Where it ran: enough to see that two results are not of one machine."""

    cpu: str
    cores: int
    memory_bytes: int
    kernel: str
    system: str
    python: str
    container: bool
    disk_sync_seconds: float | None  # median fdatasync of 8 KiB in the run folder's file system
    packages: dict[str, str]
    commit: str | None
    changed: bool | None  # the work tree has changes that are not committed

    @property
    def code(self) -> str:
        """The commit, and whether it is all: for the pages, after the word `commit`."""
        changes = ", with changes that are not committed" if self.changed else ""
        return f"{self.commit or 'unknown'}{changes}"


class Settings(_Part, frozen=True, kw_only=True):
    """What was asked of the generator."""

    rate: float
    duration_seconds: float
    warm_up_seconds: float
    seed: int
    mix: dict[str, float]
    users: int
    dialogs: int
    sockets: int
    content_characters: int
    encoding: str
    timeout_seconds: float
    in_flight_limit: int
    retries: int
    generator_processes: int
    sides: dict[str, dict[str, list[str]]]
    tokens: Literal["minted", "login"] = "minted"


class Stack(_Part, frozen=True, kw_only=True):
    """What was under load. `effective` is what each process reports of itself at /health."""

    mode: str
    levers: dict[str, str]
    effective: dict[str, dict[str, Any]]


class Machinery(_Part, frozen=True, kw_only=True):
    """How full the machine was while it was measured; shares and cores of 0 and up."""

    waited: float | None  # share of the time in which some task waited for a core
    busy_cores: float
    cores_of_others: float


class RunRecord(_Part, frozen=True, kw_only=True):
    """One run. Read a file with `load`, write one with `save`."""

    format: str = FORMAT
    version: int = VERSION
    started_at: float
    measured_seconds: float
    interrupted: bool
    command: str
    settings: Settings
    stack: Stack
    machine: Machine
    pressure: Machinery | None
    total: Figures
    sides: dict[str, Figures]
    operations: dict[str, Figures]
    seconds: list[Second]
    hops: list[Hop]
    usage: list[Usage]
    ledger: Ledger
    stall_test: StallTest | None
    guards: list[Guard]
    verdict: Verdict
    side_seconds: dict[str, list[Second]] = {}  # the same of each side, where there are several
    events: list[tuple[float, str]] = []  # what was done to the stack during the run: (second, words)

    @property
    def valid(self) -> bool:
        return self.verdict.word == "VALID"

    @property
    def busiest(self) -> tuple[str, float] | None:
        """What of the stack is nearest to its limit: (name, share of the cores it may use).

        Those are one for each worker of a service, and all of them for a server. All of PostgreSQL is one.
        """
        shares: dict[str, float] = {}
        for use in self.usage:
            if use.kind not in OWN_KINDS and self.measured_seconds:
                name = use.kind if use.kind == "postgres" else use.name
                share = use.cpu_seconds / self.measured_seconds / self._cores_of(use)
                shares[name] = shares.get(name, 0.0) + share
        return max(shares.items(), key=lambda item: item[1]) if shares else None

    def _cores_of(self, use: Usage) -> int:
        if use.kind not in ("backend", "websocket", "single", "redis"):
            return self.machine.cores
        workers = int(self.stack.effective.get(use.name, {}).get("uvicorn_workers", 1))
        return min(workers, self.machine.cores)

    @property
    def machine_share(self) -> float:
        """Of the whole machine, what all programs together used; 0 where it is not known."""
        return self.pressure.busy_cores / self.machine.cores if self.pressure else 0.0

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.part")
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")
        draft.replace(path)


class RecordError(Exception):
    """The file is no record of this version; str(error) is one line."""


def load(path: Path) -> RunRecord:
    """Read a result file. Raises RecordError."""
    try:
        data = path.read_bytes()
        head = msgspec.json.decode(data, type=dict[str, Any])
        if head.get("format") != FORMAT:
            raise RecordError(f"{path}: no result of a load (its format is {head.get('format')!r})")
        if head.get("version") != VERSION:
            raise RecordError(f"{path}: version {head.get('version')}, this lab reads version {VERSION}")
        return msgspec.json.decode(data, type=RunRecord)
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise RecordError(f"{path}: {error}") from None


def schema() -> dict[str, Any]:
    """The JSON schema of the result file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{FORMAT} version {VERSION}",
        **msgspec.json.schema(RunRecord),
    }
