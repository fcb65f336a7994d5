"""How many worker processes should the API have on this machine?

Problem: the rule "2 x cores + 1" was made for synchronous workers that sleep in blocking calls. An
asynchronous worker does not sleep: it fills a core. More of them than cores adds memory, connections and
context switches, and takes the cores from PostgreSQL on the same machine.

Plain way, `1`: one process an instance, more instances behind a proxy. Costs: nothing. Fails to use a
second core.

`2`: as many as this class of machine has cores. Costs: memory twice, pools twice, caches apart (a
token is verified once a process). Fails to help where PostgreSQL or the generator already uses the core.

`3`, `4`, `5`: the rule (2n+1 = 5 on two cores). Costs: memory and connections times the count; each
group commit is smaller because the arrivals are divided. Fails as a gain: above the cores the knee stays
and the tail grows.

Different when: the handlers block (sync ORM), or the machine has many cores and a database elsewhere.
"""

from levers.lever import Lever

LEVER = Lever(
    name="uvicorn_workers",
    question="How many worker processes should the API have on this machine?",
    env="UVICORN_WORKERS",
    values=("1", "2", "3", "4", "5"),
    processes=("backend",),
    restarts=("backend",),
    design="abab",
    metric="capacity",
    expected="up",
    because="a process can use one core; two processes two, as far as the database leaves them",
    sources=("L4", "E7", "P1"),
    claim="workers = 2 x cores + 1; double the processes with hyper-threading",
    dishonest_if="worker counts above the cores are shown without saying so, or memory is left out",
    also=("p99", "cpu_per_1k", "memory"),
    sweep=("1", "2", "3", "4", "5", "6", "7", "8", "9"),
)
