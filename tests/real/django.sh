#!/usr/bin/env bash
# Django 4.2's own test suite (about 16,000 tests) by its own runner and by a fleet, compared test by test.
#
#     tests/real/django.sh [--part] [STEP...]      steps: serial serial2 listed reverse shuffle:SEED kill:SEED
#
# Without steps: all of them.  --part: a few modules of the suite, for CI.  Needs root for the namespaces.  Keeps its files in
# build/real (or $MUSTER_REAL_DIR); a finished serial run is not made again.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=${MUSTER_REAL_DIR:-$PWD/build/real}
part=()
if [ "${1:-}" = --part ]; then part=(--part); shift; fi
steps=("$@")
[ ${#steps[@]} -gt 0 ] || steps=(serial serial2 listed reverse shuffle:42 kill:7)

deploy/install-packages.sh test
[ -x build/release/bin/muster ] || { cmake --preset release >/dev/null && cmake --build --preset release >/dev/null; }
version=$(tests/real/get-source.sh python-django "$work/source")
echo "django: source package python-django $version, $(/usr/bin/python3 --version)"
exec /usr/bin/python3 tests/real/django.py "${part[@]}" --bin build/release/bin --source "$work/source/python-django" \
    --work "$work/django" "${steps[@]}"
