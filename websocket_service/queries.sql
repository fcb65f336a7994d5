-- The websocket service's statements. It only reads.

-- name: database_now
-- Which history this is, and the database's clock. A restored database has another epoch by its row, a
-- promoted replica by its timeline.
SELECT
    epoch::text || '.' || left(pg_walfile_name(pg_current_wal_lsn()), 8) AS epoch,
    extract(epoch FROM clock_timestamp())::double precision AS now
FROM database_epoch;

-- name: disabled_users
-- The revocation list.
SELECT id
FROM "user"
WHERE disabled_at IS NOT NULL;

-- name: missed_by_users
-- What each of these users may have missed since its own time. A message of two of them comes twice.
--   $1 user_ids  $2 times (unix seconds), one a user  $3 limit
SELECT m.dialog_id, m.seq, m.id, m.from_user_id, m.to_user_id, m.content,
       extract(epoch FROM m.created_at)::double precision AS created_at
FROM unnest($1::bigint[], $2::double precision[]) AS asked (user_id, since)
JOIN dialogmessage AS m
  ON m.to_user_id = asked.user_id AND m.created_at > to_timestamp(asked.since)
UNION ALL
SELECT m.dialog_id, m.seq, m.id, m.from_user_id, m.to_user_id, m.content,
       extract(epoch FROM m.created_at)::double precision AS created_at
FROM unnest($1::bigint[], $2::double precision[]) AS asked (user_id, since)
JOIN dialogmessage AS m
  ON m.from_user_id = asked.user_id AND m.created_at > to_timestamp(asked.since)
LIMIT $3;

-- name: recent_dialogs
-- The dialogs of these users that were written in a span of time, and which seqs.
--   $1 user_ids  $2 after  $3 up to (unix seconds)
SELECT dialog_id, min(seq) AS first_seq, max(seq) AS last_seq
FROM (
    SELECT dialog_id, seq
    FROM dialogmessage
    WHERE to_user_id = ANY ($1::bigint[])
      AND created_at > to_timestamp($2::double precision)
      AND created_at <= to_timestamp($3::double precision)
    UNION ALL
    SELECT dialog_id, seq
    FROM dialogmessage
    WHERE from_user_id = ANY ($1::bigint[])
      AND created_at > to_timestamp($2::double precision)
      AND created_at <= to_timestamp($3::double precision)
) AS written
GROUP BY dialog_id;

-- name: messages_in_ranges
-- Messages by dialog and range of seqs.
--   $1 dialog_ids  $2 first seqs  $3 last seqs
SELECT m.dialog_id, m.seq, m.id, m.from_user_id, m.to_user_id, m.content,
       extract(epoch FROM m.created_at)::double precision AS created_at
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS wanted (dialog_id, first_seq, last_seq)
JOIN dialogmessage AS m
  ON m.dialog_id = wanted.dialog_id AND m.seq BETWEEN wanted.first_seq AND wanted.last_seq;

-- name: dialog_after
-- What follows a seq in one dialog, in order.
--   $1 dialog_id  $2 after seq  $3 limit
SELECT m.dialog_id, m.seq, m.id, m.from_user_id, m.to_user_id, m.content,
       extract(epoch FROM m.created_at)::double precision AS created_at
FROM dialogmessage AS m
WHERE m.dialog_id = $1 AND m.seq > $2
ORDER BY m.seq
LIMIT $3;
