-- Every statement that the backend runs, in named blocks. Each is one statement, prepared once a
-- connection; values are always parameters. backend/queries.py reads this file.

-- name: send_message
-- One message: next seq of its dialog, or what that id stored before. One round trip, one shard.
--   $1 dialog_id  $2 id  $3 from_user_id  $4 to_user_id  $5 content  $6 also into the outbox
SELECT outcome, seq, created_at
FROM send_message($1, $2, $3, $4, $5, $6);

-- name: send_batch
-- Many messages in one commit (plain PostgreSQL only). A place without an answer was not stored here
-- (its id was stored before, or its recipient is unknown): send_message then says why. Raises a unique
-- violation, and stores nothing, when an id is twice in the batch or is being stored elsewhere just now.
--   $1 dialog_ids  $2 ids  $3 from_user_ids  $4 to_user_ids  $5 contents  $6 also into the outbox
WITH incoming AS MATERIALIZED (
    SELECT dialog_id, id, from_user_id, to_user_id, content, place
    FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::text[])
        WITH ORDINALITY AS one (dialog_id, id, from_user_id, to_user_id, content, place)
),
fresh AS MATERIALIZED (
    SELECT
        i.dialog_id, i.id, i.from_user_id, i.to_user_id, i.content, i.place,
        row_number() OVER (PARTITION BY i.dialog_id ORDER BY i.place DESC) - 1 AS before_last
    FROM incoming AS i
    WHERE EXISTS (SELECT FROM "user" AS u WHERE u.id = i.to_user_id)
      AND NOT EXISTS (SELECT FROM dialogmessage AS m WHERE m.dialog_id = i.dialog_id AND m.id = i.id)
),
bumped AS (
    -- In the order of dialog_id: all processes lock dialogs in one order, so none waits in a ring.
    INSERT INTO dialog AS d (dialog_id, user_low, user_high, last_seq)
    SELECT
        f.dialog_id,
        min(least(f.from_user_id, f.to_user_id)),
        max(greatest(f.from_user_id, f.to_user_id)),
        count(*)
    FROM fresh AS f
    GROUP BY f.dialog_id
    ORDER BY f.dialog_id
    ON CONFLICT (dialog_id) DO UPDATE SET last_seq = d.last_seq + EXCLUDED.last_seq
    -- The time is taken under the lock, so that created_at rises with seq.
    RETURNING d.dialog_id, d.last_seq, clock_timestamp() AS created_at
),
numbered AS MATERIALIZED (
    SELECT
        f.dialog_id, b.last_seq - f.before_last AS seq, f.id, f.from_user_id, f.to_user_id, f.content,
        b.created_at, f.place
    FROM fresh AS f
    JOIN bumped AS b ON b.dialog_id = f.dialog_id
),
stored AS (
    INSERT INTO dialogmessage (dialog_id, seq, id, from_user_id, to_user_id, content, created_at)
    SELECT n.dialog_id, n.seq, n.id, n.from_user_id, n.to_user_id, n.content, n.created_at
    FROM numbered AS n
),
noted AS (
    INSERT INTO outbox (dialog_id, seq)
    SELECT n.dialog_id, n.seq
    FROM numbered AS n
    WHERE $6::boolean
)
SELECT n.place, n.seq, extract(epoch FROM n.created_at)::double precision AS created_at
FROM numbered AS n;

-- name: history_newest
-- The newest messages of a dialog, newest first.
--   $1 dialog_id  $2 limit
SELECT seq, id, from_user_id, to_user_id, content, extract(epoch FROM created_at)::double precision AS created_at
FROM dialogmessage
WHERE dialog_id = $1
ORDER BY seq DESC
LIMIT $2;

-- name: history_before
-- Messages before a seq, newest first.
--   $1 dialog_id  $2 limit  $3 seq
SELECT seq, id, from_user_id, to_user_id, content, extract(epoch FROM created_at)::double precision AS created_at
FROM dialogmessage
WHERE dialog_id = $1
  AND seq < $3
ORDER BY seq DESC
LIMIT $2;

