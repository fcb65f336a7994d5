-- Citus functions that do nothing on plain PostgreSQL, so that schema, distribution and queries are
-- one text in both. Does nothing at all where the real extension is installed. Idempotent.

DO $noop$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus') THEN
        RETURN;
    END IF;

    CREATE OR REPLACE FUNCTION create_reference_table(table_name regclass)
    RETURNS void LANGUAGE sql AS 'SELECT';

    CREATE OR REPLACE FUNCTION create_distributed_table(
        table_name regclass, distribution_column text, colocate_with text DEFAULT 'default',
        shard_count integer DEFAULT NULL)
    RETURNS void LANGUAGE sql AS 'SELECT';

    CREATE OR REPLACE FUNCTION create_distributed_function(
        function_name regprocedure, distribution_arg_name text, colocate_with text DEFAULT 'default')
    RETURNS void LANGUAGE sql AS 'SELECT';

    -- Citus lists its tables here; on plain PostgreSQL the list is empty.
    CREATE OR REPLACE VIEW citus_tables AS
    SELECT NULL::regclass AS table_name, NULL::text AS citus_table_type,
           NULL::text AS distribution_column, NULL::integer AS colocation_id,
           NULL::text AS table_size, NULL::bigint AS shard_count
    WHERE false;

    -- And its nodes: plain PostgreSQL is none.
    CREATE OR REPLACE VIEW pg_dist_node AS
    SELECT NULL::integer AS nodeid, NULL::integer AS groupid, NULL::text AS nodename, NULL::integer AS nodeport,
           NULL::text AS noderole, NULL::boolean AS isactive, NULL::boolean AS hasmetadata,
           NULL::boolean AS metadatasynced, NULL::boolean AS shouldhaveshards
    WHERE false;
END
$noop$;
