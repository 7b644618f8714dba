#!/usr/bin/env bash
# Gets a Debian source package of trixie through this machine's own Debian mirror and unpacks it.
#
#     tests/real/get-source.sh PACKAGE DIR      prints the version; the tree is DIR/PACKAGE
#
# The mirror is the one of the machine's apt configuration; a private apt list asks it for trixie's
# sources, so the system's own lists stay as they are.
set -euo pipefail
package=$1
dir=$(mkdir -p "$2" && cd "$2" && pwd)

if [ -f "$dir/$package.version" ] && [ -d "$dir/$package" ]; then
    cat "$dir/$package.version"
    exit 0
fi
mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
    awk '$2 !~ /security/ && $3 == "main" && $1 ~ /debian\/?$/ { print $1; exit }')
[ -n "$mirror" ] || { echo "get-source.sh: no Debian mirror in this machine's apt configuration" >&2; exit 1; }
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
private=$dir/apt
mkdir -p "$private/lists/partial"
printf 'deb-src [signed-by=%s] %s trixie main\n' "$keyring" "$mirror" >"$private/sources.list"
options=(-o "Dir::Etc::SourceList=$private/sources.list" -o Dir::Etc::SourceParts=/dev/null
         -o "Dir::State::lists=$private/lists" -o APT::Get::List-Cleanup=0 -o APT::Sandbox::User=root)

# trixie's archive key may be younger than this machine's keyring; the security of what is fetched then rests
# on the machine's own mirror, and we say so.
if ! apt-get "${options[@]}" -qq update 2>"$private/update.log"; then
    grep -q NO_PUBKEY "$private/update.log" || { cat "$private/update.log" >&2; exit 1; }
    echo "get-source.sh: the keyring here does not know trixie's key; its signature is not checked" >&2
    printf 'deb-src [trusted=yes] %s trixie main\n' "$mirror" >"$private/sources.list"
    apt-get "${options[@]}" -qq update
fi
cd "$dir"
apt-get "${options[@]}" -qq --download-only source "$package" >/dev/null 2>"$private/source.log" || { cat "$private/source.log" >&2; exit 1; }
dsc=$(ls -t "$package"_*.dsc | head -1)
rm -rf "$package"
mkdir "$package"
tar xf "$(ls "$package"_*.orig.tar.* | grep -v '\.asc$' | head -1)" -C "$package" --strip-components=1
sed -n 's/^Version: //p' "$dsc" | head -1 >"$package.version"
cat "$package.version"
