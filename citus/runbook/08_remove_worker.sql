-- 8. Remove a drained worker, then stop its server (never the other way round).
-- Run:  psql -v ON_ERROR_STOP=1 -v host=worker-3 -v port=5432 -f citus/runbook/08_remove_worker.sql
-- See:  the node gone. Refused with "contains the only shard placement" when step 7 was left out;
--       nothing is lost by the refusal.
-- Undo: step 4.
SELECT citus_remove_node(:'host', :port);

SELECT nodename, nodeport
FROM pg_dist_node
ORDER BY nodename, nodeport;
