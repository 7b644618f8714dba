"""Where an agent's tree comes from, and what makes it runnable."""
import subprocess
import unittest

from bench import IntegrationTest, unittest_suite, verdicts

GIT = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
SAYS = "class T(unittest.TestCase):\n    def test_version(self): self.assertEqual(%r, open('built/version').read())\n"
PREPARE = ("prepare:\n  - {run: [sh, -c, 'mkdir -p built && cp version built/version && echo x >> ../../prepared'], "
           "inputs: [version], outputs: [built]}\n")


class Sources(IntegrationTest):
    def git(self, where, *args):
        done = subprocess.run([*GIT, *args], cwd=where, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def write(self, where, version):
        files = unittest_suite("versions", SAYS % version, PREPARE + "source: {git: %s}\n" % where)
        for path, text in {**files, "version": version}.items():
            (where / path).parent.mkdir(parents=True, exist_ok=True)
            (where / path).write_text(text)

    def commit(self, where, version):
        self.write(where, version)
        self.git(where, "add", "-A")
        self.git(where, "commit", "-q", "-m", version)

    def prepared(self):
        path = self.fleet.work / "agent1" / "prepared"
        return len(path.read_text()) // 2 if path.exists() else 0

    def test_a_repository_is_fetched_prepared_once_and_followed(self):
        where = self.dir / "repository"
        where.mkdir()
        self.git(where, "init", "-q", ".")
        self.commit(where, "one")
        self.start_fleet(self.dir, agents=1)
        report = self.run_suite(where, *self.on_fleet(), expect=0)
        self.assertEqual(set(verdicts(report).values()), {"passed"})
        self.assertEqual(self.prepared(), 1)

        self.run_suite(where, *self.on_fleet(), expect=0)
        self.assertEqual(self.prepared(), 1, "the same inputs are not prepared again")

        self.commit(where, "two")
        self.run_suite(where, *self.on_fleet(), expect=0)
        self.assertEqual(self.prepared(), 2)

    def test_a_revision_that_the_agent_cannot_get_is_said(self):
        where = self.dir / "repository"
        where.mkdir()
        self.git(where, "init", "-q", ".")
        self.commit(where, "one")
        (where / "muster.yml").write_text((where / "muster.yml").read_text().replace(str(where), str(self.dir / "no")))
        self.git(where, "commit", "-q", "-a", "-m", "points elsewhere")
        self.start_fleet(self.dir, agents=1)
        self.assertEqual(self.muster("run", *self.on_fleet(), cwd=where), 3, self.said)
        self.assertIn("cannot fetch", self.said)

    def test_a_revision_is_named_as_git_names_it_also_beside_uncommitted_changes(self):
        where = self.dir / "repository"
        where.mkdir()
        self.git(where, "init", "-q", ".")
        self.commit(where, "one")
        self.commit(where, "two")
        self.write(where, "three")
        self.start_fleet(self.dir, agents=1)
        self.run_suite(where, "--rev", "HEAD~1", *self.on_fleet(), expect=0)
        self.assertEqual(self.muster("run", "--rev", "HEAD~9", *self.on_fleet(), cwd=where), 2, self.said)
        self.assertIn("no revision 'HEAD~9'", self.said)

    def test_a_directory_outside_of_the_source_root_is_refused(self):
        inside = self.dir / "inside"
        inside.mkdir()
        where = self.suite(unittest_suite("outside", "class T(unittest.TestCase):\n    def test_it(self): pass\n"))
        self.start_fleet(inside, agents=1)
        self.assertEqual(self.muster("run", *self.on_fleet(), cwd=where), 3, self.said)
        self.assertIn("outside of the agent's --source-root", self.said)

    def test_a_prepare_step_that_fails_is_told_with_what_it_printed(self):
        where = self.suite(unittest_suite("broken", "class T(unittest.TestCase):\n    def test_it(self): pass\n",
                                          "prepare: [[sh, -c, 'echo no compiler here; exit 4']]\n"))
        self.start_fleet(self.dir, agents=1)
        self.assertEqual(self.muster("run", *self.on_fleet(), cwd=where), 3, self.said)
        self.assertIn("exit status 4", self.said)
        self.assertIn("no compiler here", self.said)


if __name__ == "__main__":
    unittest.main()
