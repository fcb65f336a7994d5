#!/usr/bin/env bash
# Empties the workers above a number and takes them out of the cluster: drain.sh N. Writes go on.
# Run by shrink.sh, in the coordinator's container. Ends with an error, and removes nothing, when shards stay.
set -euo pipefail
keep=$1
ask() { psql -U "$POSTGRES_USER" -d "$POSTGRES_DB" -v ON_ERROR_STOP=1 -qAt "$@"; }
mapfile -t names < <(ask -c "SELECT nodename FROM pg_dist_node WHERE groupid <> 0 AND noderole = 'primary' ORDER BY 1")
gone=() stay=0
for name in "${names[@]}"; do
  if [ "${name##*-}" -gt "$keep" ]; then gone+=("$name"); else stay=$((stay + 1)); fi
done
[ ${#gone[@]} -gt 0 ] || { echo "drain: no worker above $keep"; exit 0; }
# Beside a rebalance a drain fails, and takes the rebalance with it (citus/runbook/README.md, rule 3).
running=$(ask -c "SELECT count(*) FROM citus_rebalance_status() WHERE state IN ('scheduled', 'running')")
[ "$running" = 0 ] || { echo "drain: refused: a rebalance is running: wait for its end, then again" >&2; exit 1; }
[ $stay -gt 0 ] || { echo "drain: refused: $keep workers would have to hold everything" >&2; exit 1; }
for name in "${gone[@]}"; do
  begin=$SECONDS
  # What broke off goes on where it was: shards that were moved stay moved.
  for try in 1 2 3 last; do
    ask -v name="$name" <<<"SELECT citus_drain_node(:'name', 5432) \g /dev/null" && break
    if [ $try = last ]; then
      # It has said already that this node shall have no shards, and would fail every later rebalance.
      ask -v name="$name" <<<"SELECT citus_set_node_property(:'name', 5432, 'shouldhaveshards', true) \g /dev/null"
      echo "drain: $name could not be drained; it keeps the shards that are left, and nothing was removed" >&2
      exit 1
    fi
    echo "drain: $name: that broke off; going on"
  done
  left=$(ask -v name="$name" <<<"SELECT count(*) FROM citus_shards s JOIN pg_dist_partition p ON p.logicalrelid = s.table_name
    WHERE s.nodename = :'name' AND p.partmethod <> 'n'")
  [ "$left" = 0 ] || { echo "drain: $name still holds $left shards; nothing was removed" >&2; exit 1; }
  # The old places of moved shards are dropped a little later. Of a node that left before, they would be asked
  # for ever, and later moves of those shards would fail.
  for _ in $(seq "${DRAIN_WAIT_SECONDS:-60}"); do
    ask -c "CALL citus_cleanup_orphaned_resources()" 2>/dev/null
    behind=$(ask -v name="$name" <<<"SELECT count(*) FROM pg_dist_cleanup
      JOIN pg_dist_node ON groupid = node_group_id WHERE nodename = :'name'")
    # A removed node goes on answering those who still speak to it (CITUS_NODE=any), by a map that nobody keeps.
    talking=$(ask -v name="$name" <<<"SELECT coalesce(sum(CASE WHEN success THEN result::integer END), 0)
      FROM run_command_on_workers('SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND backend_type = ''client backend'' AND application_name NOT LIKE ''citus%''') WHERE nodename = :'name'")
    [ "$behind$talking" != 00 ] || break
    sleep 1
  done
  [ "$talking" = 0 ] || { echo "drain: $name: $talking clients still speak to it; nothing was removed" >&2; exit 1; }
  [ "$behind" = 0 ] || { echo "drain: $name: $behind old shards cannot be dropped; nothing was removed" >&2; exit 1; }
  ask -v name="$name" <<<"SELECT citus_remove_node(:'name', 5432) \g /dev/null"
  echo "drain: $name is empty after $((SECONDS - begin)) s and out of the cluster"
done
