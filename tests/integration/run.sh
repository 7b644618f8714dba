#!/usr/bin/env bash
# The real programs, end to end, on loopback.
#
#     tests/integration/run.sh [BIN] [TEST...]      BIN: where the programs are (default build/release/bin)
set -euo pipefail
cd "$(dirname "$0")"
export MUSTER_BIN
MUSTER_BIN=$(cd ../.. && realpath "${1:-build/release/bin}")
shift || true
if [ $# -gt 0 ]; then exec /usr/bin/python3 -m unittest -v "$@"; fi
exec /usr/bin/python3 -m unittest discover -v -p 'test_*.py'
