#!/usr/bin/env python3
"""Django's own test suite, by its own runner and by a fleet, compared test by test.

    django.py --bin DIR --source DIR --work DIR [--part] STEP...

Steps: serial   the suite by tests/runtests.py --parallel=1 (twice with serial2: what differs between the two is
                a difference of the suite's own)
       listed reverse shuffle:SEED   a run of the fleet in that order, compared with the serial one
       kill:SEED   a run in which a worker, an agent and the coordinator are killed with SIGKILL

The fleet is a coordinator and three agents with two workers each.  All get the tree from a git daemon; the third lives in
a mount and a network namespace of its own, in which the tree of the first two does not exist.
--part takes only a few of the suite's modules: what CI has time for.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent / "support")]
import compare_outcomes  # noqa: E402
from fleet import Fleet, Killer, TemplateWatch  # noqa: E402

HERE = Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"
PART = ["aggregation", "backends", "basic", "delete", "fixtures", "generic_relations", "migrations", "model_fields",
        "queries", "serializers", "test_runner", "transactions", "validation"]
HOST_ADDRESS, AGENT_ADDRESS = "10.213.7.1", "10.213.7.2"
NAMESPACE = "muster-real"
# What the serial run and the agents' workers both get.
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": os.environ.get("HOME", "/root"),
               "LANG": "C.UTF-8"}
SUITE = """\
name: django
driver: django
source: {{git: "git://{address}:{port}/tree.git"}}
command: [{python}, tests/runtests.py]
env: {{PYTHONPATH: "${{dir}}"}}
databases:
  default: {{engine: sqlite, memory: true}}
  other: {{engine: sqlite, memory: true}}
timeouts: {{test: 5m}}
"""


def call(*argv, **options):
    return subprocess.run([str(a) for a in argv], check=True, **options)


class Network:
    """A veth pair between this machine and a network namespace."""

    def __enter__(self):
        self.__exit__()
        call("ip", "netns", "add", NAMESPACE)
        call("ip", "link", "add", "muster-real0", "type", "veth", "peer", "name", "muster-real1", "netns", NAMESPACE)
        call("ip", "addr", "add", HOST_ADDRESS + "/30", "dev", "muster-real0")
        call("ip", "link", "set", "muster-real0", "up")
        inside = ["ip", "-n", NAMESPACE]
        call(*inside, "addr", "add", AGENT_ADDRESS + "/30", "dev", "muster-real1")
        call(*inside, "link", "set", "muster-real1", "up")
        call(*inside, "link", "set", "lo", "up")
        return self

    def __exit__(self, *_):
        subprocess.run(["ip", "netns", "del", NAMESPACE], stderr=subprocess.DEVNULL)
        subprocess.run(["ip", "link", "del", "muster-real0"], stderr=subprocess.DEVNULL)


class GitDaemon:
    """Serves the tree over the git protocol on the veth address."""

    def __init__(self, base, port=9419):
        self.base, self.port = base, port

    def __enter__(self):
        self.process = subprocess.Popen(
            ["git", "daemon", "--reuseaddr", "--export-all", "--base-path=%s" % self.base, "--listen=" + HOST_ADDRESS,
             "--port=%d" % self.port, str(self.base)], stderr=subprocess.DEVNULL, start_new_session=True)
        until = time.monotonic() + 20
        while subprocess.run(["git", "ls-remote", "git://%s:%d/tree.git" % (HOST_ADDRESS, self.port)],
                             capture_output=True).returncode:
            if time.monotonic() > until:
                raise SystemExit("git daemon does not answer")
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        os.killpg(self.process.pid, 15)
        self.process.wait()


def make_tree(source, work):
    """A git repository of the source with the suite file in it."""
    tree = work / "tree"
    if tree.exists():
        return tree
    shutil.copytree(source, tree, symlinks=True)
    (tree / "muster.yml").write_text(SUITE.format(address=HOST_ADDRESS, port=9419, python=PYTHON))
    git = ["git", "-C", tree, "-c", "user.name=test", "-c", "user.email=test@localhost"]
    call(*git, "init", "-q")
    call(*git, "add", "-A", "-f")
    call(*git, "commit", "-q", "-m", "tree")
    call("git", "clone", "-q", "--bare", tree, work / "served" / "tree.git")
    return tree


def serial(tree, out, labels):
    if out.exists():
        return
    print("== serial by its own runner", flush=True)
    started = time.monotonic()
    part = out.with_suffix(".part")
    # What an earlier run left: a directory "cache" in the tree is taken for the label of that name, and its tests are left out.
    call("git", "-C", tree, "clean", "-q", "-f", "-d", "-x")
    argv = [PYTHON, HERE / "own_runner_dump.py", part, "tests/runtests.py", "--parallel=1", "-v", "0", *labels]
    with open(out.with_suffix(".log"), "wb") as log:
        # The tree's own Django, not the one that is installed.
        env = {**ENVIRONMENT, "PYTHONPATH": str(tree)}
        code = subprocess.run([str(a) for a in argv], cwd=tree, stdout=log, stderr=log, env=env).returncode
    print("   exit status %d, %.0f s" % (code, time.monotonic() - started), flush=True)
    check(part.stat().st_size > 0, "its own runner ran")
    part.rename(out)


def outcome_of(test):
    """The outcome of the attempt that gave the verdict: the last that counted."""
    counted = [a for a in test.get("attempts", []) if a.get("counted")]
    return counted[-1] if counted else None


def to_lines(report, out):
    """Muster's JSON report as the lines that compare_outcomes.py reads."""
    with open(out, "w", encoding="utf-8") as file:
        for test in report["tests"]:
            file.write(json.dumps({"collected": test["id"]}) + "\n")
            last = outcome_of(test)
            if last:
                file.write(json.dumps({"id": test["id"], "outcome": last["outcome"], "reason": last.get("message", "")}) + "\n")


