-- 9. Remove a drained worker, then stop its server (never the other way round). Under compose
--    `bash citus/compose/shrink.sh N` does steps 7 and 9 for the workers above N and stops their containers.
-- Run:  psql -v ON_ERROR_STOP=1 -v host=worker-3 -v port=5432 -f citus/runbook/09_remove_worker.sql
-- See:  the node gone. Refused with "contains the only shard placement" when step 7 was left out;
--       nothing is lost by the refusal.
-- Took: as long as "it is removed" in docs/results/shards.md, whatever the size: no row moves.
-- Undo: step 4.
--
-- First what the moves left behind on it is dropped. A leftover of a server that is gone can never be, and
-- every later move of that shard fails ("orphaned shard ... could not be cleaned up"). Of a drained worker whose
-- server is gone already nothing is asked: it may go, and its leftovers are forgotten with it.
CALL citus_cleanup_orphaned_resources();
SELECT count(*) AS leftovers, count(*) > 0 AS leftovers_left
FROM pg_dist_cleanup JOIN pg_dist_node ON groupid = node_group_id
WHERE nodename = :'host' AND nodeport = :port AND citus_check_connection_to_node(nodename, nodeport) \gset
\if :leftovers_left
DO $$ BEGIN RAISE EXCEPTION 'leftovers of moves are still in use on this worker: run this step again'; END $$;
\endif
-- And no client may still speak to it (CITUS_NODE=any): a removed node goes on answering, by a map of the
-- cluster that nobody keeps up to date any more. The application leaves a drained node by itself in seconds.
SELECT coalesce(sum(CASE WHEN success THEN result::integer END), 0) > 0 AS clients_left
FROM run_command_on_workers($$
    SELECT count(*)
    FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend'
      AND application_name NOT LIKE 'citus%'
$$)
WHERE nodename = :'host' AND nodeport = :port \gset
\if :clients_left
DO $$ BEGIN RAISE EXCEPTION 'clients are still connected to this worker: run this step again'; END $$;
\endif
SELECT citus_remove_node(:'host', :port);
DELETE FROM pg_dist_cleanup WHERE node_group_id NOT IN (SELECT groupid FROM pg_dist_node);

SELECT nodename, nodeport
FROM pg_dist_node
ORDER BY nodename, nodeport;
