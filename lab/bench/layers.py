"""Where the time of a process goes, by layer, from stacks that py-spy sampled.

    py-spy record --native --format raw --rate 250 --duration 10 --output stacks.txt --pid PID
    python -m lab.bench.layers stacks.txt [CPU_MS_EACH]

A sample counts for the innermost layer that its stack names; waiting for events does not count. With the
CPU time of one request (lab bench) as second argument the shares become microseconds.
"""

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

IDLE = "epoll_pwait"
SYSTEM_CALLS = {"read (libc": "socket: read", "write (libc": "socket: write", "writev (libc": "socket: write"}
# Word in a frame: layer. The innermost frame with one of them decides.
LAYERS = {
    "uvicorn/": "HTTP: uvicorn and httptools",
    "httptools": "HTTP: uvicorn and httptools",
    "parser.c": "HTTP: uvicorn and httptools",
    "llhttp": "HTTP: uvicorn and httptools",
    "wire/tokens.py": "token check",
    "backend/access.py": "token check",
    "msgspec": "body: decode, validate, encode",
    "backend/hot_path.py": "our route",
    "backend/app.py": "our route",
    "backend/sending.py": "our route",
    "wire/message.py": "our route",
    "uuid": "ids",
    "backend/group_commit.py": "group commit",
    "backend/store.py": "store: arguments and rows of a batch",
    "backend/pools.py": "store: arguments and rows of a batch",
    "backend/publishing.py": "publish: queue",
    "wire/": "publish: encode and hand over",
    "asyncpg/": "asyncpg",
    "asyncpg": "asyncpg",
    "protocol.c": "asyncpg",
    "pgproto.c": "asyncpg",
    "record_": "asyncpg",
    "recordobj.c": "asyncpg",
    "fastapi/": "FastAPI and Starlette",
    "starlette/": "FastAPI and Starlette",
    "pydantic": "FastAPI and Starlette",
    "jwt/": "token check",
    "sqlalchemy/": "SQLAlchemy",
}
LOOP = "event loop: uvloop and asyncio"


def layer_of(stack: str) -> str | None:
    """The layer of one stack (outermost frame first, by semicolons); None while waiting."""
    frames = stack.split(";")
    if IDLE in frames[-1]:
        return None
    for word, layer in SYSTEM_CALLS.items():
        if frames[-1].startswith(word):
            if layer == "socket: read":
                return layer  # the loop reads before it knows for whom
            return f"{layer}, {'PostgreSQL' if _named(frames) == 'asyncpg' else 'clients'}"
    return _named(frames) or LOOP


def _named(frames: list[str]) -> str | None:
    for frame in reversed(frames):
        for word, layer in LAYERS.items():
            if word in frame:
                return layer
    return None


def shares(lines: Iterable[str]) -> dict[str, float]:
    """Layer -> share of the time that was worked, largest first."""
    counts: Counter[str] = Counter()
    for line in lines:
        stack, _, count = line.rstrip().rpartition(" ")
        layer = layer_of(stack)
        if layer is not None:
            counts[layer] += int(count)
    total = counts.total()
    return {layer: count / total for layer, count in counts.most_common()}


def main(words: list[str]) -> None:
    """Print a Markdown table."""
    found = shares(Path(words[0]).read_text().splitlines())
    each_ms = float(words[1]) if len(words) > 1 else None
    print("| layer | share |" + (" us |" if each_ms else ""))
    print("|---|---|" + ("---|" if each_ms else ""))
    for layer, share in found.items():
        print(f"| {layer} | {share:.1%} |" + (f" {share * each_ms * 1000:.1f} |" if each_ms else ""))


if __name__ == "__main__":
    main(sys.argv[1:])
