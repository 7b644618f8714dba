#!/usr/bin/env python3
"""A library's unittest suite by its own runner and by two agents, compared test by test."""
import argparse
import json
import shutil
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent / "support")]
import compare_outcomes  # noqa: E402
from django import ENVIRONMENT, HERE, PYTHON, call, check, check_counts, to_lines  # noqa: E402
from fleet import Fleet  # noqa: E402

SUITE = """\
name: {name}
driver: unittest
source: {{dir: .}}
command: [{python}]
args: {args}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/release/bin")
    parser.add_argument("--source", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--args", nargs="*", default=["-s", "tests", "-t", "."])
    args = parser.parse_args()
    source, work = Path(args.source).resolve(), Path(args.work).resolve()
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    tree = work / "tree"
    shutil.copytree(source, tree, symlinks=True)
    (tree / "muster.yml").write_text(SUITE.format(name=source.name, python=PYTHON, args=json.dumps(args.args)))

    # What `python3 -m unittest` is, as a file.
    (work / "own.py").write_text("import unittest\nunittest.main(module=None)\n")
    call(PYTHON, HERE / "own_runner_dump.py", work / "own.jsonl", work / "own.py", "discover", *args.args,
         cwd=tree, env=ENVIRONMENT)
    fleet = Fleet(args.bin, work / "fleet")
    fleet.start_coordinator()
    for name in ("one", "two"):
        fleet.start_agent(name, 2, source_root=tree)
    try:
        code = fleet.run(tree / "muster.yml", "--json", work / "report.json", "--order", "shuffle:3").wait()
    finally:
        fleet.stop()
    left = fleet.leftovers()
    report = json.loads((work / "report.json").read_text())
    check(code == 0, "exit status 0")
    check_counts(report)
    check(not any(left.values()), "nothing is left: %s" % left)
    to_lines(report, work / "fleet.jsonl")
    differences, count = compare_outcomes.compare(work / "own.jsonl", work / "fleet.jsonl")
    check(not differences, "%d tests have the outcomes of their own runner %s" % (count, differences))


if __name__ == "__main__":
    main()
