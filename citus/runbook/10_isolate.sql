-- 10. Give a hot dialog a shard of its own, in every co-located table.
-- Run:  psql -v ON_ERROR_STOP=1 -v dialog_id=00000000-0000-0001-0000-000000000002 -f citus/runbook/10_isolate.sql
-- See:  the id of the new shard. Move it with citus_move_shard_placement, or let step 5 weigh it.
-- Took: 1.4 s (323,000 messages in 64 shards).
-- Undo: none in place; step 3 with the same count lays the shards out anew.
--
-- Writers to this one shard wait while it is copied (0.3 s for a small one), readers do not. The way that
-- does not block ('force_logical') never ends here once the shard count was changed by step 3: "publisher
-- did not send replica identity column" in the worker's log, again and again.
SELECT isolate_tenant_to_new_shard(
    'dialog', :'dialog_id'::uuid, cascade_option := 'CASCADE', shard_transfer_mode := 'block_writes'
) AS shard_id;
