-- 1. Distribute: tables, functions, distribution. Safe to run again.
-- Run:  psql -v ON_ERROR_STOP=1 -f citus/runbook/01_distribute.sql
-- See:  "user" and database_epoch as reference tables; dialog, dialogmessage and outbox distributed
--       by dialog_id in one colocation group.
-- Took: 0.4 s where everything is there already; making and distributing empty tables is part of a service's start.
-- Undo: with the writers stopped (the reference tables stay: "user" has an identity column, and Citus refuses):
--       SELECT undistribute_table('dialogmessage'); SELECT undistribute_table('outbox');
--       SELECT undistribute_table('dialog');
\ir ../noop.sql
\ir ../schema.sql
\ir ../distribute.sql

SELECT table_name, citus_table_type, distribution_column, colocation_id, shard_count
FROM citus_tables
ORDER BY table_name::text;
