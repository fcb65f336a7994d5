#!/usr/bin/env bash
# Ten million messages into Citus by COPY: how long it takes, and how evenly the shards hold them.
# Usage: docs/results/seed_citus.sh [MESSAGES]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
messages=${1:-10000000}
home=$(mktemp -d /tmp/lab-seed-XXXXXX)
chmod 711 "$home"
trap '.venv/bin/lab down --home "$home" >/dev/null; rm -rf "$home"' EXIT
.venv/bin/lab up --mode citus --api 1 --websocket 1 --home "$home" >/dev/null
TIMEFORMAT='%R s in all, %U + %S s of CPU in the seeder'
time .venv/bin/lab seed --home "$home" --users 10000 --dialogs 100000 --messages "$messages" | grep Added
echo "load average $(cut -d' ' -f1 /proc/loadavg) on $(nproc) cores"
.venv/bin/python - "$home/stack.json" <<'END'
import asyncio, json, statistics, sys
import asyncpg
SIZES = "SELECT nodeport, shard_size FROM citus_shards WHERE table_name = 'dialogmessage'::regclass"
async def main():
    connection = await asyncpg.connect(json.load(open(sys.argv[1]))["postgres"]["dsn"])
    shards = [(port, size / 2**20) for port, size in await connection.fetch(SIZES)]
    sizes = [size for _, size in shards]
    by_node = {port: sum(size for at, size in shards if at == port) for port, _ in shards}
    print(f"{len(shards)} shards: {min(sizes):.1f} to {max(sizes):.1f} MiB, median {statistics.median(sizes):.1f}")
    print("by worker: " + ", ".join(f"{size:,.1f} MiB" for size in by_node.values()),
          f"skew {max(by_node.values()) / statistics.mean(by_node.values()):.2f}")
    await connection.close()
asyncio.run(main())
END
