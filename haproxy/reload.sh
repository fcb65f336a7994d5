#!/usr/bin/env bash
# Lets the HAProxy of docker compose read its file again; nothing is dropped, and a mistake changes nothing:
#   docker compose exec haproxy bash /usr/local/etc/haproxy/reload.sh
# (On a host: kill -USR2 to the master, see docs/runbooks/haproxy.md.)
set -euo pipefail
file=${1:-/usr/local/etc/haproxy/haproxy.cfg} master=${2:-1}
haproxy -c -q -f "$file"
ask() { exec 3<>/dev/tcp/127.0.0.1/9999; echo "$1" >&3; cat <&3; }
worker() { ask 'show info' | sed -n 's/^Pid: //p'; }
ask 'show servers state' >"$HAPROXY_STATE"
before=$(worker)
kill -USR2 "$master"
for _ in $(seq 100); do
  now=$(worker 2>/dev/null || true)
  if [ -n "$now" ] && [ "$now" != "$before" ]; then break; fi
  now=
  sleep 0.1
done
[ -n "$now" ] || { echo "no new process took over within 10 s; the old one serves on (docker compose logs haproxy)" >&2; exit 1; }
echo "reloaded: $(grep -c '[0-9]' "$HAPROXY_STATE") lines of state were carried over"
