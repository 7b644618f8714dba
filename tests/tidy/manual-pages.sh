#!/usr/bin/env bash
# The manual pages are such as mandoc takes without an error.
set -euo pipefail
for page in "$1"/*.1; do
    mandoc -T lint -W error "$page"
done
echo "$(ls "$1"/*.1 | wc -l) manual pages are well formed"
