#!/usr/bin/env bash
# Starts the gateway on its embedded defaults (a fresh data folder, a free port), tells the story through every SDK, stops it.
# Usage: examples/demo.sh FOLDER_WITH_THE_BINARIES. The Python and npm packages are those that `make wheel` and `make npm` built; they are installed beside
# cargo's output, as a user would install them.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(realpath "${1:?the folder with the built binaries}")
target=$(realpath "${CARGO_TARGET_DIR:-target}")
place=$target/demo
log_of_set_up=$place/set-up.log
mkdir -p "$place"

quietly() { "$@" >"$log_of_set_up" 2>&1 || { echo "failed: $*" >&2; cat "$log_of_set_up" >&2; exit 1; }; }

echo "Installing the Python package"
[ -x "$place/python/bin/python" ] || quietly python3 -m venv "$place/python"
quietly "$place/python/bin/python" -m pip install --disable-pip-version-check --force-reinstall sdk-python/dist/*.whl
echo "Installing the npm packages"
rm -rf "$place/node"
cp -r examples/node "$place/node"
(cd "$place/node" && quietly npm install --no-save --no-audit --no-fund --loglevel=error "$target"/npm/*.tgz && quietly npm run build)

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
"$bin/waypost-gateway" serve --listen 127.0.0.1:0 --data-dir "$data" --config examples/demo.toml >"$log" 2>&1 &
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
echo "== Python"
WAYPOST_BASE_URL="$url" "$place/python/bin/python" examples/python/story.py
echo
echo "== Python, async"
key=$(sed -n 's/^ *\(wp_[^ ]*\)$/\1/p' "$log" | head -1)
WAYPOST_BASE_URL="$url" WAYPOST_API_KEY="$key" "$place/python/bin/python" examples/python/story_async.py
echo
echo "== JavaScript, Node"
WAYPOST_BASE_URL="$url" node "$place/node/out/story.js"
echo
echo "Every SDK told its story."
