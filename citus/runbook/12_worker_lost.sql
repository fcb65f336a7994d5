-- 12. A worker is lost: who does not answer, and which shards are out of reach. Changes nothing.
-- Run:  psql -v ON_ERROR_STOP=1 -f citus/runbook/12_worker_lost.sql
--       psql -v ON_ERROR_STOP=1 -v dialog_id=00000000-0000-0001-0000-000000000002 -f citus/runbook/12_worker_lost.sql
-- See:  reached_by 0 where a server is gone, less than asked where the network between two nodes is; the shards of
--       those nodes, and whether the dialog is in one. With every node back: no shards.
-- Took: 0.5 s (300,000 messages (114 MiB) in 32 shards on 2 workers, 2 cores that had other work);
--       longer by citus.node_connection_timeout for each node whose machine does not even refuse.
-- Undo: nothing to undo. The way back is the server: see below.
--
-- What works meanwhile: sends and reads of dialogs in the other shards; logging in. What answers 503: dialogs in the
-- lost shards; what asks every shard ("my dialogs", the resume of a websocket); registering, since "user" is a
-- reference table, which is written on all nodes or none. With DELIVERY=outbox the relay asks every shard too: a hint
-- that was not published at once waits until the worker is back. Nothing that was acknowledged is lost: it is on the
-- worker's disk.
--
-- The way back: start the server again; the coordinator reconnects by itself, and there is nothing to repair. On a
-- host the supervisor does that by itself (`lab status`; `lab logs worker-1` says why it cannot); under compose the
-- engine does, and after a `stop` or `kill`: docker compose -f docker-compose-citus.yml up --detach
-- When its disk is gone its rows are nowhere else: a new cluster, step 1, and the last backup into it (step 11). A
-- worker that must survive its disk needs a streaming replica of its own.
SELECT to_nodename AS nodename, to_nodeport AS nodeport,
       count(*) FILTER (WHERE result) AS reached_by, count(result) AS asked
FROM citus_check_cluster_node_health()
GROUP BY to_nodename, to_nodeport
ORDER BY to_nodename, to_nodeport;

-- From the coordinator's own map: no lost node is asked.
WITH away AS MATERIALIZED (
    SELECT groupid, nodename, nodeport
    FROM pg_dist_node
    WHERE NOT citus_check_connection_to_node(nodename, nodeport)
)
SELECT nodename, nodeport, shard.logicalrelid AS table_name, count(*) AS shards_out_of_reach,
       array_agg(shardid ORDER BY shardid) AS shards
FROM away
JOIN pg_dist_placement USING (groupid)
JOIN pg_dist_shard AS shard USING (shardid)
JOIN pg_dist_partition AS part ON part.logicalrelid = shard.logicalrelid AND part.partmethod = 'h'
GROUP BY nodename, nodeport, shard.logicalrelid
ORDER BY nodename, nodeport, shard.logicalrelid::text;

\if :{?dialog_id}
SELECT shardid, nodename, nodeport, citus_check_connection_to_node(nodename, nodeport) AS in_reach
FROM pg_dist_placement
JOIN pg_dist_node USING (groupid)
WHERE shardid = get_shard_id_for_distribution_column('dialog', :'dialog_id'::uuid);
\endif
