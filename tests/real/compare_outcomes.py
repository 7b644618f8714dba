#!/usr/bin/env python3
"""Compares what two runs of one suite said of each test: ids, outcomes, skip reasons.

    compare_outcomes.py OWN.jsonl OTHER.jsonl [--allowed FILE.json] [--prefix ID]

OWN comes from own_runner_dump.py.  OTHER holds lines with "id", "outcome" and, for a skipped test,
the reason in "reason" or "message" (tests/drivers/play_suite.py writes them; whoever has Muster's
own report turns it into such lines).  A line {"collected": ID} says what was found.

The own runner tells a failed or skipping class fixture once, as `setUpClass (module.Class)`;
Muster tells it of each test.  Here it is spread over the tests of the class or module.

FILE.json: {"tests": {ID: reason}}, differences that may be.  An id there that did not differ is
said too, but is no failure.  Status: 0 no other difference, 1 some, 2 usage.
"""
import argparse
import json
import re
import sys

FIXTURE = re.compile(r"(setUpClass|setUpModule) \((.+)\)$")


def load(path):
    """(collected ids in order, {id: (outcome, skip reason)})."""
    collected, outcomes = [], {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            if "collected" in record:
                collected.append(record["collected"])
            elif "outcome" in record:
                reason = record.get("reason") or record.get("message") or ""
                skipped = record["outcome"] == "skipped"
                outcomes[record["id"]] = (record["outcome"],
                                          reason_plain(reason) if skipped else "")
    return collected, outcomes


def reason_plain(reason):
    """Muster keeps the first line of a reason, and at most 1 KiB of it."""
    return reason.strip().split("\n", 1)[0].rstrip(" .")[:900]


def fixtures_spread(collected, outcomes):
    """Gives the outcome of a class or module fixture to each test that did not run for it."""
    spread = dict(outcomes)
    for name, outcome in outcomes.items():
        match = FIXTURE.match(name)
        if match:
            del spread[name]
            for test in collected:
                if test.startswith(match.group(2) + "."):
                    spread.setdefault(test, outcome)
    return spread


def compare(own_path, other_path, prefix=""):
    """{id: "own says ..., other says ..."}, and how many ids were compared."""
    own_collected, own = load(own_path)
    other_collected, other = load(other_path)
    own, other = fixtures_spread(own_collected, own), fixtures_spread(other_collected, other)
    names = [name for name in dict.fromkeys([*own, *other, *own_collected, *other_collected])
             if name.startswith(prefix)]
    differences = {}
    for name in names:
        left, right = own.get(name, ("absent", "")), other.get(name, ("absent", ""))
        if left != right:
            differences[name] = "own: %s, other: %s" % (said(left), said(right))
    return differences, len(names)


def said(outcome):
    return "%s (%s)" % outcome if outcome[1] else outcome[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("own")
    parser.add_argument("other")
    parser.add_argument("--allowed")
    parser.add_argument("--prefix", default="")
    options = parser.parse_args()
    allowed = {}
    if options.allowed:
        with open(options.allowed, encoding="utf-8") as file:
            allowed = json.load(file)["tests"]
    differences, count = compare(options.own, options.other, options.prefix)
    real = {name: text for name, text in differences.items() if name not in allowed}
    for name, text in sorted(real.items()):
        print("%s\n    %s" % (name, text))
    for name in sorted(set(differences) & set(allowed)):
        print("allowed: %s\n    %s" % (name, differences[name]))
    for name in sorted(set(allowed) - set(differences)):
        print("allowed, and did not differ: %s" % name)
    print("%d tests compared, %d differ, %d of them allowed"
          % (count, len(differences), len(differences) - len(real)))
    sys.exit(1 if real or not count else 0)


if __name__ == "__main__":
    main()
