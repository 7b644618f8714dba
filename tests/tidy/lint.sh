#!/usr/bin/env bash
# The formatter and the linter over every C file of ours.
#
#     tests/tidy/lint.sh [FILE]...
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ $# -gt 0 ]; then files=("$@"); else mapfile -t files < <(git ls-files '*.c' '*.h'); fi

clang-format --dry-run -Werror "${files[@]}"
echo "format: ${#files[@]} files are as .clang-format says"

cmake --preset tidy >/dev/null
mapfile -t sources < <(printf '%s\n' "${files[@]}" | grep '\.c$')
printf '%s\n' "${sources[@]}" | xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p build/tidy 2>/dev/null
echo "clang-tidy: ${#sources[@]} files are clean"
