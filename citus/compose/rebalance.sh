#!/usr/bin/env bash
# Moves shards until every worker has its share, tells how it goes, and ends when it is done. Writes go on.
# Step 5 of citus/runbook.
set -euo pipefail
ask() { psql -h coordinator -U "$POSTGRES_USER" -d "$POSTGRES_DB" -v ON_ERROR_STOP=1 -qAt "$@"; }
shards() { ask -F ' ' -c "SELECT nodename, count(*) FROM citus_shards GROUP BY 1 ORDER BY 1" | sed 's/^/rebalance:   /'; }

if [ "$(ask -c "SELECT count(*) FROM pg_dist_partition WHERE partmethod = 'h'")" = 0 ]; then
  echo "rebalance: no distributed tables yet: nothing to move"; exit 0
fi
# A worker that was stopped before it was drained.
gone=$(ask -F ' ' -c "SELECT n.nodename, count(*) FROM pg_dist_node n JOIN citus_shards s USING (nodename, nodeport)
  WHERE s.citus_table_type = 'distributed' AND NOT citus_check_connection_to_node(n.nodename, n.nodeport) GROUP BY 1 ORDER BY 1")
if [ -n "$gone" ]; then
  while read -r name count; do
    echo "rebalance: WARNING: $name is not there and holds $count shards: their rows cannot be reached until it is" \
      "back. Nothing is lost: bring it back: bash citus/compose/grow.sh ${name##*-}; then, to be without it," \
      "drain it first: bash citus/compose/shrink.sh N"
  done <<<"$gone" >&2
  exit 1
fi
echo "rebalance: shards before:"; shards
begin=$SECONDS
# One that runs already (another `up`, or by hand) is waited for: a second one would be refused.
job=$(ask -c "SELECT job_id FROM citus_rebalance_status() WHERE state IN ('scheduled', 'running')")
# Nothing when nothing has to move; an error ends this.
[ -n "$job" ] || job=$(ask -f "${RUNBOOK:-/lab/citus/runbook}/05_rebalance.sql")
if [ -n "$job" ]; then
  while :; do
    state=$(ask -c "SELECT state FROM citus_rebalance_status()")
    case $state in
      finished) break ;;
      failed | cancelled) echo "rebalance: $state: $(ask -c 'SELECT details FROM citus_rebalance_status()')" >&2; exit 1 ;;
    esac
    sleep 1
  done
fi
echo "rebalance: done in $((SECONDS - begin)) s; shards now:"; shards
