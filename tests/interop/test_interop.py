"""Every participant writes, every participant reads the same; SDK clients evaluate flags on our data."""

import json
import os
import sys
import time
import unittest
from collections import namedtuple

from dynamodb_store import DynamoDbStore
from participants import HERE, Ours, Sdk, apply_patches, context_hash, import_list, synchronize
from redis_store import RedisStore

# Both names of one store: our store string, and what the SDKs' programs take.
Names = namedtuple("Names", "ours theirs")

SDKS = [
    Sdk("Python SDK", sys.executable, os.path.join(HERE, "python_sdk.py")),
    Sdk("Node SDK", "node", os.path.join(HERE, "node_sdk.js")),
]
READERS = [*SDKS, Ours()]

with open(os.path.join(HERE, "cases.json"), encoding="utf-8") as file:
    CASES = json.load(file)
CONTEXTS = CASES["contexts"]
EXPECTED = {
    context_hash(context["key"]): dict.fromkeys(context.get("excluded", []), False)
    | dict.fromkeys(context.get("included", []), True)
    for context in CONTEXTS
}
LISTS = {
    context_hash(context["key"]): (context.get("included", []), context.get("excluded", [])) for context in CONTEXTS
}
HOUR = 3_600_000


def now():
    """Returns the time in Unix milliseconds."""
    return time.time_ns() // 1_000_000


class Interoperation:
    """Tests for every kind of store; a subclass chooses the store."""

    @classmethod
    def setUpClass(cls):
        cls.store = cls.kind()
        cls.addClassCleanup(cls.store.stop)
        cls.store.start()

    def setUp(self):
        self.store.clear()

    def names(self, prefix=None):
        return Names(self.store.ours(prefix), self.store.theirs(prefix))

    def writers(self, prefix):
        """Yields each way to write: its name, and what does it given a sync time."""
        ours = self.store.ours(prefix)
        yield "import", lambda _: import_list(ours, CONTEXTS)
        yield "patches", lambda synchronized_on: apply_patches(ours, CONTEXTS, synchronized_on)
        yield "worker", lambda _: synchronize(ours, CONTEXTS)
        yield "their client", lambda synchronized_on: self.store.place(prefix, LISTS, synchronized_on)

    def test_all_sdks_read_what_each_writer_writes(self):
        for prefix in (case["prefix"] for case in CASES["prefixes"]):
            for writer, write in self.writers(prefix):
                self.store.clear()
                began = now()
                write(began)
                times = set()
                for reader in READERS:
                    with self.subTest(prefix=prefix, writer=writer, reader=reader.name):
                        synchronized_on, memberships = reader.read(self.names(prefix), list(EXPECTED))
                        self.assertEqual(memberships, EXPECTED)
                        times.add(synchronized_on)
                with self.subTest(prefix=prefix, writer=writer):
                    self.assertEqual(len(times), 1, "all readers read the same time")
                    self.assertTrue(began <= min(times) <= now())

    def test_what_lies_under_one_prefix_is_nothing_to_the_others(self):
        import_list(self.store.ours("p"), CONTEXTS)
        for reader in READERS:
            with self.subTest(reader=reader.name):
                synchronized_on, memberships = reader.read(self.names("q"), list(EXPECTED))
                self.assertEqual((synchronized_on, set(map(bool, memberships.values()))), (None, {False}))

    def assert_evaluations(self, store, status, stale_after=120):
        """Lets both SDKs evaluate every case; `status` is what a lookup must be reported with."""
        answered = status in ("HEALTHY", "STALE")
        for sdk in SDKS:
            with self.subTest(sdk=sdk.name, status=status):
                answers = sdk.evaluate(store, CASES["evaluations"], stale_after)
                for wanted, got in zip(CASES["evaluations"], answers, strict=True):
                    value = wanted["value" if answered else "value_without_answer"]
                    reason = "RULE_MATCH" if value else "FALLTHROUGH"
                    expected = {"value": value, "reason": reason, "status": wanted.get("status", status)}
                    self.assertEqual(got, expected, wanted["why"])

    def test_evaluations_on_an_import_are_healthy(self):
        import_list(self.store.ours(None), CONTEXTS)
        self.assert_evaluations(self.store.theirs(None), "HEALTHY")

    def test_evaluations_on_patches_are_as_healthy_as_their_sync_time(self):
        apply_patches(self.store.ours(None), CONTEXTS, now() - HOUR)
        self.assert_evaluations(self.store.theirs(None), "STALE")
        self.assert_evaluations(self.store.theirs(None), "HEALTHY", stale_after=2 * 3600)
        self.assertEqual(Ours().run_json("status", self.store.ours(None))["status"], "STALE")

    def test_evaluations_without_a_store_are_not_configured(self):
        self.assert_evaluations(None, "NOT_CONFIGURED")

    def test_evaluations_on_a_store_that_refuses_are_errors(self):
        import_list(self.store.ours(None), CONTEXTS)
        ours, theirs = self.store.refusing()
        self.assert_evaluations(theirs, "STORE_ERROR")
        for command in (["status"], ["get", "--hash", context_hash("user-key")]):
            self.assertEqual(Ours().run_json(command[0], ours, *command[1:])["status"], "STORE_ERROR")


class RedisInteroperation(Interoperation, unittest.TestCase):
    kind = RedisStore


class DynamoDbInteroperation(Interoperation, unittest.TestCase):
    kind = DynamoDbStore


if __name__ == "__main__":
    unittest.main()
