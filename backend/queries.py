"""The statements of queries.sql by name."""

import re
from pathlib import Path

FILE = Path(__file__).with_name("queries.sql")
_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load(path: Path = FILE) -> dict[str, str]:
    """Name -> statement, without its comment lines. Raises ValueError on a name that is there twice."""
    _, *parts = _NAME.split(path.read_text())
    names, bodies = parts[::2], parts[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{path}: a name is there twice: {sorted(names)}")
    return {name: _statement(body) for name, body in zip(names, bodies, strict=True)}


def _statement(body: str) -> str:
    lines = [line for line in body.splitlines() if not line.lstrip().startswith("--")]
    return "\n".join(lines).strip().removesuffix(";")
