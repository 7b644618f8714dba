#!/usr/bin/env bash
# The README's two commands on a machine with only git: a Debian 12 made by debootstrap through this machine's own mirror.
#
#     tests/integration/fresh-machine.sh [--quick]     --quick: only the quick start, twice
#
# Needs root and debootstrap.  Prints status and seconds of each command.
set -euo pipefail
# Mounts of its own, which end with it.
[ -n "${MUSTER_FRESH:-}" ] || exec env MUSTER_FRESH=1 unshare --mount --propagation private "$0" "$@"
cd "$(dirname "$0")/../.."
root=$PWD
command -v debootstrap >/dev/null || { echo "fresh-machine.sh: debootstrap is not installed" >&2; exit 1; }

mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk '$2 !~ /security/ && $3 == "main" && $1 ~ /debian\/?$/ { print $1; exit }')
machine=$(mktemp -d /var/tmp/muster-fresh-XXXXXX)
leave() {
    umount -R -l "$machine" 2>/dev/null || true
    rm -rf --one-file-system "$machine"
}
trap leave EXIT
mount --bind "$machine" "$machine" # a root directory that is a mount point, as a machine's is
chmod 755 "$machine" # apt downloads as a user of its own

echo "== a fresh Debian 12 in $machine"
debootstrap --variant=minbase --include=git,ca-certificates bookworm "$machine" "$mirror" >/dev/null
cp /etc/resolv.conf "$machine/etc/resolv.conf"
[ ! -d /etc/apt/apt.conf.d ] || cp -r /etc/apt/apt.conf.d/. "$machine/etc/apt/apt.conf.d/"
cp /etc/hosts "$machine/etc/hosts"
mount -t proc proc "$machine/proc"
mount --rbind /sys "$machine/sys"
mount -t tmpfs -o mode=755 dev "$machine/dev"
mkdir "$machine/dev/pts" "$machine/dev/shm"
for node in null zero full random urandom tty; do cp -a "/dev/$node" "$machine/dev/"; done
ln -s /proc/self/fd "$machine/dev/fd"
ln -s pts/ptmx "$machine/dev/ptmx"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$machine/dev/pts"
mount -t tmpfs shm "$machine/dev/shm"
git clone -q "$root" "$machine/muster"

inside() { # NAME COMMAND
    local start=$SECONDS status=0
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 CI=true \
        ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
        chroot "$machine" sh -c "cd /muster && $2" || status=$?
    printf '== %s: status %d, %d s\n' "$1" "$status" $((SECONDS - start))
    return $status
}
inside "quick start" deploy/quickstart.sh
inside "quick start again" deploy/quickstart.sh
[ "${1:-}" = --quick ] || inside "tests" tests/run.sh