-- name: history_after
-- Messages after a seq, oldest first.
--   $1 dialog_id  $2 limit  $3 seq
SELECT seq, id, from_user_id, to_user_id, content, extract(epoch FROM created_at)::double precision AS created_at
FROM dialogmessage
WHERE dialog_id = $1
  AND seq > $3
ORDER BY seq ASC
LIMIT $2;

-- name: history_before_by_offset
-- The same rows as history_before, found by counting from the newest (PAGING=offset).
--   $1 dialog_id  $2 limit  $3 seq
SELECT seq, id, from_user_id, to_user_id, content, extract(epoch FROM created_at)::double precision AS created_at
FROM dialogmessage
WHERE dialog_id = $1
ORDER BY seq DESC
LIMIT $2
OFFSET (SELECT greatest(d.last_seq - $3::bigint + 1, 0) FROM dialog AS d WHERE d.dialog_id = $1);

-- name: history_after_by_offset
-- The same rows as history_after, found by counting from the oldest (PAGING=offset).
--   $1 dialog_id  $2 limit  $3 seq
SELECT seq, id, from_user_id, to_user_id, content, extract(epoch FROM created_at)::double precision AS created_at
FROM dialogmessage
WHERE dialog_id = $1
ORDER BY seq ASC
LIMIT $2
OFFSET $3::bigint;

-- name: history_by_pair
-- Newest first by the pair of users, whoever sent; no index serves it (PAIR_INDEX=off).
--   $1 lower user id  $2 higher user id  $3 limit  $4 before this seq, or null
SELECT seq, id, from_user_id, to_user_id, content, extract(epoch FROM created_at)::double precision AS created_at
FROM dialogmessage
WHERE least(from_user_id, to_user_id) = $1
  AND greatest(from_user_id, to_user_id) = $2
  AND ($4::bigint IS NULL OR seq < $4::bigint)
ORDER BY seq DESC
LIMIT $3;

-- name: history_by_pair_after
-- Oldest first by the pair of users (PAIR_INDEX=off).
--   $1 lower user id  $2 higher user id  $3 limit  $4 after this seq
SELECT seq, id, from_user_id, to_user_id, content, extract(epoch FROM created_at)::double precision AS created_at
FROM dialogmessage
WHERE least(from_user_id, to_user_id) = $1
  AND greatest(from_user_id, to_user_id) = $2
  AND seq > $4
ORDER BY seq ASC
LIMIT $3;

-- name: position_written
-- How far the primary has written its log, in bytes: all that was answered before lies below.
SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint AS position;

-- name: position_replayed
-- How far this replica shows the log, in bytes; a server that was promoted shows all that it has.
SELECT (coalesce(pg_last_wal_replay_lsn(), pg_current_wal_insert_lsn()) - '0/0')::bigint AS position;

