"""How long should a commit wait?

Problem: the answer to "sent" is a promise. `synchronous_commit` says how much of it is kept if the
machine dies now. On a disk whose fsync takes 30 us the promise seems free; on one that takes 2 ms it
decides the rate.

Plain way, `on`: the WAL is on disk (and on the synchronous standby, where there is one). Costs: one flush
a commit, shared by those that wait together. Fails never silently.

`local`: on this disk, not waiting for a standby. Costs: as `on` where no standby is, so it is pulled beside
one. Fails at a promotion.

`off`: the answer comes before the flush. Costs: up to three times wal_writer_delay of acknowledged messages
when the machine dies, or PostgreSQL does: what was not flushed may still be in wal_buffers, shared memory
that kill -9 of any of its processes and an immediate shutdown throw away. Fails exactly then.

`remote_apply`: applied on the standby, so that a read there sees it. Costs: a round trip and the replay.
Fails when the standby is away: every commit waits. Without a synchronous standby it is `on`, so a stack
without one refuses it, and a pull of it starts one for both sides.

Different when: the disk is slower. State its fsync time; a result without it is void. That of an idle disk is
too short: a pull by ABAB counts how long commits waited under its load.
"""

from levers.lever import Lever

LEVER = Lever(
    name="durability",
    question="How long should a commit wait?",
    env="DURABILITY",
    values=("on", "off", "local", "remote_apply"),
    processes=("backend",),
    restarts=("backend",),
    design="abab",
    metric="p50",
    expected="down",
    because="without the wait for the disk a commit is as fast as memory",
    sources=("E3", "C23"),
    claim="turn it off and it flies",
    dishonest_if="no kill test shows what is lost, or the disk's fsync time is not stated",
    also=("p99", "cpu_per_1k", "lost"),
    leaves_open="what is lost: a pull kills nothing (docs/results/faults.md does)",
)
