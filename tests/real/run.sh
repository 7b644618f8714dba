#!/usr/bin/env bash
# Suites that nobody here wrote, run by Muster and by their own runners.
#
#     tests/real/run.sh           all of it (about an hour on 2 cores)
#     tests/real/run.sh --part    what CI has time for (minutes)
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "${1:-}" = --part ]; then
    tests/real/django.sh --part serial listed kill:7
    tests/real/unittest.sh --part
else
    tests/real/django.sh
    tests/real/unittest.sh
fi
