#!/usr/bin/env bash
# Installs the Debian packages that Muster needs and that are not there yet.
#
#     deploy/install-packages.sh build    to build and run it
#     deploy/install-packages.sh test     the above, and what the tests need
#
# Needs root or sudo only when something is missing.  docs/dependencies.md says why each is there.
set -euo pipefail

build=(ca-certificates cmake gcc git libc6-dev libcurl4-openssl-dev libjansson-dev libmariadb-dev libmicrohttpd-dev
       libpq-dev libsodium-dev libsqlite3-dev libuv1-dev libyaml-dev ninja-build pkg-config python3 uthash-dev)
demo=(python3-django)
test=(ccache clang clang-format clang-tidy dpkg-dev iproute2 libclang-rt-14-dev libcriterion-dev libxml2-utils
      llvm-14 mandoc mariadb-client mariadb-server postgresql prometheus python3-asgiref python3-jsonschema python3-mysqldb
      python3-psycopg2 python3-sqlparse python3-tz python3-yaml tzdata util-linux xz-utils)

case "${1:-build}" in
    build) wanted=("${build[@]}") ;;
    demo) wanted=("${build[@]}" "${demo[@]}") ;;
    test) wanted=("${build[@]}" "${demo[@]}" "${test[@]}") ;;
    *) echo "usage: $0 build|demo|test" >&2; exit 2 ;;
esac

missing=()
for package in "${wanted[@]}"; do
    state=$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || true)
    [[ "$state" == ii* ]] || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
    echo "packages: nothing is missing"
    exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "$0: these packages are missing, and installing them needs root or sudo: ${missing[*]}" >&2; exit 1; }
    as_root=(sudo)
fi
echo "packages: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive

# The tests start database servers of their own, by path; none is to run on this machine because its
# package came.  While packages are installed, policy-rc.d says no to every start (as in a container's
# image), and postgresql-common makes no cluster.  A file that was there already is left alone.
policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.d/muster-none.conf
made=()
leave_as_found() {
    [ ${#made[@]} -gt 0 ] || return 0
    "${as_root[@]}" rm -f "${made[@]}"
    "${as_root[@]}" rmdir --ignore-fail-on-non-empty "$(dirname "$cluster")" 2>/dev/null || true
}
trap leave_as_found EXIT
place() { # PATH MODE TEXT
    [ ! -e "$1" ] || return 0
    made+=("$1")
    "${as_root[@]}" install -D -m "$2" /dev/null "$1"
    printf '%s\n' "$3" | "${as_root[@]}" tee "$1" >/dev/null
}
place "$policy" 755 $'#!/bin/sh\nexit 101'
place "$cluster" 644 'create_main_cluster = false'

"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
