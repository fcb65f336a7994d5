"""The layers of a profile, of made-up stacks whose answer is known."""

import pytest

from lab.bench.layers import layer_of, shares

OUTER = "<module> (backend/__main__.py:50);run_forever (loop.c:33397);"


@pytest.mark.parametrize(
    ("stack", "layer"),
    [
        (OUTER + "uv_run (core.c:464);epoll_pwait (libc.so.6)", None),
        (OUTER + "uv_run (core.c:464)", "event loop: uvloop and asyncio"),
        (OUTER + "HotPath._create (backend/hot_path.py:84);Tokens.check (wire/tokens.py:50)", "token check"),
        (OUTER + "GroupCommit.run (backend/group_commit.py:40);fetch (asyncpg/connection.py:1)", "asyncpg"),
        (
            OUTER + "fetch (asyncpg/connection.py:1);write (loop.c:1);write (libc.so.6)",
            "socket: write, PostgreSQL",
        ),
        (
            OUTER + "_answer (backend/hot_path.py:201);send (uvicorn/x.py:1);write (libc.so.6)",
            "socket: write, clients",
        ),
        (OUTER + "uv__read (stream.c:1063);read (libc.so.6)", "socket: read"),
    ],
)
def test_the_innermost_layer_counts(stack: str, layer: str | None):
    assert layer_of(stack) == layer


def test_shares_are_of_the_time_that_was_worked():
    lines = [f"{OUTER}epoll_pwait (libc.so.6) 900", f"{OUTER}uv_run (core.c:1) 25", "a (asyncpg/x.py:1) 75"]
    assert shares(lines) == {"asyncpg": 0.75, "event loop: uvloop and asyncio": 0.25}
