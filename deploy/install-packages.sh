#!/usr/bin/env bash
# Installs the Debian packages that Muster needs and that are not there yet.
#
#     deploy/install-packages.sh build    to build and run it
#     deploy/install-packages.sh test     the above, and what the tests need
#
# Needs root or sudo only when something is missing.  docs/dependencies.md says why each is there.
set -euo pipefail

build=(ca-certificates cmake gcc git libc6-dev libcurl4-openssl-dev libjansson-dev libmicrohttpd-dev
       libsodium-dev libsqlite3-dev libuv1-dev libyaml-dev ninja-build pkg-config python3 uthash-dev)
demo=(python3-django)
test=(ccache clang clang-format clang-tidy dpkg-dev iproute2 libclang-rt-14-dev libcriterion-dev libxml2-utils
      llvm-14 mandoc prometheus python3-asgiref python3-jsonschema python3-sqlparse
      python3-tz python3-yaml util-linux xz-utils)

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
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
