#!/usr/bin/env bash
# More Citus workers under docker compose, and shards on them: bash citus/compose/grow.sh N   (N in all)
# Ends when the shards are spread, with an error when they could not be; also brings back a worker that is away.
set -euo pipefail
[[ ${1-} =~ ^[1-9][0-9]*$ ]] || { echo "usage: bash citus/compose/grow.sh N   (workers in all)" >&2; exit 2; }
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
compose=(docker compose -f docker-compose_add_citus_workers.yml)
there=$("${compose[@]}" ps --quiet worker | wc -l)
# Docker compose itself would ask nobody, and stop workers with their shards.
[ "$there" -le "$1" ] || { echo "grow: refused: $there workers run; fewer: bash citus/compose/shrink.sh $1" >&2; exit 1; }
begin=$(date +%s)
CITUS_WORKERS=$1 "${compose[@]}" up --detach --scale "worker=$1"
"${compose[@]}" logs --follow --no-log-prefix --since "$begin" rebalance
exit "$(docker inspect --format '{{.State.ExitCode}}' "$("${compose[@]}" ps --all --quiet rebalance)")"
