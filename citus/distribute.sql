-- Distributes the tables of schema.sql. Run after it, on the coordinator; idempotent.
--
-- Two settings of the session choose the variant, both with a default:
--   SET lab.shard_key = 'dialog_id';   -- or 'id': the ancestor's choice, every dialog on all shards
--   SET lab.shard_count = '32';
-- A key other than dialog_id needs empty tables and changes the primary key of dialogmessage,
-- because Citus demands the distribution column in every unique index.

DO $distribute$
DECLARE
    shard_key   text    := coalesce(nullif(current_setting('lab.shard_key', true), ''), 'dialog_id');
    shards      integer := coalesce(nullif(current_setting('lab.shard_count', true), ''), '32')::integer;
    distributed regclass[] := ARRAY(SELECT table_name::regclass FROM citus_tables);
BEGIN
    IF shard_key NOT IN ('dialog_id', 'id') THEN
        RAISE EXCEPTION 'lab.shard_key = %: expected dialog_id or id', shard_key;
    END IF;

    -- One connection a node: the function below is refused in a transaction that used several.
    PERFORM set_config('citus.multi_shard_modify_mode', 'sequential', true);

    IF '"user"'::regclass <> ALL (distributed) THEN
        PERFORM create_reference_table('"user"');
    END IF;
    IF 'database_epoch'::regclass <> ALL (distributed) THEN
        PERFORM create_reference_table('database_epoch');
    END IF;
    IF 'dialog'::regclass <> ALL (distributed) THEN
        PERFORM create_distributed_table('dialog', 'dialog_id', colocate_with := 'none', shard_count := shards);
    END IF;
    IF 'outbox'::regclass <> ALL (distributed) THEN
        PERFORM create_distributed_table('outbox', 'dialog_id', colocate_with := 'dialog');
    END IF;
    IF 'dialogmessage'::regclass <> ALL (distributed) THEN
        IF shard_key = 'dialog_id' THEN
            PERFORM create_distributed_table('dialogmessage', 'dialog_id', colocate_with := 'dialog');
        ELSE
            -- Kept apart with 'none': an equal type and count would otherwise co-locate it with dialog,
            -- whose shards hold other rows.
            ALTER TABLE dialogmessage DROP CONSTRAINT IF EXISTS dialogmessage_dialog_id_id_key;
            ALTER TABLE dialogmessage DROP CONSTRAINT IF EXISTS dialogmessage_pkey;
            ALTER TABLE dialogmessage ADD PRIMARY KEY (id, dialog_id);
            CREATE INDEX IF NOT EXISTS dialogmessage_pair ON dialogmessage (dialog_id, seq);
            PERFORM create_distributed_table('dialogmessage', 'id', colocate_with := 'none', shard_count := shards);
        END IF;
    END IF;
    -- Runs on the node that holds the dialog: one round trip inside the cluster. With another key its
    -- rows lie on several nodes and it stays on the coordinator.
    IF shard_key = 'dialog_id' THEN
        PERFORM create_distributed_function(
            'send_message(uuid,uuid,bigint,bigint,text,boolean)', 'p_dialog_id', colocate_with := 'dialog');
    END IF;
END
$distribute$;
