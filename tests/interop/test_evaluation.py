"""Our evaluation beside the official Python SDK's, on made-up cases: the same answers, reasons and queries.

`BIGSEG_SOAK=1` asks 100,000 questions instead of a slice; `BIGSEG_SEED` begins elsewhere.
"""

import collections
import json
import os
import subprocess
import unittest

from evaluation_cases import Maker
from official_evaluator import Evaluator

COMMAND = os.environ["BIGSEG_EVALUATE_CASES"]
QUESTIONS = 100_000 if os.environ.get("BIGSEG_SOAK") else 10_000
QUESTIONS_PER_CASE = 10
SEED = int(os.environ.get("BIGSEG_SEED", "1"))


class Evaluation(unittest.TestCase):
    def test_all_evaluators_agree(self):
        kinds = collections.Counter()
        with subprocess.Popen([COMMAND], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as ours:
            for number in range(QUESTIONS // QUESTIONS_PER_CASE):
                case = Maker(f"{SEED}.{number}").case(QUESTIONS_PER_CASE)
                ours.stdin.write(json.dumps(case) + "\n")
                ours.stdin.flush()
                answers = json.loads(ours.stdout.readline())
                official = Evaluator(case["data"])
                for question, answer in zip(case["questions"], answers, strict=True):
                    answer.pop("decisions", None)
                    expected = official.answer(question)
                    kinds.update([kind(expected), status(expected), f"{len(expected['queries'])} queries"])
                    if answer != expected:
                        self.fail(difference(number, case["data"], question, expected, answer))
            ours.stdin.close()
        # Guards against cases that no longer exercise the lookups.
        reasons = ["RULE_MATCH", "FALLTHROUGH", "ERROR", "PREREQUISITE_FAILED", "TARGET_MATCH", "OFF", True, False]
        for wanted in reasons + ["HEALTHY", "STALE", "STORE_ERROR", "NOT_CONFIGURED", "0 queries", "1 queries", "2 queries"]:
            self.assertGreater(kinds[wanted], QUESTIONS // 1000, (wanted, kinds))
        print(dict(kinds))

    def test_all_evaluators_reject_the_same_data(self):
        outcomes = collections.Counter()
        with subprocess.Popen([COMMAND], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as ours:
            for number in range(QUESTIONS // QUESTIONS_PER_CASE):
                maker = Maker(f"{SEED}.{number}")
                data = maker.invalid(maker.case(0)["data"])
                ours.stdin.write(json.dumps({"data": data}) + "\n")
                ours.stdin.flush()
                refused = bool(json.loads(ours.stdout.readline()))
                outcomes[refused] += 1
                self.assertEqual(refused, is_refused(data), json.dumps(data))
            ours.stdin.close()
        for outcome in (True, False):
            self.assertGreater(outcomes[outcome], QUESTIONS // QUESTIONS_PER_CASE // 10, outcomes)


def is_refused(data):
    """Returns whether the official SDK refuses the data, in whatever words."""
    try:
        Evaluator(data)
    except (ValueError, TypeError, AttributeError):
        return True
    return False


def kind(answer):
    """Returns by what an answer is counted."""
    return answer["reason"]["kind"] if "reason" in answer else answer["isMatch"]


def status(answer):
    """Returns the status of its lookups."""
    return answer["reason"].get("bigSegmentsStatus") if "reason" in answer else answer.get("status")


def difference(number, data, question, expected, answer):
    """Describes a difference, with the data to reproduce it."""
    parts = {"data": data, "question": question, "official": expected, "ours": answer}
    lines = [f"{name}: {json.dumps(part, ensure_ascii=False)}" for name, part in parts.items()]
    return "\n".join([f"case {SEED}.{number}", *lines])


if __name__ == "__main__":
    unittest.main()
