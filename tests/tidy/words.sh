#!/usr/bin/env bash
# Words and calls that do not belong in the tree, and links in the docs that lead nowhere.
set -euo pipefail
cd "$(dirname "$0")/../.."
status=0
complain() { printf '%s\n' "$1" >&2; status=1; }

sources=$(git ls-files '*.c' '*.h')
# Calls that have a safer neighbour here: bounded text, our hashes, our dice, events instead of naps.
if grep -nE '\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|localtime|gmtime|rand|srand|usleep|tmpnam|mktemp|system)\(' $sources; then
    complain 'a banned call: see the list in tests/tidy/words.sh'
fi
if git ls-files 'tests/*.c' | xargs -r grep -nE '\b(sleep|nanosleep|usleep)\('; then
    complain 'a test waits for events, never for some time'
fi
if git ls-files | grep -vE '^(tests/tidy/words.sh|schemas/examples/|tests/fuzz/corpus/)' | xargs grep -nIE '\b(TODO|FIXME|XXX|HACK)\b'; then
    complain 'unfinished work is written as an issue, not as a word in the code'
fi

# Relative links of the documents.
while IFS=: read -r file link; do
    target=${link%%#*}
    [ -z "$target" ] && continue
    [ -e "$(dirname "$file")/$target" ] || complain "$file: the link '$link' leads nowhere"
done < <(git ls-files '*.md' | xargs grep -oE '\]\([^)]+\)' | sed -E 's/\]\(([^)]+)\)/\1/' | grep -vE ':(https?|mailto):')
exit $status
