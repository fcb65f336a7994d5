-- 6. Watch a rebalance or drain: state, tasks, and what each running task copies. Changes nothing.
-- Run:  psql -v ON_ERROR_STOP=1 -f citus/runbook/06_watch.sql      (again and again, or with \watch)
-- See:  state running, then finished; task_state_counts moving from runnable to done.
-- Took: 0.2 s (300,000 messages (114 MiB) in 32 shards on 2 workers, 2 cores that had other work).
SELECT job_id, state, job_type, started_at, finished_at,
       details -> 'task_state_counts' AS tasks
FROM citus_rebalance_status();

SELECT table_name, shardid, sourcename, sourceport, targetname, targetport, progress,
       pg_size_pretty(source_shard_size) AS source_size,
       pg_size_pretty(target_shard_size) AS target_size
FROM get_rebalance_progress();

SELECT nodename, nodeport, count(*) AS shards, pg_size_pretty(sum(shard_size)) AS size
FROM citus_shards
WHERE citus_table_type = 'distributed'
GROUP BY nodename, nodeport
ORDER BY nodename, nodeport;