def check(condition, text):
    if not condition:
        raise SystemExit("NOT AS PROMISED: " + text)
    print("   ok: " + text, flush=True)


def check_counts(report):
    counts = report["run"]["counts"]
    total = sum(counts.get(k, 0) for k in ("passed", "failed", "error", "skipped", "flaky", "crashed", "timed_out", "not_run"))
    check(counts["collected"] == total == len(report["tests"]), "collected %d = counted %d" % (counts["collected"], total))
    check(counts.get("not_run", 0) == 0, "no test was left out")


def check_kills(report, log):
    """A test with more than one attempt must be explained by the kill log."""
    workers = {entry["name"] for entry in log if entry["kind"] == "worker"}
    agents = {entry["name"] for entry in log if entry["kind"] == "agent"}
    unexplained = []
    for test in report["tests"]:
        attempts = test.get("attempts", [])
        extra = [a for a in attempts if a is not outcome_of(test)]
        for attempt in extra:
            by_worker = attempt["outcome"] == "crashed" and attempt["worker"] in workers
            by_agent = attempt["agent"] in agents and not attempt.get("counted")
            if not by_worker and not by_agent:
                unexplained.append((test["id"], attempt["outcome"], attempt["worker"], attempt.get("why_not")))
    check(not unexplained, "every further attempt is explained by the kill log %s %s" % (log, unexplained[:5]))
    flaky = [t["id"] for t in report["tests"] if t["verdict"] == "flaky"]
    check(len(flaky) <= len(workers), "flaky tests are those that ran in the killed worker: %s" % flaky)


