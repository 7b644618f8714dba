#!/usr/bin/env bash
# From a fresh Debian 12 machine to a green run: installs packages, builds Muster, starts a coordinator and two
# agents on loopback, and runs the example Django project (docs/examples/shop) with a database clone for
# every worker.  May be run again; it keeps its state in build/quickstart and stops what it started.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
# The Django that is installed is Debian's, so its Python runs the example.
export PATH=/usr/bin:$PATH
state=$root/build/quickstart

say() { printf '== %s\n' "$*"; }

say "installing the Debian packages that are missing"
deploy/install-packages.sh demo

say "building Muster into build/release"
cmake --preset release >"$root/.quickstart.log" 2>&1 || { cat "$root/.quickstart.log"; exit 1; }
cmake --build --preset release >>"$root/.quickstart.log" 2>&1 || { tail -50 "$root/.quickstart.log"; exit 1; }
rm -f "$root/.quickstart.log"

bin=$root/build/release/bin
mkdir -p "$state"
pids=()
stop() {
    # Agents first: they drain and remove what they made.
    for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
        kill -TERM "${pids[$i]}" 2>/dev/null && wait "${pids[$i]}" 2>/dev/null || true
    done
}
trap stop EXIT

say "starting a coordinator on loopback"
rm -f "$state/port"
"$bin/muster-coordinator" --listen 127.0.0.1:0 --data "$state/coordinator" --port-file "$state/port" \
    2>"$state/coordinator.log" &
pids+=($!)
for ((tries = 0; tries < 300; tries++)); do
    [ -s "$state/port" ] && break
    kill -0 "${pids[0]}" 2>/dev/null || { cat "$state/coordinator.log"; exit 3; }
    sleep 0.1
done
url=http://127.0.0.1:$(cat "$state/port")

say "starting two agents with two workers each"
for name in one two; do
    "$bin/muster-agent" --coordinator "$url" --name "$name" --workers 2 --work-dir "$state/agent-$name" \
        --source-root "$root/docs/examples" 2>"$state/agent-$name.log" &
    pids+=($!)
done

say "running docs/examples/shop"
reports=$root/muster-reports
mkdir -p "$reports"
"$bin/muster" run -f docs/examples/shop/muster.yml --coordinator "$url" \
    --junit "$reports/shop.xml" --json "$reports/shop.json"

say "green.  The reports: muster-reports/shop.xml (JUnit) and muster-reports/shop.json"
say "your own project: write a muster.yml beside your manage.py (docs/suite-file.md), then: $bin/muster run"
