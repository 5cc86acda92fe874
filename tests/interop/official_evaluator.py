"""The official Python SDK's evaluator on made-up data, with a big segment store of our own."""

import logging

import ldclient.impl.evaluator as official
from ldclient import Context
from ldclient.impl.model import FeatureFlag, Segment

# An evaluation that fails is what some cases are about.
logging.disable(logging.CRITICAL)

WORST_FIRST = ["NOT_CONFIGURED", "STORE_ERROR", "STALE", "HEALTHY"]


class WorstStatus(official.EvalResult):
    """Remembers the worst status where the SDK remembers the last (docs/spec.md#lookup-status)."""

    @property
    def big_segments_status(self):
        return self.worst

    @big_segments_status.setter
    def big_segments_status(self, status):
        known = [known for known in (status, getattr(self, "worst", None)) if known is not None]
        self.worst = min(known, key=WORST_FIRST.index, default=None)


official.EvalResult = WorstStatus


class NoEvents:
    """Where events would go."""

    def new_eval_event(self, *_):
        return None


class Evaluator:
    """Answers questions about one data set."""

    def __init__(self, data):
        self.flags = {key: FeatureFlag(flag) for key, flag in data["flags"].items()}
        self.segments = {key: Segment(segment) for key, segment in data["segments"].items()}

    def answer(self, question):
        """Returns what `evaluate_cases` should: the same names, without decisions."""
        queries = []

        def look_up(key):
            queries.append(key)
            membership = question["memberships"][key]
            refs = dict.fromkeys(membership["excluded"], False) | dict.fromkeys(membership["included"], True)
            return refs, question["statuses"][key]

        evaluator = official.Evaluator(self.flags.get, self.segments.get, look_up)
        context = Context.from_dict(question["context"])
        assert context.valid, context.error
        answer = self.flag if "flag" in question else self.segment
        return {**answer(evaluator, question, context), "queries": queries}

    def flag(self, evaluator, question, context):
        result = evaluator.evaluate(self.flags[question["flag"]], context, NoEvents())
        detail = result.detail
        reason = {name: value for name, value in detail.reason.items() if value is not None}
        # An error loses the status there; here it keeps it (docs/spec.md#status-in-the-reason).
        if result.big_segments_status is not None:
            reason["bigSegmentsStatus"] = result.big_segments_status
        if detail.is_default_value():
            return {"value": question["default"], "reason": reason}
        return {"value": detail.value, "variation": detail.variation_index, "reason": reason}

    def segment(self, evaluator, question, context):
        state = WorstStatus()
        answer = {}
        try:
            answer["isMatch"] = evaluator._segment_matches_context(
                self.segments[question["segment"]], context, state
            )
        except official.EvaluationException as error:
            answer |= {"isMatch": False, "errorKind": error.error_kind}
        if state.big_segments_status is not None:
            answer["status"] = state.big_segments_status
        return answer
