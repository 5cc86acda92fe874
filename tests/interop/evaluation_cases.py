"""Generates random flags, segments, contexts and memberships; most references are to generated keys.

Cases in which the official evaluators differ are not generated: invalid attribute references,
rollouts of weight 0, fractions to bucket by, patterns that not all languages support, and
prerequisites that are malformed or repeated.
"""

import copy
import random

KINDS = ["user", "org", "device"]
KEYS = ["a", "b", "é", "user key"]
NAMES = ["Alice", "Bob", "Carol"]
STATUSES = ["HEALTHY", "STALE", "STORE_ERROR", "NOT_CONFIGURED"]
VERSIONS = ["1.0.0", "1.2", "2", "2.0.0-rc.1", "2.0.0+build.7", "10.0.0", "not a version", ""]
DATES = ["2024-01-01T00:00:00Z", "2024-06-01T12:30:00+02:00", 1717200000000, "not a date"]
OPERATORS = {
    "in": ["name", "key", "n", "beta", "tags", "kind", "anonymous", "/address/city", "nowhere"],
    "startsWith": ["name", "key", "tags"],
    "endsWith": ["name", "key", "tags"],
    "contains": ["name", "key", "tags", "n"],
    "matches": ["name", "key", "tags"],
    "lessThan": ["n", "name"],
    "lessThanOrEqual": ["n"],
    "greaterThan": ["n"],
    "greaterThanOrEqual": ["n", "tags"],
    "before": ["date"],
    "after": ["date"],
    "semVerEqual": ["version"],
    "semVerLessThan": ["version"],
    "semVerGreaterThan": ["version"],
    "resembles": ["name"],
}
VALUES = {
    "name": NAMES + ["A", "b", "li"],
    "key": KEYS,
    "n": [0, 1, 2, 2.5, -1, 1000000],
    "beta": [True, False],
    "tags": ["x", "y", "z"],
    "kind": KINDS,
    "anonymous": [True, False],
    "/address/city": ["Oslo", "Lima"],
    "nowhere": ["x"],
    "date": DATES,
    "version": VERSIONS,
}
PATTERNS = ["^A", "o", "[a-c]", "l+i", "^$", "(", "é$"]


