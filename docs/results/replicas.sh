#!/usr/bin/env bash
# Promotions measured: each way of replicating, the primary killed (ROUNDS times) or stopped in order, under 100
# sends a second. Writes docs/results/replicas.json and its page replicas.md. Usage: docs/results/replicas.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
work=$(mktemp -d /tmp/lab-replicas-XXXXXX)
chmod 711 "$work"
trap '.venv/bin/lab down --home "$work/stack" >/dev/null 2>&1 || true; rm -rf "$work"' EXIT

promote() { # NAME REPLICAS REPLICATION OPTIONS...
  local name=$1 replicas=$2 replication=$3
  shift 3
  .venv/bin/lab up --home "$work/stack" --api 1 --websocket 1 --replicas "$replicas" --replication "$replication" >/dev/null
  .venv/bin/lab seed --home "$work/stack" --users 1000 --dialogs 2000 --messages 50000 >/dev/null
  echo "$name"
  # Exit code 3: something was lost. That is what is measured.
  .venv/bin/lab replicas promote --home "$work/stack" --load 100 --output "$work/results/$name.json" "$@" || [ $? = 3 ]
  .venv/bin/lab down --home "$work/stack" >/dev/null
}

for round in $(seq "${1:-3}"); do
  promote "async, killed, $round" 1 async
  promote "FIRST 1, killed, $round" 1 first_1
  promote "ANY 1 of 2, killed, $round" 2 any_1
  promote "async, planned, $round" 1 async --planned
done
.venv/bin/python -m lab.report.promotions "$work/results" docs/results/replicas.json "docs/results/replicas.sh ${1:-3}"
