#!/usr/bin/env python3
"""What the documents name exists, and what exists is documented: keys of the suite file, options, routes, exit
statuses, metrics, packages, stages of the tests.

    tests/tidy/docs.py [BIN]      BIN: where the programs are; without it their options are not looked at
"""
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VERBS = {
    "muster": ["", "run", "runs", "show", "watch", "cancel", "agents", "report"],
    "muster-coordinator": ["", "backup", "prune"],
    "muster-agent": [""],
}
# Options of other programs that the documents show, and of suites (`args`).
FOREIGN = {
    "--build", "--preset", "--workflow", "--install", "--prefix", "--part", "--all", "--seeds", "--help",  # cmake, tests/, all
    "--tag", "--exclude-tag", "--settings", "--parallel", "--shuffle", "--reverse", "--failfast", "--keepdb", "--pdb",
    "--flag",   # the example of a driver command
    "--no-defaults",  # of the clients of MariaDB and MySQL
    "--store",  # of the simulation
}
complaints = []


def complain(where, text):
    complaints.append("%s: %s" % (where, text))


def read(name):
    return (ROOT / name).read_text()


def documents():
    names = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return {name: read(name) for name in names.split() if name != "CHANGELOG.md"}


def compare(where, what, documented, existing):
    for name in sorted(set(existing) - set(documented)):
        complain(where, "%s '%s' is not documented" % (what, name))
    for name in sorted(set(documented) - set(existing)):
        complain(where, "%s '%s' does not exist" % (what, name))


# ---- the suite file ------------------------------------------------------------------------------


def branches(schema):
    """The schema and its alternatives."""
    yield schema
    for part in schema.get("anyOf", ()):
        yield from branches(part)


def names_below(schema):
    return {name for part in branches(schema) for name in part.get("properties", {})}


def schema_keys():
    """Every key as the table writes it: `databases.A.engine`, and `timeouts` with its names in braces."""
    root = json.loads(read("schemas/suite_file.schema.json"))["properties"]
    keys = {}
    for name, schema in root.items():
        if name == "databases":
            for inner in names_below(schema["additionalProperties"]):
                keys["databases.A." + inner] = set()
        elif name == "env":
            keys["env.NAME"] = names_below(schema["additionalProperties"])
        else:
            items = schema.get("items", {}) if name == "prepare" else {}
            keys[name] = names_below(schema) | names_below(items)
    return keys


def check_suite_file():
    where = "docs/suite-file.md"
    text = read(where)
    rows = re.findall(r"^\| `([^`]+)` \|(.*)$", text.split("## Keys")[1].split("\n\nThese keys")[0], re.M)
    keys = schema_keys()
    compare(where, "key", [name for name, _ in rows], keys)
    for name, row in rows:
        for inner in sorted(keys.get(name, ())):
            if not re.search(r"\b%s\b" % inner, row):
                complain(where, "the row of '%s' does not name its '%s'" % (name, inner))

    code = "".join(path.read_text() for path in sorted((ROOT / "shared/json").glob("suite_file*.c")))
    later = set(re.findall(r'\{"(\w+)",\s*\.not_built', code))
    told = set(re.findall(r"`([\w.]+)`", text.split("These keys are known")[1].split("\n\n")[0]))
    for name in sorted(later - {part for word in told for part in word.split(".")}):
        complain(where, "'%s' is not built yet, and is not in the list of such keys" % name)

    templates = set(re.findall(r"\$\{([\w.]+)\}", text))
    pattern = json.dumps(json.loads(read("schemas/suite_file.schema.json"))["properties"]["args"])
    fields = ("url", "path", "name", "host", "port", "socket", "user", "password")
    for name in ("slot", "token", "seed", "run.id", "dir", "dir.tmp", "env.N", *("db.A." + field for field in fields)):
        if name not in templates:
            complain(where, "the template '${%s}' is not documented" % name)
    for name in templates:
        for part in re.sub(r"^db\.\w+\.|N$", "", name).strip(".").split("."):
            if part and part not in pattern:
                complain(where, "the template '${%s}' does not exist" % name)


# ---- the programs --------------------------------------------------------------------------------


