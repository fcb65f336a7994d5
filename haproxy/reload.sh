#!/usr/bin/env bash
# Lets the HAProxy of docker compose read its file again; nothing is dropped, and a mistake changes nothing:
#   docker compose exec haproxy bash /usr/local/etc/haproxy/reload.sh
# (On a host: kill -USR2 to the master, see docs/runbooks/haproxy.md.)
set -euo pipefail
file=${1:-/usr/local/etc/haproxy/haproxy.cfg}
haproxy -c -q -f "$file"
exec 3<>/dev/tcp/127.0.0.1/9999
echo 'show servers state' >&3
cat <&3 >"$HAPROXY_STATE"
kill -USR2 1
echo "reloaded: $(grep -c '[0-9]' "$HAPROXY_STATE") lines of state were carried over"
