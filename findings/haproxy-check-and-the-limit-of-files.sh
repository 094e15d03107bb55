#!/usr/bin/env bash
# HAProxy 2.6.12 (Debian 12's package, unpacked into a temporary folder): "global maxconn 20000" under "ulimit -n 20000", run
# without the right to raise that limit, as in a container.
# Expected: "haproxy -c" refuses, or at least warns of, a configuration that the same program with the same limit cannot start.
# Behaviour: -c says "Configuration file is valid" and exits with 0; the start fails with "Cannot raise FD limit to 40017, limit
# is 20000" (the number with two CPUs): a connection counts two descriptors, the client's and the server's. The manual does say
# that -c exits before it binds, but this limit is known without binding. Without "maxconn" it starts under the same limit.
set -euo pipefail
folder=$(mktemp -d)
started=
trap '[ -z "$started" ] || kill "$started" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
apt-get download 'haproxy=2.6.12-*' liblua5.3-0 libopentracing-c-wrapper0 libopentracing1 >/dev/null 2>&1
for package in *.deb; do dpkg -x "$package" unpacked; done
libraries=$(dirname "$(find unpacked -name 'liblua5.3.so.0')")
haproxy() { LD_LIBRARY_PATH="$libraries" unpacked/usr/sbin/haproxy "$@"; }
version=$(haproxy -v)
echo "${version%% 20*}"
for maxconn in "maxconn 20000" ""; do
    cat > "given${maxconn:+-maxconn}.cfg" <<CONFIGURATION
global
    $maxconn
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend web
    bind unix@$folder/web.sock
    default_backend nowhere
backend nowhere
CONFIGURATION
done
ulimit -n 20000
said=$(haproxy -c -f given-maxconn.cfg 2>&1)
echo "-c: $said"
[ "$said" = "Configuration file is valid" ]
if said=$(haproxy -D -p "$folder/pid" -f given-maxconn.cfg 2>&1); then
    started=$(cat pid)
    echo "it started"; exit 1
fi
grep -o "Cannot raise FD limit to [0-9]*, limit is 20000" <<<"$said"
haproxy -D -p "$folder/pid" -f given.cfg
started=$(cat pid)
echo "without maxconn: started"
echo "as described"
