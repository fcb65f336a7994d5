#!/usr/bin/env bash
# A streaming replica under docker compose: replica.sh NAME_FOR_THE_PRIMARY postgres [OPTION ...]
# The copy is made under another name first: one that was cut off must not be taken for a whole one.
set -euo pipefail
name=$1
shift
export PGDATA=/var/lib/postgresql/data/replica
if [ ! -e "$PGDATA" ]; then
  rm -rf "$PGDATA.draft"
  PGPASSWORD=$POSTGRES_PASSWORD pg_basebackup --pgdata="$PGDATA.draft" --write-recovery-conf --checkpoint=fast \
    --host=postgres --username="$POSTGRES_USER" --dbname="application_name=$name"
  mv "$PGDATA.draft" "$PGDATA"
fi
# A standby answers what it was asked for up to this long before it goes on replaying.
exec "$@" -c max_standby_streaming_delay=5s -c wal_retrieve_retry_interval=200ms
