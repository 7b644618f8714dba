#!/usr/bin/env bash
# Runs Muster's tests, and installs what they need (as root or with sudo) when it is missing.
#
#     tests/run.sh                all stages, in less than 25 minutes on 2 cores
#     tests/run.sh STAGE...       some of them: packages unit lint asan tsan release system real
#
# docs/testing.md says what each stage is, and which longer targets there are beside them.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
jobs=$(nproc)
stages=("$@")
[ ${#stages[@]} -gt 0 ] || stages=(packages unit lint asan tsan release system real)

passed=0
failed=0
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT

build() { # PRESET [CMAKE OPTION]...
    local preset=$1
    shift
    local launcher=()
    command -v ccache >/dev/null && launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache)
    cmake --preset "$preset" "${launcher[@]}" "$@" >"$log/$preset.configure" 2>&1 || { cat "$log/$preset.configure"; return 1; }
    cmake --build --preset "$preset" -j "$jobs" >"$log/$preset.build" 2>&1 || { grep -A30 -m3 -E 'FAILED|error' "$log/$preset.build"; return 1; }
}

stage_packages() { deploy/install-packages.sh test; }

stage_unit() {
    build dev
    ctest --preset dev -j "$jobs"
}

stage_lint() { tests/tidy/lint.sh; }

# Of the simulation a part of the seeds: it takes ten times as long here.
stage_asan() {
    build asan
    ctest --preset asan -j "$jobs" -LE 'slow|simulation|tidy'
    build/asan/bin/simulate --seeds 1..30 --agents 20 --tests 300 --faults 50
    integration_under asan test_outcomes test_death
}

# Programs under a sanitizer write what they find to files, since their stderr is their log; any file is a failure.
integration_under() { # PRESET TEST...
    local preset=$1 found=$log/$1-findings
    shift
    mkdir -p "$found"
    local options="log_path=$found/report:exitcode=66"
    TSAN_OPTIONS=$options ASAN_OPTIONS=$options UBSAN_OPTIONS=$options:print_stacktrace=1 \
        tests/integration/run.sh "build/$preset/bin" "$@"
    if [ -n "$(ls "$found")" ]; then head -60 "$found"/*; return 1; fi
}

# What has threads: door and engine by themselves, then coordinator and agents as they are used.  Criterion's sandbox does not
# start under this sanitizer, so these tests are programs of their own.
stage_tsan() {
    build tsan
    ctest --preset tsan -j "$jobs" -L 'threads'
    integration_under tsan test_outcomes test_sources test_death
}

stage_release() { build release; }

# Real programs, sockets, processes, kill -9; no framework's own suite.  Of the example's 20 shuffles, 5.
stage_system() { MUSTER_SHUFFLES=${MUSTER_SHUFFLES:-5} tests/integration/run.sh build/release/bin; }

# Other people's suites: a part of Django's own, whole with tests/real/django.sh.
stage_real() { tests/real/run.sh --part; }

for stage in "${stages[@]}"; do
    declare -F "stage_$stage" >/dev/null || { echo "tests/run.sh: no stage '$stage'" >&2; exit 2; }
    printf '\n== %s\n' "$stage"
    start=$SECONDS
    # A stage is a shell of its own, so that one of its failing commands ends it and not the rest.
    if (set -e; "stage_$stage"); then
        passed=$((passed + 1))
        printf '== %s: passed in %d s\n' "$stage" $((SECONDS - start))
    else
        failed=$((failed + 1))
        printf '== %s: FAILED after %d s\n' "$stage" $((SECONDS - start))
    fi
done
cd "$root"
printf '\nstages: %d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
