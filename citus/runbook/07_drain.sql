-- 7. Drain a worker before it goes: its shards move away while reads and writes go on.
-- Run:  psql -v ON_ERROR_STOP=1 -v host=worker-3 -v port=5432 -f citus/runbook/07_drain.sql
-- See:  0 shards left. Only then go on: to step 8 for maintenance, to step 9 for good.
-- Took: as long as "it is drained" in docs/results/shards.md, which says shards, size and the load meanwhile.
-- Undo: SELECT citus_set_node_property('worker-3', 5432, 'shouldhaveshards', true); and step 5.
--
-- Never while a rebalance runs: citus_drain_node then fails, yet has already told the cluster that the
-- node shall have no shards, and the rebalance fails too. Hence the check.
SELECT EXISTS (
    SELECT 1 FROM citus_rebalance_status() WHERE state IN ('scheduled', 'running')
) AS rebalance_is_running \gset
\if :rebalance_is_running
DO $$ BEGIN RAISE EXCEPTION 'a rebalance is running: wait for it (06_watch.sql) or SELECT citus_rebalance_stop()'; END $$;
\endif

SELECT citus_drain_node(:'host', :port, shard_transfer_mode := 'force_logical');

SELECT count(*) AS shards_left
FROM citus_shards
WHERE citus_table_type = 'distributed' AND nodename = :'host' AND nodeport = :port;
