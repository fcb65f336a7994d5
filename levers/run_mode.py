"""What does it cost to split one process into several?

Problem: splitting is the first thing that growing systems do. It buys independent scaling and restarts,
and pays with serialising, a hop through a broker and a second copy of everything.

Plain way, `single`: API and websockets in one process on one loop; the hint from commit to socket is a
function call. Costs: nothing more. Fails at the first full core, and each deploy drops every socket.

`multi`: API processes and websocket services apart, hints through PostgreSQL's LISTEN/NOTIFY. Costs: the
hint is encoded, notified, decoded; more processes in memory. Fails when NOTIFY's queue is held up by a
listener that does not read.

`stack`: the same with RabbitMQ and HAProxy. Costs: a broker's CPU for each hint and a proxy's for each
request. Fails as any part fails; in exchange each part can be restarted while the others run.

Different when: there are cores to spread over. On two cores a split pays and gains little.
"""

from levers.lever import Lever

LEVER = Lever(
    name="run_mode",
    question="What does it cost to split one process into several?",
    env="RUN_MODE",
    values=("single", "multi", "stack"),
    processes=("stack",),
    restarts=("stack",),
    design="abab",
    metric="cpu_per_1k_total",
    expected="up",
    because="each hop between processes encodes, copies, wakes and decodes",
    sources=("M2", "M3", "M4", "C28"),
    claim="split everything; each part then scales on its own",
    dishonest_if="the split side is given more cores",
    also=("p50", "p99", "delivery_p50", "delivery_p99", "memory"),
)
