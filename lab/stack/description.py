"""stack.json: what runs in a run folder, for everybody who talks to it. Written once a stack is up."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from lab.errors import NotRunning

Kind = Literal["backend", "websocket", "single", "postgres", "rabbitmq", "epmd", "haproxy", "nats", "redis"]
FILE = "stack.json"
DEFAULT_HOME = Path(__file__).parents[2] / ".lab" / "stack"


@dataclass(frozen=True)
class Process:
    """One supervised process. `pid` is that of the start; live_pids() knows the present one."""

    name: str
    kind: Kind
    pid: int
    health: str | None  # URL, or None where the process speaks no HTTP


@dataclass(frozen=True)
class Database:
    """How to reach PostgreSQL. `socket` is the folder of its unix socket, where there is one."""

    host: str
    port: int
    user: str
    password: str
    database: str
    socket: str | None = None

    @property
    def dsn(self) -> str:
        return f"postgresql://{self.user}:{self.password}@{self.host}:{self.port}/{self.database}"


@dataclass(frozen=True)
class StackDescription:
    """A running stack. The file is readable by its owner only: it holds the secret and the passwords."""

    mode: str
    home: Path
    api: list[str]
    websockets: list[str]
    postgres: Database
    secret: str
    processes: list[Process] = field(default_factory=list)
    rabbitmq: dict[str, Any] | None = None
    haproxy: dict[str, Any] | None = None
    replicas: list[Database] = field(default_factory=list)  # streaming ones of `postgres`, replica-1 first
    levers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, home: Path | str = DEFAULT_HOME) -> "StackDescription":
        """Read the description of the stack in `home`; of containers, ask anew. Raises NotRunning."""
        path = Path(home).resolve() / FILE
        try:
            raw = json.loads(path.read_text())
        except FileNotFoundError:
            raise NotRunning(f"no stack runs in {path.parent}; start one: lab up") from None
        raw["postgres"].pop("dsn")
        found = cls(
            **{
                **raw,
                "home": Path(raw["home"]),
                "postgres": Database(**raw["postgres"]),
                "replicas": [Database(**database) for database in raw.get("replicas", [])],
                "processes": [Process(**process) for process in raw["processes"]],
            }
        )
        if found.mode == "docker":
            from lab.stack import compose

            return compose.describe(found.home, compose.file_of(found))
        return found

    def save(self) -> None:
        """Write stack.json, whole or not at all."""
        raw = asdict(self) | {"home": str(self.home)}
        raw["postgres"]["dsn"] = self.postgres.dsn
        draft = self.home / f".{FILE}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            json.dump(raw, out, indent=1)
        draft.replace(self.home / FILE)

    def live_pids(self) -> dict[str, int]:
        """Name -> pid of every program that runs now, asked of the supervisor (restarts change pids)."""
        if self.mode == "docker":
            from lab.stack import compose

            return compose.live_pids(self)
        from lab.stack.supervision import Supervision

        return Supervision(self.home).pids()
