#!/usr/bin/env bash
# The formatter and the linter over every C file of ours.
#
#     tests/tidy/lint.sh [FILE]...     these files; without any, every file for the formatter, and for the linter all but the tests
#     tests/tidy/lint.sh --all         the tests' files for the linter, too (twice as long)
set -euo pipefail
cd "$(dirname "$0")/../.."
skip='^tests/'
if [ "${1:-}" = --all ]; then skip='^$'; shift; fi
if [ $# -gt 0 ]; then files=("$@"); skip='^$'; else mapfile -t files < <(git ls-files '*.c' '*.h'); fi

clang-format --dry-run -Werror "${files[@]}"
echo "format: ${#files[@]} files are as .clang-format says"

cmake --preset tidy >/dev/null
mapfile -t sources < <(printf '%s\n' "${files[@]}" | grep '\.c$' | grep -vE "$skip")
printf '%s\n' "${sources[@]}" | xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p build/tidy 2>/dev/null
echo "clang-tidy: ${#sources[@]} files are clean"
