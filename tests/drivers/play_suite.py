#!/usr/bin/env python3
"""Runs a whole suite through a driver in several worker processes, without Muster's C programs.

    play_suite.py OUT.jsonl --driver django --dir TREE [--memory ALIAS]... [--workers 2]
                  [--order listed|reverse|shuffle:SEED] [--batch 20] [--shared DIR]
                  -- PYTHON SCRIPT [ARG]...

Batches of tests of one class are pulled by idle workers.  A worker gets clean clones before a test
whose phase is lower than that of a test which made them dirty.  A dead worker is replaced and its
running test written as `crashed`.  The lines of OUT: {"id", "outcome", "message", "details"}.
"""
import argparse
import itertools
import json
import os
import random
import sys
import tempfile
import threading
import time

import play


def batches_make(tests, order, size):
    groups = [list(group) for _, group in itertools.groupby(tests, key=lambda test: test["group"])]
    kind, _, seed = order.partition(":")
    if kind == "reverse":
        groups = [group[::-1] for group in groups[::-1]]
    elif kind == "shuffle":
        dice = random.Random(int(seed or 1))
        dice.shuffle(groups)
        for group in groups:
            dice.shuffle(group)
    batches = [[]]
    for test in itertools.chain(*groups):
        batch = batches[-1]
        if len(batch) >= size and test["group"] != batch[-1]["group"] or len(batch) >= 4 * size:
            batch = []
            batches.append(batch)
        batch.append(test)
    return batches


class Player(threading.Thread):
    """One slot: pulls batches and plays them to its worker."""

    def __init__(self, slot, queue, options, databases, out):
        super().__init__(daemon=True)
        self.slot, self.queue, self.options = slot, queue, options
        self.databases, self.out, self.worker, self.level = databases, out, None, -1
        self.resets = 0

    def run(self):
        for batch in self.queue:
            todo = list(batch)
            while todo:
                if self.worker is None:
                    self.start_worker()
                todo = todo[self.play(todo):]
        if self.worker:
            self.worker.quit()
            self.worker.release()

    def start_worker(self):
        self.level = -1
        self.worker = play.Worker(
            self.options.driver, self.options.dir, self.options.command, databases=self.databases,
            args=self.options.args, selection=self.options.selection, patience_s=600,
            MUSTER_SLOT=str(self.slot), MUSTER_WORKER="w%d" % self.slot,
            MUSTER_NOTES=os.path.join(self.options.shared, "notes-%d" % self.slot))
        self.worker.until("ready")

    def play(self, todo):
        """Plays tests until the batch is over or the worker dead; how many are done."""
        for place, test in enumerate(todo):
            more = place + 1 < len(todo) and not self.must_reset(todo[place + 1])
            try:
                if self.must_reset(test):
                    self.worker.tell("reset")
                    self.worker.until("closed")
                    self.worker.tell("opened")
                    self.level, self.resets = -1, self.resets + 1
                number = self.worker.run(test["id"], more)
                end = self.await_end(number)
                if end.get("dirty"):
                    self.level = max(self.level, test["phase"])
            except play.DriverDied as death:
                self.out.write({"id": test["id"], "outcome": "crashed", "message": str(death)})
                self.worker.release()
                self.worker = None
                return place + 1
            end["place"] = (self.slot, number)
            self.out.write(end)
        return len(todo)

    def await_end(self, number):
        while True:
            message = self.worker.until("end")[-1]
            if message.get("extra"):
                self.out.write(message)
            elif message["n"] == number:
                return message

    def must_reset(self, test):
        return self.level > test["phase"]


class Out:
    def __init__(self, path):
        self.file, self.lock = open(path, "w", encoding="utf-8"), threading.Lock()

    def write(self, record):
        with self.lock:
            self.file.write(json.dumps(record) + "\n")
            self.file.flush()


class Queue:
    def __init__(self, items):
        self.items, self.lock = iter(items), threading.Lock()

    def __iter__(self):
        return self

    def __next__(self):
        with self.lock:
            return next(self.items)


def databases_make(options, given):
    return [{"alias": alias, "engine": "sqlite", "name": "muster", "memory": True,
             "path": os.path.join(options.shared, "unused-%s" % alias),
             "image": os.path.join(options.shared, alias + ".sqlite3"),
             "facts": os.path.join(options.shared, alias + ".facts.json")} for alias in given]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--driver", default="django")
    parser.add_argument("--dir", default=".")
    parser.add_argument("--memory", action="append", default=[])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--order", default="listed")
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--shared")
    parser.add_argument("--args", type=json.loads, default=[])
    parser.add_argument("--selection", type=json.loads, default=[])
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    options.shared = options.shared or tempfile.mkdtemp(prefix="play-")
    os.makedirs(options.shared, exist_ok=True)
    databases = databases_make(options, options.memory)
    timer = time.monotonic()
    if databases and not os.path.exists(databases[0]["image"]):
        filling = [{**record, "path": record["image"]} for record in databases]
        status, text = play.setup(options.driver, options.dir, options.command,
                                  databases=filling, args=options.args)
        print("setup: status %d, %.1f s" % (status, time.monotonic() - timer))
        if status:
            sys.exit(text)
    tests = play.collect(options.driver, options.dir, command=options.command,
                         databases=databases, args=options.args, selection=options.selection)
    print("collected %d tests after %.1f s" % (len(tests), time.monotonic() - timer), flush=True)
    out = Out(options.out)
    for test in tests:
        out.write({"collected": test["id"], "group": test["group"]})
    queue = Queue(batches_make(tests, options.order, options.batch))
    players = [Player(slot + 1, queue, options, databases, out)
               for slot in range(options.workers)]
    for player in players:
        player.start()
    for player in players:
        player.join()
    print("done after %.1f s, %d resets" % (time.monotonic() - timer,
                                            sum(player.resets for player in players)))


if __name__ == "__main__":
    main()
