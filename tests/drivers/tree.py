"""Small trees of files for one test."""
import os
import shutil
import tempfile
import textwrap
import unittest

import play


class TreeTestCase(unittest.TestCase):
    """Makes a tree from {path: text} and starts drivers in it; everything is gone afterwards."""

    driver = "unittest"

    def tree(self, files):
        root = tempfile.mkdtemp(prefix="muster-tree-")
        self.addCleanup(shutil.rmtree, root, ignore_errors=True)
        for path, text in files.items():
            whole = os.path.join(root, path)
            os.makedirs(os.path.dirname(whole), exist_ok=True)
            with open(whole, "w", encoding="utf-8") as file:
                file.write(textwrap.dedent(text))
        return root

    def worker(self, root, **more):
        worker = play.Worker(self.driver, root, **more)
        self.addCleanup(worker.release)
        worker.until("ready")
        return worker

    def collect(self, root, **more):
        return play.collect(self.driver, root, **more)

    def story(self, messages):
        """(what, id) of the messages that tell of tests."""
        return [(message["say"], message["id"]) for message in messages
                if message["say"] in ("start", "end")]