-- name: dialogs_of_user
-- The dialogs of a user and who the other one is, by dialog_id (= by the other one's id).
--   $1 user id  $2 limit  $3 dialog_id to start after
SELECT d.dialog_id, o.id AS user_id, o.username, o.first_name, o.last_name, d.last_seq
FROM (
    (
        SELECT dialog_id, user_low AS other_id, last_seq
        FROM dialog
        WHERE user_high = $1 AND dialog_id > $3
        ORDER BY dialog_id
        LIMIT $2
    )
    UNION ALL
    (
        SELECT dialog_id, user_high AS other_id, last_seq
        FROM dialog
        WHERE user_low = $1 AND dialog_id > $3
        ORDER BY dialog_id
        LIMIT $2
    )
) AS d
JOIN "user" AS o ON o.id = d.other_id
ORDER BY d.dialog_id
LIMIT $2;

-- name: register_user
-- A new user; no row when the name is taken.
--   $1 username  $2 first_name  $3 last_name  $4 password_hash
INSERT INTO "user" (username, first_name, last_name, password_hash)
VALUES ($1, $2, $3, $4)
ON CONFLICT (username) DO NOTHING
RETURNING id;

-- name: user_credentials
-- What login needs.
--   $1 username
SELECT id, password_hash, disabled_at IS NOT NULL AS disabled
FROM "user"
WHERE username = $1;

-- name: user_by_id
-- One user's public face.
--   $1 id
SELECT id, username, first_name, last_name
FROM "user"
WHERE id = $1;

-- name: search_by_first_name
-- Users whose first name (and last name) begin so, by name, page by page.
--   $1 first name prefix  $2 last name prefix (may be empty)  $3 limit
--   $4, $5, $6 first name, last name, id to start after ('', '', 0: from the start)
SELECT id, username, first_name, last_name, lower(first_name) AS first_key, lower(last_name) AS last_key
FROM "user"
WHERE lower(first_name) COLLATE "C" >= lower($1)
  AND lower(first_name) COLLATE "C" < lower($1) || U&'\+10FFFF'
  AND starts_with(lower(last_name), lower($2))
  AND (lower(first_name) COLLATE "C", lower(last_name) COLLATE "C", id) > ($4, $5, $6)
ORDER BY lower(first_name) COLLATE "C", lower(last_name) COLLATE "C", id
LIMIT $3;

-- name: search_by_last_name
-- Users whose last name begins so, by name, page by page.
--   $1 last name prefix  $2 limit  $3, $4, $5 last name, first name, id to start after
SELECT id, username, first_name, last_name, lower(first_name) AS first_key, lower(last_name) AS last_key
FROM "user"
WHERE lower(last_name) COLLATE "C" >= lower($1)
  AND lower(last_name) COLLATE "C" < lower($1) || U&'\+10FFFF'
  AND (lower(last_name) COLLATE "C", lower(first_name) COLLATE "C", id) > ($3, $4, $5)
ORDER BY lower(last_name) COLLATE "C", lower(first_name) COLLATE "C", id
LIMIT $2;

-- name: disabled_users
-- The revocation list: every process asks twice a second, so it must come from the partial index.
SELECT id
FROM "user"
WHERE disabled_at IS NOT NULL;

-- name: outbox_waiting
-- Hints whose publish was not confirmed within a second, in the order of their dialogs.
--   $1 limit
SELECT
    m.dialog_id, m.seq, m.id, m.from_user_id, m.to_user_id, m.content,
    extract(epoch FROM m.created_at)::double precision AS created_at
FROM outbox AS o
JOIN dialogmessage AS m ON m.dialog_id = o.dialog_id AND m.seq = o.seq
WHERE o.created_at < clock_timestamp() - INTERVAL '1 second'
ORDER BY o.dialog_id, o.seq
LIMIT $1;

-- name: outbox_done
-- Forget hints that the broker has confirmed.
--   $1 dialog_ids  $2 seqs
DELETE FROM outbox AS o
USING unnest($1::uuid[], $2::bigint[]) AS done (dialog_id, seq)
WHERE o.dialog_id = done.dialog_id
  AND o.seq = done.seq;

-- name: relay_lock
-- True for the one process whose relay may run; held as long as its connection lives.
SELECT pg_try_advisory_lock(7201);

-- name: is_distributed
-- Whether this database is a Citus coordinator.
SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus');

-- name: sharding
-- How the messages are distributed; no row on plain PostgreSQL.
SELECT distribution_column, shard_count
FROM citus_tables
WHERE table_name = 'dialogmessage'::regclass;

-- name: nodes_of_cluster
-- The workers of a Citus cluster that clients may speak to (CITUS_NODE=any); none that is being drained.
SELECT nodename, nodeport
FROM pg_dist_node
WHERE groupid <> 0 AND noderole = 'primary' AND isactive AND hasmetadata AND metadatasynced AND shouldhaveshards
ORDER BY nodeid;

-- name: effective_in_session
-- What holds in this session, which has run a statement before (if it prepares them, that one is still there).
SELECT
    current_setting('synchronous_commit') AS synchronous_commit,
    current_setting('fsync') AS fsync,
    current_setting('synchronous_standby_names') AS standbys,
    EXISTS (SELECT FROM pg_prepared_statements WHERE name <> '') AS prepared,
    inet_server_addr() IS NULL AS by_socket;
