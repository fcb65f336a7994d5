-- 4. Add a worker that is up, has the extension, and runs with wal_level = logical.
-- Run:  psql -v ON_ERROR_STOP=1 -v host=worker-3 -v port=5432 -f citus/runbook/04_add_worker.sql
-- See:  the node, active, with 0 shards of distributed tables: adding moves nothing (step 5 does).
-- Took: as long as "a worker is added" in docs/results/shards.md, whatever the size: no row moves.
-- Undo: step 7 and step 9.
SELECT citus_add_node(:'host', :port) AS node_id;

SELECT node.nodename, node.nodeport, node.isactive,
       count(shard.shardid) FILTER (WHERE shard.citus_table_type = 'distributed') AS shards
FROM pg_dist_node AS node
LEFT JOIN citus_shards AS shard USING (nodename, nodeport)
GROUP BY node.nodename, node.nodeport, node.isactive
ORDER BY node.nodename, node.nodeport;
