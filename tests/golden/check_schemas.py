"""Holds schemas/ to the code: every example, every table, every status.

    check_schemas.py SCHEMAS DUMP_SHAPES

SCHEMAS is the folder; DUMP_SHAPES the program that prints the C tables.  Three checks:

1. each example of schemas/examples is valid or invalid to the schema validator as
   index.json says (and as test_examples.c sees with the decoder); `beyond_schema` marks the
   few rules that no schema can say: there the schema accepts, and only the decoder refuses;
2. each field of each C table stands in its schema with the same type, bound and names, and
   the other way round;
3. openapi.yaml points at schemas that exist, and at the problem document for errors.
"""

import json
import pathlib
import re
import subprocess
import sys

import jsonschema
import yaml

INT64_MAX = 2**63 - 1

# Of all examples, so few may need more than a schema.
BEYOND_SCHEMA_MAX = 20

PATH_METHODS = {
    "/v1/runs": {"get", "post"},
    "/v1/runs/{run}": {"get"},
    "/v1/runs/{run}/attend": {"post"},
    "/v1/runs/{run}/cancel": {"post"},
    "/v1/runs/{run}/attempts": {"get"},
    "/v1/runs/{run}/report": {"get"},
    "/v1/runs/{run}/work": {"get"},
    "/v1/agents/{agent}/sync": {"post"},
    "/v1/agents/{agent}/wait": {"get"},
    "/v1/agents": {"get"},
    "/livez": {"get"},
    "/readyz": {"get"},
    "/metrics": {"get"},
}


class Checks:
    def __init__(self, folder):
        self.folder = folder
        self.failures = []
        self.schemas = {}
        for path in sorted(folder.glob("*.schema.json")):
            self.schemas[path.name] = json.loads(path.read_text())
        self.store = {schema["$id"]: schema for schema in self.schemas.values()}

    def fail(self, text):
        self.failures.append(text)

    def validator(self, name):
        schema = self.schemas[name + ".schema.json"]
        resolver = jsonschema.RefResolver(schema["$id"], schema, store=self.store)
        return jsonschema.Draft202012Validator(schema, resolver=resolver)

    def schemas_are_schemas(self):
        for name, schema in self.schemas.items():
            jsonschema.Draft202012Validator.check_schema(schema)
            if not schema["$id"].endswith("/" + name):
                self.fail(f"{name}: its $id names another file")

    # ---- examples

    def examples(self):
        folder = self.folder / "examples"
        index = json.loads((folder / "index.json").read_text())
        listed = {entry["file"] for entry in index}
        there = {str(path.relative_to(folder)) for path in folder.glob("*/*.json")}
        for name in sorted(listed ^ there):
            self.fail(f"{name}: stands in the index or in the folder, not in both")
        for entry in index:
            if entry["file"] in there:
                self.example(entry, json.loads((folder / entry["file"]).read_text()))
        beyond = sum(1 for entry in index if entry.get("beyond_schema"))
        if beyond > BEYOND_SCHEMA_MAX:
            self.fail(f"{beyond} examples are beyond the schema; {BEYOND_SCHEMA_MAX} are bearable")
        return len(index)

    def example(self, entry, document):
        errors = list(self.validator(entry["shape"]).iter_errors(document))
        should_fail = "field" in entry and not entry.get("beyond_schema")
        if errors and not should_fail:
            self.fail(f"{entry['file']}: the schema refuses it: {errors[0].message}")
        if not errors and should_fail:
            self.fail(f"{entry['file']}: the schema accepts it")

    # ---- tables

    def definition(self, shape):
        name = shape + ".schema.json"
        if name in self.schemas:
            return self.schemas[name]
        return self.schemas["common.schema.json"]["$defs"].get(shape)

    def tables(self, dump):
        keyed = {
            field["shape"]
            for fields in dump["shapes"].values()
            for field in fields
            if field["type"] == "map"
        }
        for shape, fields in dump["shapes"].items():
            if shape in keyed and len(fields) == 2:
                continue  # a map of plain texts has no definition of its own
            self.table(shape, fields[1:] if shape in keyed else fields, dump)
        names = [row["name"] for row in dump["statuses"]]
        if self.definition("problem")["properties"]["name"]["enum"] != names:
            self.fail("problem: the enum of 'name' is not the table of statuses")

    def table(self, shape, fields, dump):
        schema = self.definition(shape)
        if schema is None:
            self.fail(f"{shape}: has no schema")
            return
        known = {field["name"] for field in fields}
        for name in sorted(known ^ set(schema["properties"])):
            self.fail(f"{shape}.{name}: stands in the table or in the schema, not in both")
        required = {field["name"] for field in fields if field["required"]}
        for name in sorted(required ^ set(schema.get("required", []))):
            self.fail(f"{shape}.{name}: required in the table or in the schema, not in both")
        for field in fields:
            if field["name"] in schema["properties"] and (shape, field["name"]) != (
                "problem",
                "name",
            ):
                self.field(shape, field, schema["properties"][field["name"]], dump)

    def field(self, shape, field, schema, dump):
        wanted = expected(field, dump)
        for key, value in wanted.items():
            found = schema.get(key)
            if key == "items":
                found = {k: (found or {}).get(k) for k in value}
            if found != value:
                self.fail(f"{shape}.{field['name']}: {key} is {found}, the table says {value}")
        if field["type"] in ("object", "list"):
            target = (schema if field["type"] == "object" else schema["items"])["$ref"]
            if re.split(r"[/#]", target.replace(".schema.json", ""))[-1] != field["shape"]:
                self.fail(f"{shape}.{field['name']}: refers to {target}, not to {field['shape']}")

    # ---- openapi

    def openapi(self):
        document = yaml.safe_load((self.folder / "openapi.yaml").read_text())
        found = {path: set(item) - {"parameters"} for path, item in document["paths"].items()}
        if found != PATH_METHODS:
            self.fail(f"openapi.yaml: its paths and methods are {found}")
        for target in references(document):
            self.reference(document, target)
        for path, item in document["paths"].items():
            for method in PATH_METHODS.get(path, ()):
                operation = item.get(method, {})
                if "default" not in operation.get("responses", {}):
                    self.fail(f"openapi.yaml: {method} {path} does not say its errors")

    def reference(self, document, target):
        if not target.startswith("#/"):
            if target not in self.schemas:
                self.fail(f"openapi.yaml: there is no {target}")
            return
        at = document
        for part in target[2:].split("/"):
            at = at.get(part) if isinstance(at, dict) else None
        if at is None:
            self.fail(f"openapi.yaml: there is no {target}")


