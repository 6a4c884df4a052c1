#!/usr/bin/env bash
# Starts the gateway on its embedded defaults (a fresh data folder, a free port), tells the story through every SDK, stops it.
# Usage: examples/demo.sh FOLDER_WITH_THE_BINARIES
set -euo pipefail
bin=${1:?the folder with the built binaries}
data=$(mktemp -d)
log=$data/gateway.log
: >"$log"
gateway=
stop() {
    status=$?
    if [ -n "$gateway" ]; then kill "$gateway" 2>/dev/null || :; wait "$gateway" 2>/dev/null || :; fi
    if [ "$status" -ne 0 ]; then echo "--- the gateway's log" >&2; cat "$log" >&2; fi
    rm -rf "$data"
    exit "$status"
}
trap stop EXIT

# A small per-second allowance, so that the story meets a rate limit and is past it a second later.
"$bin/waypost-gateway" serve --listen 127.0.0.1:0 --data-dir "$data" --config "$(dirname "$0")/demo.toml" >"$log" 2>&1 &
gateway=$!
url=
for _ in $(seq 1 200); do
    url=$(sed -n 's/.*listening on \(http:[^ ]*\).*/\1/p' "$log" | head -1)
    [ -n "$url" ] && break
    kill -0 "$gateway" 2>/dev/null || { echo "the gateway did not start" >&2; exit 1; }
    sleep 0.05
done
[ -n "$url" ] || { echo "the gateway printed no address within 10 s" >&2; exit 1; }

echo "The gateway listens on $url (docs: $url/docs)"
echo
echo "== Rust"
WAYPOST_BASE_URL="$url" "$bin/waypost-example"
echo
echo "Every SDK told its story."
