-- 3. Change the shard count of the whole colocation group.
-- Run:  psql -v ON_ERROR_STOP=1 -v shard_count=6 -f citus/runbook/03_shard_count.sql
-- See:  the new count for dialog, dialogmessage and outbox.
-- Took: as long as "shard count" in docs/results/shards.md, which also says for how long sends were refused.
-- Undo: the same with the old count.
--
-- UNSAFE without the locks below: with writers running, alter_distributed_table loses writes that
-- were acknowledged, and no error tells. The locks make every writer wait (its statement_timeout
-- answers it with an error to be retried), and lock_timeout gives up before the queue grows long:
-- nothing has changed then, run it again.
--
-- Two locks, because the plain LOCK takes the workers before the coordinator, while a send takes the
-- coordinator before its worker: a deadlock over two nodes that nobody detects.
--
-- With SHARD_KEY=id the messages are in a group of their own and would keep the old count: refused.
SELECT count(DISTINCT colocationid) > 1 AS apart
FROM pg_dist_partition
WHERE logicalrelid IN ('dialog'::regclass, 'dialogmessage'::regclass) \gset
\if :apart
DO $$ BEGIN RAISE EXCEPTION 'the messages are distributed by id, apart from their dialogs: this step needs SHARD_KEY=dialog_id'; END $$;
\endif

BEGIN;
SET LOCAL lock_timeout = '10s';
SET LOCAL citus.enable_ddl_propagation = off;  -- here only: lets running sends end, holds new ones back
LOCK TABLE dialog, dialogmessage, outbox IN ACCESS EXCLUSIVE MODE;
SET LOCAL citus.enable_ddl_propagation = on;  -- on every node
LOCK TABLE dialog, dialogmessage, outbox IN ACCESS EXCLUSIVE MODE;
SELECT alter_distributed_table('dialog', shard_count := :shard_count, cascade_to_colocated := true);
COMMIT;

SELECT table_name, shard_count
FROM citus_tables
WHERE citus_table_type = 'distributed'
ORDER BY table_name::text;