def expected(field, dump):
    """What a field's schema must hold, by its line in the C table."""
    low, high = field["min"], field["max"]
    kind = field["type"]
    if kind == "string":
        return {
            "type": "string",
            "minLength": low or None,
            "maxLength": high or dump["text_bytes_max"],
        }
    if kind == "bool":
        return {"type": "boolean"}
    if kind == "enum":
        return {"enum": field["names"]}
    if kind == "int":
        if low == 0 and high == 0:
            low, high = -INT64_MAX - 1, INT64_MAX
        elif high == 0 and low > 0:
            high = INT64_MAX
        return {"type": "integer", "minimum": low, "maximum": high}
    if kind == "map":
        return {"type": "object", "maxProperties": high or dump["list_count_max"]}
    if kind == "object":
        return {}
    wanted = {
        "type": "array",
        "minItems": low or None,
        "maxItems": high or dump["list_count_max"],
    }
    if kind == "strings":
        wanted["items"] = {
            "type": "string",
            "minLength": field["element_min"] or None,
            "maxLength": field["element_max"] or dump["text_bytes_max"],
        }
    elif kind == "ints":
        wanted["items"] = {
            "type": "integer",
            "minimum": field["element_min"],
            "maximum": field["element_max"] or INT64_MAX,
        }
    return wanted


def references(node):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def main():
    checks = Checks(pathlib.Path(sys.argv[1]))
    dump = json.loads(subprocess.run([sys.argv[2]], check=True, capture_output=True).stdout)
    checks.schemas_are_schemas()
    count = checks.examples()
    checks.tables(dump)
    checks.openapi()
    for text in checks.failures:
        print(text, file=sys.stderr)
    print(f"{count} examples, {len(dump['shapes'])} tables, {len(checks.failures)} failures")
    return 1 if checks.failures else 0


if __name__ == "__main__":
    sys.exit(main())
