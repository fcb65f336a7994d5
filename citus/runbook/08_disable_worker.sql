-- 8. Disable a worker for maintenance. Only a worker without shards may be disabled: drain it first
-- (step 7). With shards on it the call is refused, since each shard has one placement.
-- Run:  psql -v ON_ERROR_STOP=1 -v host=worker-3 -v port=5432 -f citus/runbook/08_disable_worker.sql
-- See:  isactive = f.
-- Took: 0.1 s (300,000 messages (114 MiB) in 32 shards on 2 workers, 2 cores that had other work);
--       no row moves.
-- Undo: SELECT citus_activate_node('worker-3', 5432);
SELECT citus_disable_node(:'host', :port, synchronous := true);

SELECT nodename, nodeport, isactive
FROM pg_dist_node
ORDER BY nodename, nodeport;