class Maker:
    """Makes cases; the same seed makes the same ones."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def case(self, questions):
        """Returns data, and questions about them."""
        self.segments = [f"s{number}" for number in range(self.random.randint(1, 6))]
        self.flags = [f"f{number}" for number in range(self.random.randint(1, 4))]
        self.refs = []
        # Never both: what a prerequisite counts for that is malformed itself is one of the differences.
        self.has_prerequisites = self.chance(0.5)
        self.unasked = self.random.sample(self.flags + ["nowhere"], len(self.flags) + 1)
        data = {
            "flags": {key: self.flag(key) for key in self.flags},
            "segments": {key: self.segment(key) for key in self.segments},
        }
        return {"data": data, "questions": [self.question() for _ in range(questions)]}

    def chance(self, of):
        return self.random.random() < of

    def some(self, values, most):
        return [self.random.choice(values) for _ in range(self.random.randint(0, most))]

    def question(self):
        question = {
            "context": self.context(),
            # As from one store: a lookup is one for each key.
            "memberships": {key: self.membership() for key in KEYS},
            "statuses": {key: self.random.choice(STATUSES) for key in KEYS},
        }
        if self.chance(0.3):
            question["segment"] = self.random.choice(self.segments)
        else:
            question["flag"] = self.random.choice(self.flags)
            question["default"] = "the default"
        return question

    def membership(self):
        refs = self.refs + ["stranger.g1"]
        return {"included": self.some(refs, 2), "excluded": self.some(refs, 2)}

    def context(self):
        kinds = self.random.sample(KINDS, self.random.choice([1, 2, 3]))
        if len(kinds) == 1 and self.chance(0.9):
            return {"kind": kinds[0], **self.individual()}
        return {"kind": "multi", **{kind: self.individual() for kind in kinds}}

    def individual(self):
        individual = {"key": self.random.choice(KEYS)}
        for name in ["name", "n", "beta", "anonymous", "date", "version"]:
            if self.chance(0.6):
                individual[name] = self.random.choice(NAMES if name == "name" else VALUES[name])
        if self.chance(0.6):
            individual["tags"] = self.some(VALUES["tags"] + [1, None], 3)
        if self.chance(0.6):
            individual["address"] = {"city": self.random.choice(VALUES["/address/city"])}
        return individual

    def segment(self, key):
        segment = {"key": key, "version": 1, "salt": self.random.choice(["salt", ""])}
        if self.chance(0.75):
            segment["unbounded"] = True
            if self.chance(0.6):
                segment["unboundedContextKind"] = self.random.choice(KINDS)
            if self.chance(0.9):
                generation = self.random.randint(0, 2)
                segment["generation"] = generation
                self.refs.append(f"{key}.g{generation}")
        for name in ["included", "excluded"]:
            if self.chance(0.3):
                segment[name] = self.some(KEYS, 2)
            if self.chance(0.3):
                targets = [{"contextKind": self.random.choice(KINDS), "values": self.some(KEYS, 2)}]
                segment[name + "Contexts"] = targets
        if self.chance(0.6):
            segment["rules"] = [self.segment_rule() for _ in range(self.random.randint(0, 2))]
        return segment

    def segment_rule(self):
        rule = {"clauses": self.clauses()}
        if self.chance(0.3):
            rule["weight"] = self.random.randint(1, 100000)
            if self.chance(0.5):
                rule["rolloutContextKind"] = self.random.choice(KINDS)
            if self.chance(0.5):
                rule["bucketBy"] = self.random.choice(["key", "name", "beta", "nowhere"])
        return rule

    def flag(self, key):
        flag = {
            "key": key,
            "version": 1,
            "on": self.chance(0.9),
            "salt": self.random.choice(["salt", "pepper"]),
            "variations": [0, "one", True, {"three": [3]}],
            "fallthrough": self.served(),
            "rules": [self.flag_rule(number) for number in range(self.random.randint(0, 4))],
        }
        if self.chance(0.9):
            flag["offVariation"] = self.random.randint(0, 3)
        if self.chance(0.3):
            flag["targets"] = [self.target() for _ in range(2)]
            # As the service writes them: those of users are in `targets`, and here only their place in the order.
            if self.chance(0.5):
                users = {target["variation"]: target for target in flag["targets"]}
                flag["targets"] = list(users.values())
                flag["contextTargets"] = [
                    {"contextKind": "user", "variation": variation, "values": []} for variation in users
                ] + [{**self.target(), "contextKind": self.random.choice(KINDS[1:])}]
        if self.has_prerequisites and self.chance(0.6):
            # Each flag is asked for by one other at most.
            keys = [self.unasked.pop() if self.unasked else "nowhere" for _ in range(self.random.randint(1, 2))]
            flag["prerequisites"] = [{"key": key, "variation": self.random.randint(0, 3)} for key in keys]
        return flag

    def target(self):
        return {"variation": self.random.randint(0, 3), "values": self.some(KEYS, 2)}

    def flag_rule(self, number):
        rule = {"clauses": self.clauses(), **self.served()}
        if self.chance(0.8):
            rule["id"] = f"rule-{number}"
        return rule

    def served(self):
        if self.chance(0.7):
            if not self.has_prerequisites and self.chance(0.05):
                return {"variation": self.random.choice([-1, 4])}
            return {"variation": self.random.randint(0, 3)}
        weights = [self.random.randint(1, 60000) for _ in range(self.random.randint(1, 3))]
        rollout = {
            "variations": [
                {"variation": self.random.randint(0, 3), "weight": weight, "untracked": self.chance(0.3)}
                for weight in weights
            ]
        }
        if self.chance(0.4):
            rollout["kind"] = self.random.choice(["rollout", "experiment"])
        if self.chance(0.5):
            rollout["contextKind"] = self.random.choice(KINDS)
        if self.chance(0.5):
            rollout["bucketBy"] = self.random.choice(["key", "name", "beta", "nowhere"])
        if self.chance(0.3):
            rollout["seed"] = self.random.randint(0, 1000)
        return {"rollout": rollout}

    def clauses(self):
        return [self.clause() for _ in range(self.random.choice([0, 1, 1, 1, 1, 2]))]

    def clause(self):
        if self.chance(0.7):
            clause = {
                "attribute": "",
                "op": "segmentMatch",
                "values": self.some(self.segments + ["nowhere"], 2) + [self.random.choice(self.segments)],
            }
        else:
            operator = self.random.choice(list(OPERATORS))
            attribute = self.random.choice(OPERATORS[operator])
            values = PATTERNS if operator == "matches" else VALUES[attribute]
            clause = {"attribute": attribute, "op": operator, "values": self.some(values, 3)}
            if self.chance(0.6):
                clause["contextKind"] = self.random.choice(KINDS)
        if self.chance(0.2):
            clause["negate"] = True
        return clause

    def invalid(self, data):
        """Returns data in which one thing is missing, or is something else."""
        data = copy.deepcopy(data)
        holders = [data[part][key] for part in data for key in data[part]]
        holder = self.random.choice(holders)
        while True:
            place = self.random.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
            if isinstance(holder[place], (dict, list)) and holder[place] and self.chance(0.7):
                holder = holder[place]
                continue
            if isinstance(holder, dict) and self.chance(0.3):
                del holder[place]
            else:
                # Not true and false where numbers stand: Python takes them for 1 and 0.
                holder[place] = self.random.choice([None, "text", "", 7, -1, 1.5, [], {}, ["text"], [1], {"a": 1}])
            return data
