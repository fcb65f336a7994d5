"""Does the HTTP parser matter when the handler talks to a database?

Problem: `pip install uvicorn` brings the pure-Python h11; `uvicorn[standard]` brings httptools and
uvloop together, so most comparisons change two things at once.

Plain way, `httptools`: a binding of a C parser. Costs: a compiled wheel; it is more lenient about odd
input. Fails silently to h11 where the wheel is missing and the setting says "auto".

`h11`: a strict parser in Python. Costs: tens of microseconds of CPU a request. Fails under load first on
the core that parses, long before PostgreSQL is busy.

Different when: a proxy in front speaks to the process over few keep-alive connections; parsing stays,
connection set-up goes.
"""

from levers.lever import Lever

LEVER = Lever(
    name="http_parser",
    question="Does the HTTP parser matter when the handler talks to a database?",
    env="HTTP_PARSER",
    values=("httptools", "h11"),
    processes=("backend",),
    restarts=("backend",),
    design="duet",
    metric="cpu_per_1k",
    expected="up",
    because="h11 parses in Python what httptools parses in C",
    sources=("L1",),
    claim="the standard extras make the server fast",
    dishonest_if="bundled with a change of the event loop",
)
