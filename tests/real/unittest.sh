#!/usr/bin/env bash
# The suite of pyasn1 (about 1,200 tests, unittest), from its Debian source package, by its own runner and by two agents.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=${MUSTER_REAL_DIR:-$PWD/build/real}
deploy/install-packages.sh test
[ -x build/release/bin/muster ] || { cmake --preset release >/dev/null && cmake --build --preset release >/dev/null; }
version=$(tests/real/get-source.sh pyasn1 "$work/source")
echo "unittest: source package pyasn1 $version, $(/usr/bin/python3 --version)"
exec /usr/bin/python3 tests/real/unittest_suite.py --source "$work/source/pyasn1" --work "$work/unittest"
