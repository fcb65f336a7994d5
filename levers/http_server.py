"""Uvicorn or Granian under the same FastAPI application?

Problem: server benchmarks compare "hello world", where the server is everything. Under an application
with token check, validation and a commit the server is a small part.

Plain way, `uvicorn`: the server that FastAPI's documentation uses, with uvloop and httptools. Costs: HTTP
protocol work in the application's process, under the interpreter lock. Fails gracefully and is known to
everybody who will be on call.

`granian`: HTTP in Rust threads outside the lock, ASGI inside. Costs: a second runtime in the process, its
own signals and worker model, other log lines. Fails differently: check drain on SIGTERM and how it
behaves when its blocking threads are all taken.

Different when: the body or the number of headers is large, or the route is nearly empty.
"""

from levers.lever import Lever

LEVER = Lever(
    name="http_server",
    question="Uvicorn or Granian under the same FastAPI application?",
    env="HTTP_SERVER",
    values=("uvicorn", "granian"),
    processes=("backend",),
    restarts=("backend",),
    design="duet",
    metric="cpu_per_1k",
    expected="down",
    because="Granian parses HTTP in Rust, outside the interpreter lock",
    sources=("L4",),
    claim="a Rust server is several times faster",
    dishonest_if="only an empty route is measured, or the two run with different loops or worker counts",
)
