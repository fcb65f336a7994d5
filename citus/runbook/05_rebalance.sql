-- 5. Rebalance in the background; reads and writes go on.
-- Run:  psql -v ON_ERROR_STOP=1 -f citus/runbook/05_rebalance.sql
-- See:  a job id, or the notice that nothing needs to move. Watch it with 06_watch.sql; then check with 02_look.sql
--       that the distribution is even.
-- Took: as long as "rebalance onto it" in docs/results/shards.md, which says shards, size and the load meanwhile.
-- Undo: SELECT citus_rebalance_stop();  moves that are done stay done.
--
-- by_disk_size counts each group of co-located shards 100 MB larger than it is
-- (citus.rebalancer_by_disk_size_base_cost): while they are far smaller than that, it evens their number, and the
-- skew of bytes stays above 1.0.
SELECT citus_rebalance_start(rebalance_strategy := 'by_disk_size', shard_transfer_mode := 'force_logical')
    AS job_id;