def options_of(bin, program, verb):
    command = [str(bin / program), *([verb] if verb else []), "--help"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return set(re.findall(r"^ +(?:-\w, )?(--[a-z-]+)", text, re.M)), text


def check_options(bin):
    known, of_verb = set(), {}
    for program, verbs in VERBS.items():
        for verb in verbs:
            of_verb[program, verb], _ = options_of(bin, program, verb)
            known |= of_verb[program, verb]
    for where, text in documents().items():
        for option in sorted(set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) - known - FOREIGN):
            complain(where, "no program has an option '%s'" % option)
        for line in re.findall(r"^    ((?:muster|muster-coordinator|muster-agent) .*)$", text, re.M):
            check_line(where, line.split("  ")[0], of_verb)


def check_line(where, line, of_verb):
    """A command as it is typed: each of its options belongs to its verb."""
    program, *words = line.split()
    verb = words[0] if words and words[0] in VERBS[program] else ""
    if program == "muster" and not verb and not words[0].startswith("muster"):
        complain(where, "'%s' is no verb" % line)
    for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", line):
        if option not in of_verb[program, verb]:
            complain(where, "'%s %s' has no option '%s'" % (program, verb, option))


def check_statuses(bin):
    _, help_text = options_of(bin, "muster", "run")
    existing = re.findall(r"^ +(\d+)  ", help_text.split("Exit status:")[1], re.M)
    table = read("docs/guarantees.md").split("## Exit status")[1].split("\n\n")[1]
    compare("docs/guarantees.md", "exit status", re.findall(r"^\| (\d+) \|", table, re.M), existing)


# ---- the wire ------------------------------------------------------------------------------------


def check_routes():
    paths = set(re.findall(r"^  (/[^:\s]+):", read("schemas/openapi.yaml"), re.M))
    code = set(re.findall(r'\{"(?:GET|POST)",\s*"([^"]+)"', read("coordinator/http/route.c")))
    compare("schemas/openapi.yaml", "route", paths, code)
    for where, text in documents().items():
        for path in set(re.findall(r"/v1/[\w/{}]+", text)):
            if path not in paths:
                complain(where, "there is no route '%s'" % path)


def check_metrics():
    existing = set(re.findall(r"muster_[a-z_]+", read("coordinator/http/metrics.c")))
    for where, text in documents().items():
        for name in sorted(set(re.findall(r"`(muster_[a-z_]+)`", text)) - existing):
            if not (ROOT / "agent/drivers" / (name + ".py")).exists():
                complain(where, "there is no metric '%s'" % name)


# ---- what it stands on ---------------------------------------------------------------------------


def check_packages():
    where = "docs/dependencies.md"
    text = read(where)
    script = read("deploy/install-packages.sh")
    for group in ("build", "demo", "test"):
        for package in re.search(r"^%s=\(([^)]*)\)" % group, script, re.M).group(1).split():
            if not re.search(r"(?<![\w-])%s(?![\w-])" % re.escape(package), text):
                complain(where, "deploy/install-packages.sh installs '%s'; it is not documented" % package)
    for package in re.findall(r"^\| \S[^|]*\| (lib[\w.+-]+|uthash-dev)", text, re.M):
        if package not in script:
            complain(where, "deploy/install-packages.sh does not install '%s'" % package)
    least = dict(re.findall(r"\b([\w.-]+)>=([\d.]+)", read("cmake/Dependencies.cmake")))
    for name, version in least.items():
        if version not in text:
            complain(where, "the least version of '%s' is %s" % (name, version))


def check_stages():
    where = "docs/testing.md"
    code = set(re.findall(r"^stage_(\w+)\(\)", read("tests/run.sh"), re.M))
    table = read(where).split("| stage |")[1].split("\n\n")[0]
    compare(where, "stage", set(re.findall(r"^\| (\w+) \|", table, re.M)) | {"packages"}, code)


def check_paths():
    """Paths of the tree that stand in backquotes."""
    for where, text in documents().items():
        for path in set(re.findall(r"`((?:agent|client|cmake|coordinator|deploy|docs|schemas|shared|tests)/[\w./-]*)`", text)):
            if not (ROOT / path).exists():
                complain(where, "there is no '%s'" % path)


def main():
    check_suite_file()
    if len(sys.argv) > 1:
        check_options(Path(sys.argv[1]))
        check_statuses(Path(sys.argv[1]))
    for check in (check_routes, check_metrics, check_packages, check_stages, check_paths):
        check()
    for line in complaints:
        print(line, file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
