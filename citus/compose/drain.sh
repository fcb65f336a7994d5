#!/usr/bin/env bash
# Empties the workers above a number and takes them out of the cluster: drain.sh N. Writes go on.
# Run by shrink.sh, in the coordinator's container: steps 7 and 9 of citus/runbook for each of them.
# Ends with an error, and removes nothing, when shards stay.
set -euo pipefail
keep=$1
ask() { psql -U "$POSTGRES_USER" -d "$POSTGRES_DB" -v ON_ERROR_STOP=1 -qAt "$@"; }
step() { ask -v host="$name" -v port=5432 -f "${RUNBOOK:-/lab/citus/runbook}/$1"; }
workers=$(PGOPTIONS='-c client_min_messages=error' ask -F ' ' -c "SELECT nodename, citus_check_connection_to_node(nodename, nodeport)
  FROM pg_dist_node WHERE groupid <> 0 AND noderole = 'primary' ORDER BY length(nodename), 1")
gone=() away=() stay=0 highest=0
while read -r name there; do
  [ -n "$name" ] || continue
  highest=${name##*-}
  [ "$there" = t ] || away+=("$name")
  if [ "$highest" -gt "$keep" ]; then gone+=("$name"); else stay=$((stay + 1)); fi
done <<<"$workers"
[ ${#gone[@]} -gt 0 ] || { echo "drain: no worker above $keep"; exit 0; }
# A drain tells every node first, and would break off having told that the worker shall have no shards.
[ ${#away[@]} = 0 ] || {
  echo "drain: refused: ${away[*]} does not answer: bring it back first: bash citus/compose/grow.sh $highest" >&2
  exit 1
}
# Beside a rebalance a drain fails, and takes the rebalance with it (citus/runbook/README.md, rule 3).
running=$(ask -c "SELECT count(*) FROM citus_rebalance_status() WHERE state IN ('scheduled', 'running')")
[ "$running" = 0 ] || { echo "drain: refused: a rebalance is running: wait for its end, then again" >&2; exit 1; }
[ $stay -gt 0 ] || { echo "drain: refused: $keep workers would have to hold everything" >&2; exit 1; }
for name in "${gone[@]}"; do
  begin=$SECONDS
  # What broke off goes on where it was: shards that were moved stay moved.
  for try in 1 2 3 last; do
    if left=$(step 07_drain.sql); then break; fi
    if [ $try = last ]; then
      # It has said already that this node shall have no shards, and would fail every later rebalance.
      again="SELECT citus_set_node_property('$name', 5432, 'shouldhaveshards', true)"
      ask -v host="$name" -v port=5432 <<<"SELECT citus_set_node_property(:'host', :port, 'shouldhaveshards', true) \g /dev/null" ||
        echo "drain: $name may have no shards until every node answers and you run: $again" >&2
      echo "drain: $name could not be drained; it keeps the shards that are left, and nothing was removed" >&2
      exit 1
    fi
    echo "drain: $name: that broke off; going on"
  done
  left=${left##*$'\n'}
  [ "$left" = 0 ] || { echo "drain: $name still holds $left shards; nothing was removed" >&2; exit 1; }
  # The old places of moved shards are dropped a little later, and clients leave (CITUS_NODE=any): until then refused.
  for more in $(seq "${DRAIN_WAIT_SECONDS:-60}" -1 0); do
    if said=$(step 09_remove_worker.sql 2>&1); then break; fi
    if [ "$more" = 0 ]; then
      said=$(grep -o 'ERROR: .*' <<<"$said" || echo "$said")
      echo "drain: $name: $said; nothing was removed" >&2
      exit 1
    fi
    sleep 1
  done
  echo "drain: $name is empty after $((SECONDS - begin)) s and out of the cluster"
done
