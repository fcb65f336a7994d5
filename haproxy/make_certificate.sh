#!/usr/bin/env bash
# Makes a self-signed certificate for trying TLS: bash haproxy/make_certificate.sh [FILE] [NAME ...]
# The file (default haproxy/tls/haproxy.pem, not in git) holds key and certificate; an existing one is kept.
set -euo pipefail
file=${1:-$(dirname "${BASH_SOURCE[0]}")/tls/haproxy.pem}
shift || true
names=$(printf 'DNS:%s,' localhost "$@")IP:127.0.0.1
if [ -e "$file" ]; then echo "$file is there already"; exit 0; fi
mkdir -p "$(dirname "$file")"
umask 077
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 -subj /CN=localhost \
  -addext "subjectAltName=$names" -keyout "$file.key" -out "$file.crt" 2>/dev/null
cat "$file.crt" "$file.key" >"$file"
rm -f "$file.key" "$file.crt"
echo "made $file (self-signed, 90 days, for $names)"
