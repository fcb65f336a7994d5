-- 5. Rebalance in the background; reads and writes go on.
-- Run:  psql -v ON_ERROR_STOP=1 -f citus/runbook/05_rebalance.sql
-- See:  a job id, or the notice that nothing needs to move. Watch it with 06_watch.sql.
-- Took: 37.7 s for 30 shards, a third of 300,000 messages (124 MiB), 2 cores, 100 sends a second meanwhile.
-- Undo: SELECT citus_rebalance_stop();  moves that are done stay done.
SELECT citus_rebalance_start(rebalance_strategy := 'by_disk_size', shard_transfer_mode := 'force_logical')
    AS job_id;
