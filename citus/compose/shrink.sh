#!/usr/bin/env bash
# Fewer Citus workers under docker compose, without losing sight of a row: bash citus/compose/shrink.sh N
# Drains first, checks that nothing is left, removes the nodes from the cluster, and only then stops them.
set -euo pipefail
[[ ${1-} =~ ^[1-9][0-9]*$ ]] || { echo "usage: bash citus/compose/shrink.sh N   (workers that stay, 1 or more)" >&2; exit 2; }
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
compose=(docker compose -f docker-compose-citus.yml)
"${compose[@]}" exec -T coordinator bash /citus/drain.sh "$1"
CITUS_WORKERS=$1 "${compose[@]}" up --detach --no-build --no-recreate --no-deps --scale "worker=$1" worker
