#!/usr/bin/env bash
# Seeding measured: three rounds of 100,000 users and of 1,000,000 messages into one fresh stack.
# Prints a line a run: what it says itself; seconds from start to end of the command; CPU seconds of the seeder.
# Usage: docs/results/seed.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
home=$(mktemp -d /tmp/lab-seed-XXXXXX)
trap '.venv/bin/lab down --home "$home" >/dev/null; rm -rf "$home"' EXIT
.venv/bin/lab up --mode single --home "$home" >/dev/null

measure() {
  local TIMEFORMAT='| %R s | %U + %S s |'
  time .venv/bin/lab seed --home "$home" "$@" | grep Added
  echo "  load average $(cut -d' ' -f1 /proc/loadavg) on $(nproc) cores"
}

for _ in $(seq "${1:-3}"); do
  measure --users 100000 --dialogs 0 --messages 0
  measure --users 1000 --dialogs 20000 --messages 1000000
done
