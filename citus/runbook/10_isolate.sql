-- 10. Give a hot dialog a shard of its own, in every co-located table.
-- Run:  psql -v ON_ERROR_STOP=1 -v dialog_id=00000000-0000-0001-0000-000000000002 -f citus/runbook/10_isolate.sql
-- See:  the id of the new shard. Move it with citus_move_shard_placement, or let step 5 weigh it.
-- Took: as long as "the longest dialog is isolated" in docs/results/shards.md, which says the size.
-- Undo: none in place; step 3 with the count of before lays the shards out anew. Not with the count that citus_tables
--       says now: that has the new shards in it (66 after 64), and Citus refuses it as no change.
--
-- Writers to this one shard wait while it is copied, readers do not. The way that
-- does not block ('force_logical') never ends here once the shard count was changed by step 3: "publisher
-- did not send replica identity column" in the worker's log, again and again.
--
-- With SHARD_KEY=id a dialog's messages are in all shards: refused.
SELECT count(DISTINCT colocationid) > 1 AS apart
FROM pg_dist_partition
WHERE logicalrelid IN ('dialog'::regclass, 'dialogmessage'::regclass) \gset
\if :apart
DO $$ BEGIN RAISE EXCEPTION 'the messages are distributed by id, apart from their dialogs: this step needs SHARD_KEY=dialog_id'; END $$;
\endif
SELECT isolate_tenant_to_new_shard(
    'dialog', :'dialog_id'::uuid, cascade_option := 'CASCADE', shard_transfer_mode := 'block_writes'
) AS shard_id;
