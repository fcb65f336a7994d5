-- 2. Look: nodes, their clocks, shards by node, sizes, skew, the largest shards. Changes nothing.
-- Run:  psql -v ON_ERROR_STOP=1 -f citus/runbook/02_look.sql
-- See:  one row a node; no clock a second behind. Even is: a skew (largest node / mean of those that shall have shards)
--       near 1.0, or as many shards on each where they are small (step 5 says why); no shard far above the others.
-- Took: 0.3 s (300,000 messages (114 MiB) in 32 shards on 2 workers, 2 cores that had other work).

SELECT nodeid, nodename, nodeport, noderole, isactive, shouldhaveshards
FROM pg_dist_node
ORDER BY nodeid;

-- created_at is the clock of the node that holds the dialog; what looks for missed messages begins 10 s back by this
-- one's, of which 5 are for statements under way (docs/delivery.md). What asking takes is in the difference.
SELECT nodename, nodeport,
       CASE WHEN success THEN round(extract(epoch FROM clock_timestamp()) - result::numeric, 3) END AS seconds_behind
FROM run_command_on_workers('SELECT extract(epoch FROM clock_timestamp())')
ORDER BY nodename, nodeport;

-- Nodes without shards are here too: a worker that was just added is what makes a cluster uneven.
WITH node_sizes AS (
    SELECT node.nodename, node.nodeport, node.shouldhaveshards,
           count(shard.shardid) AS shards, coalesce(sum(shard.shard_size), 0) AS bytes
    FROM pg_dist_node AS node
    LEFT JOIN citus_shards AS shard
           ON shard.nodename = node.nodename AND shard.nodeport = node.nodeport
          AND shard.citus_table_type = 'distributed'
    WHERE node.noderole = 'primary'
    GROUP BY node.nodename, node.nodeport, node.shouldhaveshards
)
SELECT nodename, nodeport, shards, pg_size_pretty(bytes) AS size,
       round((max(bytes) FILTER (WHERE shouldhaveshards) OVER ()
              / nullif(avg(bytes) FILTER (WHERE shouldhaveshards) OVER (), 0))::numeric, 2) AS size_skew
FROM node_sizes
ORDER BY nodename, nodeport;

SELECT table_name, shardid, nodename, nodeport, pg_size_pretty(shard_size) AS size
FROM citus_shards
WHERE citus_table_type = 'distributed'
ORDER BY shard_size DESC
LIMIT 5;

-- Hot shards: rows written since the workers' statistics were reset.
SELECT nodename, nodeport, result AS writes_by_shard
FROM run_command_on_workers($$
    SELECT json_object_agg(relname, n_tup_ins + n_tup_upd)::text
    FROM (
        SELECT relname, n_tup_ins, n_tup_upd
        FROM pg_stat_user_tables
        WHERE relname ~ '^dialogmessage_[0-9]+$'
        ORDER BY n_tup_ins + n_tup_upd DESC
        LIMIT 3
    ) AS busiest
$$) AS answer
JOIN pg_dist_node USING (nodename, nodeport)
ORDER BY nodename, nodeport;
