#!/usr/bin/env python3
"""Writes expected.json: id -> verdict.  The table is the source; the file is for other programs."""
import json
import os

TABLE = {
    "tests.test_plain": {
        "Plain": {"test_passes": "passed", "test_fails": "failed", "test_errs": "error",
                  "test_skips": "skipped", "test_fails_as_expected": "passed",
                  "test_passes_unexpectedly": "failed",
                  "test_fails_and_its_teardown_errs": "error"},
        "SkippedClass": {"test_one": "skipped", "test_two": "skipped"},
        "SubTests": {"test_all_pass": "passed", "test_some_fail": "failed",
                     "test_one_errs": "error", "test_one_skips": "skipped"},
        "Repeated": {"test_same_id": "passed", "test_same_id#2": "failed"},
    },
    "tests.test_fixtures": {
        "SetUpClassFails": {"test_one": "error", "test_two": "error"},
        "SetUpClassSkips": {"test_one": "skipped"},
        "TearDownClassFails": {"test_one": "passed", "test_two": "passed"},
        "ClassCleanupFails": {"test_one": "passed"},
        "SetUpFails": {"test_one": "error"},
    },
    "tests.test_module_fixture": {"One": {"test_one": "error"}, "Two": {"test_two": "error"}},
    "tests.test_module_teardown": {"One": {"test_one": "passed"}},
    "tests.test_hard": {
        "Exceptions": {"test_unpicklable": "error", "test_unspeakable": "error",
                       "test_system_exit": "error", "test_keyboard_interrupt": "error",
                       "test_huge_message": "error",
                       "test_surrogate_and_nul_message": "failed"},
        "Deaths": {"test_before": "passed", "test_exit_0_in_the_middle": "crashed",
                   "test_segmentation_fault": "crashed",
                   "test_hangs_and_ignores_sigterm": "timed-out", "test_z_after": "passed"},
        "Output": {"test_not_utf8": "passed", "test_big": "passed",
                   "test_closes_standard_output": "passed",
                   "test_replaces_standard_output": "passed",
                   "test_writes_after_the_others": "passed"},
        "Habits": {"test_leaves_another_directory": "passed",
                   "test_forks_a_child_that_goes_on": "passed", "test_notes_a_fact": "passed"},
    },
}

# Beside the collected tests: an import that failed is collected by unittest under this id, and
# teardowns that failed are tests of their own.
OTHERS = {
    "unittest.loader._FailedTest.tests.test_import_error": "error",
    "tearDownClass (tests.test_fixtures.TearDownClassFails)": "error",
    "tearDownClass (tests.test_fixtures.ClassCleanupFails)": "error",
    "tearDownModule (tests.test_module_teardown)": "error",
}


def expected():
    verdicts = {"%s.%s.%s" % (module, kind, test): verdict
                for module, kinds in TABLE.items() for kind, tests in kinds.items()
                for test, verdict in tests.items()}
    return {**verdicts, **OTHERS}


if __name__ == "__main__":
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "expected.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(expected(), file, indent=1, sort_keys=True)
        file.write("\n")
