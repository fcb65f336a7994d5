"""What the figures mean: the page's prose, with the figures put in."""

WHEN_IT_PAYS = """
## When it pays

A statement costs c of CPU on plain PostgreSQL and k x c on the cluster. A machine is full at cores / c a
second, N workers at N x cores / (k x c). So a cluster wins **when N > k**, by N / k, for statements that
ask one shard. On {sharded} k is:

- **{gathered:.1f} for a send** against plain PostgreSQL as the lab runs it (GROUP_COMMIT=on: the sends of
  {connections} callers share commits; on Citus it is always off),
- **{send:.1f} for a send** against plain PostgreSQL with a statement and a commit each (GROUP_COMMIT=off),
- **{page:.1f} for a page** of a dialog.

So from {enough} workers on, each on a machine of its own, they carry more than one plain machine of that
kind with group commit, from {enough_each} on more than one without (a network between them adds its latency,
little CPU). That takes the planning to be spread as well (`CITUS_NODE=any`: the API asks every node in
turns): where all ask the coordinator, its machine plans for everybody and is full first. What asks every
shard costs the whole cluster k x c, however many machines there are: k is {dialogs:.0f} for the dialogs of
a user and {resume:.0f} for what a user missed. Only fewer shards make those cheaper. The other reason for
shards shows in no rate here: rows that no single machine holds in memory.

What others publish: Citus's own guide gives up to 50,000 single-row inserts a second through a coordinator,
50,000 to 500,000 when every node is asked (`CITUS_NODE=any`), and 100,000 to 200,000 rows a second by COPY
([Scaling out data ingestion](https://docs.citusdata.com/en/stable/performance/scaling_data_ingestion.html)).
Its authors write that scaling out a complex OLTP application often *lowers* its throughput, because the
network slows each connection and locks are held for longer
([Citus, SIGMOD 2021](https://doi.org/10.1145/3448016.3457551)). None of these was measured here.
"""

INBOX = """
## An inbox by user, judged

A row for each user and dialog, kept by user, makes the list of dialogs a question to one shard:

{prices}

**Not adopted.** Plain PostgreSQL is the default, and its index answers the list already. The note is a
second statement after the commit (in one transaction the send would no longer be one task on one node), so
that a crash between the two leaves an inbox behind its dialog, which would need a repair of its own. Who
runs many shards and lists often finds the break-even above; fewer shards come first. A resume would gain
less from it than a list: the inbox names the dialogs that moved, and each of them is then asked for its
messages, so it was not measured.
"""
