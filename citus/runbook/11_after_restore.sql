-- 11. Back up before a change, and restore. The dump reads every shard through the coordinator; writers go on.
-- Run:  pg_dump --format=custom --data-only --table='"user"' --table=dialog --table=dialogmessage --file=lab.dump
--       Restored into an empty cluster (step 1 done, no service running):
--       pg_restore --data-only --exit-on-error --dbname="$PGDATABASE" lab.dump
--       psql -v ON_ERROR_STOP=1 -f citus/runbook/11_after_restore.sql
-- See:  0 seqs without a message; as many messages as the dump had.
-- Took: for 300,000 messages (124 MiB): backup 46 s, into a file of 19 MiB; restore 21 s, of that 2 s for this
--       file; on 2 cores that had other work.
-- Undo: TRUNCATE dialog, dialogmessage, outbox, "user"; and restore again.
--
-- This file makes one picture of the parts. Each shard was read at a moment of its own, the messages after the
-- dialogs: what was written in between is there as a message whose dialog does not count it yet.
INSERT INTO dialog AS d (dialog_id, user_low, user_high, last_seq)
SELECT dialog_id, min(least(from_user_id, to_user_id)), max(greatest(from_user_id, to_user_id)), max(seq)
FROM dialogmessage
GROUP BY dialog_id
ON CONFLICT (dialog_id) DO UPDATE SET last_seq = greatest(d.last_seq, EXCLUDED.last_seq);

-- New users come after the old ones (those that a worker numbered, above 2^48, count for themselves).
SELECT setval(pg_get_serial_sequence('"user"', 'id'), greatest(max(id), 1))
FROM "user"
WHERE id < 1::bigint << 48;

-- Positions that clients remember belong to the history before the restore.
INSERT INTO database_epoch (one_row, epoch) VALUES (true, gen_random_uuid())
ON CONFLICT (one_row) DO UPDATE SET epoch = EXCLUDED.epoch;

SELECT count(*) AS messages
FROM dialogmessage;

SELECT coalesce(sum(abs(d.last_seq - counted.messages)), 0) AS seqs_without_a_message
FROM dialog AS d
JOIN (SELECT dialog_id, count(*) AS messages FROM dialogmessage GROUP BY dialog_id) AS counted USING (dialog_id);
