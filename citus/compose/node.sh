#!/usr/bin/env bash
# A Citus node under docker compose: PostgreSQL as the cluster needs it, and a worker makes itself known.
#   node.sh coordinator | node.sh worker
# Needs no Docker socket: the worker asks Docker's name server for its own name (project-worker-1), which
# stays when the container is made anew, keeps its data under that name, and registers under it.
set -euo pipefail
role=$1

# The same as in lab/stack/citus.py, which says more about each.
settings=(
  -c shared_preload_libraries=citus
  -c wal_level=logical                      # shards move by logical replication
  -c max_prepared_transactions=800          # a transaction over several nodes is a prepared one on each
  -c max_connections=400                    # a client that asks all shards counts twice at the coordinator
  -c max_worker_processes=32                # one for each database, and two for each shard that moves
  -c wal_retrieve_retry_interval=200ms      # each move of a shard waits for it
  -c citus.node_connection_timeout=5000     # ms: a dead worker must not starve callers of the others for long
  -c citus.max_cached_conns_per_worker=16
  -c citus.max_adaptive_executor_pool_size=1  # else a few callers that ask all shards use up the workers' places
  -c log_min_messages=warning
)
# Newer minor releases refuse other decoding plugins; splitting a shard uses Citus's own.
if postgres --describe-config | grep -q '^output_plugin_libraries'; then
  settings+=(-c "output_plugin_libraries=pgoutput, test_decoding, citus")
fi

if [ "$role" = coordinator ]; then exec docker-entrypoint.sh postgres "${settings[@]}"; fi

coordinator() { PGCONNECT_TIMEOUT=3 psql -h coordinator -U "$POSTGRES_USER" -d "$POSTGRES_DB" -v ON_ERROR_STOP=1 -v name="$name" -qAt; }

# Without `-s dns` the hosts file would answer with the container's id, which changes.
name=$(getent -s dns hosts "$(hostname -i)" | awk '{print $2}')
name=${name%%.*}
[ -n "$name" ] || { echo "citus worker: Docker's name server does not know $(hostname -i)" >&2; exit 1; }
export PGDATA=/var/lib/postgresql/data/$name
rm -f /tmp/registered

docker-entrypoint.sh postgres "${settings[@]}" &
server=$!

leave() {
  local left
  left=$(coordinator <<<"SELECT count(*) FROM citus_shards
    WHERE nodename = :'name' AND citus_table_type = 'distributed';" 2>/dev/null || true)
  if [ "${left:-0}" != 0 ]; then
    echo "citus worker: WARNING: $name stops and still holds $left shards: their rows cannot be reached" \
      "until it is back. Nothing is lost: bring it back: bash citus/compose/grow.sh ${name##*-};" \
      "then, to be without it, drain it first: bash citus/compose/shrink.sh N" >&2
  fi
  kill -INT $server # "fast": ends sessions; TERM would wait for them
}
trap leave TERM INT

until pg_isready -q -h 127.0.0.1 -U "$POSTGRES_USER" -d "$POSTGRES_DB"; do
  kill -0 $server || exit 1
  sleep 0.2
done
# Serially, by the lock: workers start together. Its key is one of its own: 7200 guards the making of the tables,
# 7201 is held by the outbox relay for as long as it lives. An inactive node (it was away) is made active again.
until coordinator <<'SQL'
SELECT pg_advisory_lock(7202) \g /dev/null
SELECT citus_set_coordinator_host('coordinator', 5432)
 WHERE NOT EXISTS (SELECT FROM pg_dist_node WHERE groupid = 0) \g /dev/null
SELECT citus_add_node(:'name', 5432) \g /dev/null
SELECT citus_activate_node(:'name', 5432)
 WHERE EXISTS (SELECT FROM pg_dist_node WHERE nodename = :'name' AND NOT isactive) \g /dev/null
SQL
do
  kill -0 $server || exit 1
  sleep 0.5
done
touch /tmp/registered
echo "citus worker: $name is registered"
# A signal ends a wait; the second one waits for the server's own end.
wait $server || wait $server
