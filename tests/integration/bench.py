"""What the integration tests share: the built programs, a directory that goes, and a suite made on the spot."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
from fleet import Fleet  # noqa: E402

BIN = Path(os.environ.get("MUSTER_BIN", ROOT / "build" / "release" / "bin")).resolve()
# Debian's Python has Django; the machine may have another one in front.
os.environ["PATH"] = "/usr/bin:" + os.environ["PATH"]
RUN_S = 300


class IntegrationTest(unittest.TestCase):
    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="muster-it-"))
        self.fleet = None
        self.env = {**os.environ, "XDG_STATE_HOME": str(self.dir / "state"), "XDG_CACHE_HOME": str(self.dir / "cache"),
                    "NO_COLOR": "1"}
        for name in ("MUSTER_COORDINATOR", "MUSTER_TOKEN_FILE", "MUSTER_FILE"):
            self.env.pop(name, None)

    def tearDown(self):
        if self.fleet:
            self.fleet.stop()
            left = {k: v for k, v in self.fleet.leftovers().items() if v}
            self.assertEqual(left, {}, "something is left")
        shutil.rmtree(self.dir, ignore_errors=True)

    def suite(self, files, name="suite"):
        """Writes files into a directory of their own; answers it."""
        where = self.dir / name
        for path, text in files.items():
            (where / path).parent.mkdir(parents=True, exist_ok=True)
            (where / path).write_text(text)
        return where

    def copy(self, source, name):
        where = self.dir / name
        shutil.copytree(ROOT / source, where, ignore=shutil.ignore_patterns("__pycache__"))
        return where

    def muster(self, *args, cwd=None, timeout=RUN_S):
        done = subprocess.run([str(BIN / "muster"), *map(str, args)], cwd=cwd, env=self.env, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout, errors="replace")
        self.said = done.stdout + done.stderr
        return done.returncode

    def run_suite(self, where, *args, expect=None):
        """`muster run` in local mode; answers the JSON report."""
        report = self.dir / "report.json"
        report.unlink(missing_ok=True)
        code = self.muster("run", "--json", report, *args, cwd=where)
        if expect is not None:
            self.assertEqual(code, expect, self.said)
        self.code = code
        return json.loads(report.read_text()) if report.exists() else None

    def start_fleet(self, source_root, agents=2, workers=2):
        self.fleet = Fleet(BIN, self.dir / "fleet")
        self.fleet.start_coordinator()
        for number in range(agents):
            self.fleet.start_agent("agent%d" % (number + 1), workers, source_root=source_root)
        return self.fleet

    def on_fleet(self):
        return ["--coordinator", self.fleet.url, "--token-file", self.fleet.token_file]


def verdicts(report):
    return {test["id"]: test["verdict"] for test in report["tests"]}


def count_line(report):
    counts = report["run"]["counts"]
    return counts.get("collected", 0), sum(counts.get(name, 0) for name in (
        "passed", "failed", "error", "skipped", "flaky", "crashed", "timed_out", "not_run"))


UNITTEST = "driver: unittest\nname: %s\ncommand: [/usr/bin/python3]\nargs: [-s, tests, -t, .]\n"


def unittest_suite(name, body, extra=""):
    """Files of a suite with one module."""
    return {"muster.yml": UNITTEST % name + extra, "tests/__init__.py": "", "tests/test_it.py": "import os, time, unittest\n" + body}
