#!/usr/bin/env bash
# Gets MySQL 9 of Debian unstable and unpacks it; Debian 12 itself has none.
#
#     tests/real/get-mysql.sh DIR      prints the version; the programs are DIR/bin/mysqld, mysql, ...
#
# The mirror is the one of the machine's apt configuration.  A private apt configuration asks it for
# unstable's packages (the system's own lists and packages stay as they are), and dpkg-deb unpacks
# MySQL and every library it stands on, libc and its loader too, into DIR/root: no root, no chroot.
# Done already: only the version is printed.
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: $0 DIR" >&2; exit 2; }
dir=$(mkdir -p "$1" && cd "$1" && pwd)
fail() { echo "get-mysql.sh: $*" >&2; exit 1; }

if [ -f "$dir/version" ] && "$dir/bin/mysqld" --version >/dev/null 2>&1; then
    cat "$dir/version"
    exit 0
fi
for program in apt-get dpkg-deb; do
    command -v $program >/dev/null || fail "$program is needed; MySQL comes as Debian packages"
done
mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
    awk '$2 !~ /security/ && $3 == "main" && $1 ~ /debian\/?$/ { print $1; exit }')
[ -n "$mirror" ] || fail "no Debian mirror in this machine's apt configuration"

rm -rf "$dir/root" "$dir/bin" "$dir/apt" "$dir/version"
private=$dir/apt
mkdir -p "$private/lists/partial" "$private/cache/archives/partial" "$private/debs" "$dir/root" "$dir/bin"
: >"$private/status" # nothing is installed: every library that MySQL needs is named
options=(-o "Dir::Etc::SourceList=$private/sources.list" -o Dir::Etc::SourceParts=/dev/null
         -o "Dir::State=$private" -o "Dir::State::lists=$private/lists" -o "Dir::State::status=$private/status"
         -o "Dir::Cache=$private/cache" -o APT::Sandbox::User=root -o Acquire::Languages=none -o Debug::NoLocking=1)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
printf 'deb [signed-by=%s] %s sid main\n' "$keyring" "$mirror" >"$private/sources.list"
# As in get-source.sh: unstable's archive key may be younger than this machine's keyring.
if ! apt-get "${options[@]}" -qq update 2>"$private/update.log"; then
    grep -q NO_PUBKEY "$private/update.log" || fail "the mirror gives no list of unstable's packages: $(tail -1 "$private/update.log")"
    echo "get-mysql.sh: the keyring here does not know unstable's key; its signature is not checked" >&2
    printf 'deb [trusted=yes] %s sid main\n' "$mirror" >"$private/sources.list"
    apt-get "${options[@]}" -qq update
fi

# Perl is for the client package's scripts, which nobody runs here: half of the download.
packages=$(apt-get "${options[@]}" --no-install-recommends -s install mysql-server-core mysql-client-core 2>"$private/install.log" |
    awk '$1 == "Inst" && $2 !~ /^(lib)?perl|^libgdbm|^libdb5/ { print $2 }')
[ -n "$packages" ] || fail "unstable has no MySQL that can be installed: $(tail -1 "$private/install.log")"
# shellcheck disable=SC2086  # names of packages, one word each
(cd "$private/debs" && apt-get "${options[@]}" -qq download $packages) 2>"$private/download.log" ||
    fail "MySQL could not be downloaded: $(tail -1 "$private/download.log")"
for deb in "$private"/debs/*.deb; do
    dpkg-deb -x "$deb" "$dir/root"
done

# A wrapper runs its program through unstable's own loader with unstable's own libraries: this
# machine's libc may be older than the program needs.  It becomes the program (exec), so signals and
# exit codes are the program's.  mysqld is told where its messages, character sets and plugins are,
# because it was built for /usr; last, since --no-defaults must stay first.
root=$dir/root
loader=$(find "$root" -name 'ld-linux*.so.*' | sort | head -1)
[ -n "$loader" ] || fail "unstable's libc brought no loader"
libraries=$(dirname "$(find "$root" -name 'libc.so.6' | head -1)")
plugins=$(dirname "$(find "$root" -name 'mysql_clone.so' -o -name 'component_validate_password.so' | head -1)")
wrapper() { # PROGRAM MORE-ARGUMENTS
    printf '#!/bin/sh\nexec "%s" --library-path "%s" "%s" "$@" %s\n' "$loader" "$libraries" "$1" "$2" >"$dir/bin/$(basename "$1")"
    chmod 755 "$dir/bin/$(basename "$1")"
}
for program in mysql mysqladmin mysqldump mysql_tzinfo_to_sql; do
    [ ! -x "$root/usr/bin/$program" ] || wrapper "$root/usr/bin/$program" ""
done
wrapper "$root/usr/sbin/mysqld" "--lc-messages-dir=\"$root/usr/share/mysql\" --character-sets-dir=\"$root/usr/share/mysql/charsets\" --plugin-dir=\"$plugins\""

printed=$("$dir/bin/mysqld" --version) || fail "what was unpacked does not run here"
rm -rf "$private"
sed -n 's/.* Ver \([^ ]*\).*/\1/p' <<<"$printed" >"$dir/version"
cat "$dir/version"
