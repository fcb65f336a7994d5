"""A made-up run, so that the page can be tested and looked at without a load: no figure here is real."""

import math
import random
from dataclasses import replace

from lab.report.run import Check, Latency, Story, Timeline, Used

QUANTILES = [n / 100 for n in range(1, 100)] + [0.999, 0.9999]


def _spectrum(middle: float) -> list[tuple[float, float]]:
    return [(quantile, middle * (0.7 - math.log10(1 - quantile)) ** 1.7) for quantile in QUANTILES]


def run() -> Story:
    """A valid one."""
    draw = random.Random(1)
    second = range(30)
    return Story(
        title="Load: 200/s for 30 s on mode multi",
        when="2026-01-02 03:04 UTC",
        what="Made-up figures. Open loop, Poisson arrivals, seed 1, 100 sockets.",
        valid=True,
        sentence="5,998 operations answered at 199.9/s; nothing was lost.",
        reasons=[],
        tiles=[
            ("199.9/s", "answered (200 offered)"),
            ("1.6 ms", "send, p50 from intended"),
            ("9.1 ms", "send, p99 from intended"),
            ("2.9 ms", "delivery, p50"),
            ("0", "lost of 3,600"),
        ],
        ledger=[
            Check("acknowledged = stored", True, "3,600 answered with 201, 3,600 rows found"),
            Check("delivered", True, "7,200 of 7,200 arrived on the sockets that were connected"),
            Check("lost", True, "0"),
            Check("double, after the client dropped known ids", True, "0 (2 before)"),
            Check("out of order", True, "0"),
        ],
        guards=[
            Check("offered rate was met", True, "99.9 % of the arrivals were sent; expected 99 % or more"),
            Check("the generator was in time", True, "its lag p99 was 0.3 ms; expected less than 1.6 ms"),
            Check("errors", True, "0.00 %; expected 0.1 % or less"),
        ],
        latencies=[
            Latency("send, from the intended time", 3600, 0, _spectrum(0.0013), 0.05),
            Latency("send, from the actual send", 3600, 0, _spectrum(0.001), 0.04),
            Latency("delivery, from the intended time", 7200, 0, _spectrum(0.0024), 0.08),
        ],
        parts=[
            Latency("send", 3600, 0, _spectrum(0.0013), 0.05),
            Latency("history", 2398, 0, [p for p in _spectrum(0.0009) if p[0] < 0.999], 0.02),
        ],
        hops=[
            ("intended to sent", 0.0001, 0.0004),
            ("sent to accepted", 0.0004, 0.001),
            ("accepted to committed", 0.0011, 0.004),
            ("committed to published", 0.0002, 0.0009),
            ("published to consumed", 0.0005, 0.002),
            ("consumed to pushed", 0.0002, 0.001),
            ("pushed to received", 0.0003, 0.0012),
        ],
        timeline=Timeline(
            {
                "offered": [draw.gauss(200, 14) for _ in second],
                "answered": [draw.gauss(200, 14) for _ in second],
            },
            {
                "send p50": [draw.gauss(0.0016, 0.0001) for _ in second],
                "send p99": [abs(draw.gauss(0.008, 0.002)) for _ in second],
                "delivery p99": [abs(draw.gauss(0.012, 0.002)) if n > 1 else None for n in second],
            },
            {"errors": [0] * 30, "in flight": [draw.randrange(3) for _ in second]},
            [(12, "a mark")],
        ),
        processes=[
            Used("backend-1", 0.9, 0.03, 150, 70 * 2**20),
            Used("backend-2", 0.8, 0.027, 133, 71 * 2**20),
            Used("websocket-1", 0.4, 0.013, 67, 45 * 2**20),
            Used("postgres", 1.2, 0.04, 200, 120 * 2**20),
            Used("generator", 2.2, 0.073, 367, 60 * 2**20, of_the_lab=True),
        ],
        settings={
            "backend-1": {"event_loop": "uvloop", "pool_size": "10", "group_commit": "on"},
            "backend-2": {"event_loop": "uvloop", "pool_size": "5", "group_commit": "on"},
        },
        fingerprint={"machine": "2 cores", "python": "3.x"},
        command="lab load --rate 200 --seconds 30 --seed 1",
        questions=[("Is <b>this</b> escaped?", "It & everything else is.")],
    )


def invalid_run() -> Story:
    """The same with an instrument that failed."""
    failed = Check("the generator was in time", False, "its lag p99 was 30 ms; expected less than 1.6 ms")
    return replace(
        run(),
        valid=False,
        sentence="The generator was the limit; no figure is claimed.",
        reasons=[failed.words],
        guards=[failed],
    )