class Bench:
    def __init__(self, args):
        self.args = args
        self.work = Path(args.work).resolve()
        self.work.mkdir(parents=True, exist_ok=True)
        self.tree = make_tree(Path(args.source).resolve(), self.work)
        self.labels = PART if args.part else []
        self.own = self.work / ("serial-part.jsonl" if args.part else "serial.jsonl")

    def start_fleet(self, name):
        fleet = Fleet(self.args.bin, self.work / name, HOST_ADDRESS)
        fleet.start_coordinator()
        for agent in ("one", "two"):
            fleet.start_agent(agent, 2)
        # The third sees neither the tree nor what is served, only what git sends it.
        hide = "mount -t tmpfs none '%s' && mount -t tmpfs none '%s' && exec \"$@\"" % (self.tree, self.work / "served")
        fleet.start_agent("three", 2, prefix=["ip", "netns", "exec", NAMESPACE, "unshare", "-m", "--propagation", "private",
                                              "sh", "-c", hide, "sh"])
        return fleet

    def fleet_run(self, name, order, seed=None):
        print("== fleet: %s" % name, flush=True)
        shutil.rmtree(self.work / name, ignore_errors=True)
        started = time.monotonic()
        report_path = self.work / (name + ".json")
        report_path.unlink(missing_ok=True)
        with Network(), GitDaemon(self.work / "served"):
            fleet = self.start_fleet(name)
            try:
                client = fleet.run(self.tree / "muster.yml", "--order", order, "--json", report_path,
                                   "--junit", report_path.with_suffix(".xml"), *self.labels)
                watch = TemplateWatch(fleet)
                log = self.attend(fleet, client, seed, watch)
                code = client.wait()
            finally:
                fleet.stop()
            left = fleet.leftovers()
        print("   exit status %d, %.0f s" % (code, time.monotonic() - started), flush=True)
        check(report_path.exists(), "the report was saved")
        report = json.loads(report_path.read_text())
        check_counts(report)
        check(watch.again > 0 and not watch.changed, "%d templates are unchanged in %d looks" % (len(watch.seen), watch.again))
        check(not any(left.values()), "nothing is left: %s" % {k: v[:3] for k, v in left.items() if v})
        if seed is not None:
            check(len(log) == 3, "a worker, an agent and the coordinator were killed: %s" % log)
        check_kills(report, log)
        return report

    def attend(self, fleet, client, seed, watch):
        """Kills what is due while the run goes on; answers the kill log."""
        killer = None
        while client.poll() is None:
            if seed is not None and killer is None:
                try:
                    killer = Killer(fleet, fleet.newest_run(), seed, self.size())
                except (OSError, LookupError):
                    pass
            if killer:
                killer.step()
            watch.step()
            time.sleep(0.1)
        return killer.log if killer else []

    def size(self):
        with open(self.own) as file:
            return sum('"collected"' in line for line in file)

    def compare(self, name, report):
        lines = self.work / (name + ".jsonl")
        to_lines(report, lines)
        differences, count = compare_outcomes.compare(self.own, lines)
        allowed = json.loads((HERE / "django-allowed.json").read_text())["tests"]
        unexpected = {k: v for k, v in differences.items() if k not in allowed}
        for test, text in sorted(differences.items()):
            print("   %s %s: %s" % ("allowed" if test in allowed else "DIFFERS", test, text))
        check(not unexpected, "%d tests compared, %d allowed differences, 0 others" % (count, len(differences)))
        check(len(allowed) <= 10, "at most 10 differences are allowed: %d" % len(allowed))

    def step(self, step):
        if step == "serial":
            serial(self.tree, self.own, self.labels)
        elif step == "serial2":
            second = self.own.with_name("second-" + self.own.name)
            serial(self.tree, second, self.labels)
            differences, count = compare_outcomes.compare(self.own, second)
            print("   %d tests, %d differ between two serial runs: %s" % (count, len(differences), sorted(differences)))
        elif step.startswith("kill:"):
            name = "kill-" + step.split(":")[1]
            self.compare(name, self.fleet_run(name, "listed", int(step.split(":")[1])))
        else:
            name = step.replace(":", "-")
            self.compare(name, self.fleet_run(name, step))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bin", default="build/release/bin")
    parser.add_argument("--source", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--part", action="store_true")
    parser.add_argument("steps", nargs="+")
    args = parser.parse_args()
    bench = Bench(args)
    for step in args.steps:
        bench.step(step)


if __name__ == "__main__":
    main()
