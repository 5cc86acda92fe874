"""The vectors that every language runs: the files of tests/vectors."""

from __future__ import annotations

from typing import Any

import pytest

import bigseg
from bigseg.errors import BY_KIND
from conftest import eventually, first_poll_is_done, vectors
from scripted_store import ScriptedStore


def named(case: Any) -> str:
    return str(case.get("name") or case.get("why") or case)[:60]


def key_of(case: Any) -> str | bytes:
    if "key_hex" in case:
        return bytes.fromhex(case["key_hex"])
    if "repeat" in case:
        return str(case["repeat"]["text"]) * int(case["repeat"]["times"])
    return str(case["key"])


def raises(kind: str) -> Any:
    return pytest.raises(BY_KIND[kind][1])


@pytest.mark.parametrize("case", vectors("hash")["hash"], ids=named)
def test_hash(case: Any) -> None:
    if "error" in case:
        with raises(case["error"]) as raised:
            bigseg.ContextHash.of(key_of(case))
        assert raised.value.kind.value == case["error"]
    else:
        assert bigseg.ContextHash.of(key_of(case)) == case["hash"]


@pytest.mark.parametrize("case", vectors("hash")["parse"], ids=named)
def test_parse_hash(case: Any) -> None:
    if "error" in case:
        with raises(case["error"]):
            bigseg.ContextHash(case["text"])
    else:
        assert bigseg.ContextHash(case["text"]) == case["text"]


@pytest.mark.parametrize("case", vectors("segment_ref")["parse"], ids=named)
def test_parse_segment_ref(case: Any) -> None:
    if "error" in case:
        with raises(case["error"]):
            bigseg.SegmentRef.parse(case["text"])
    else:
        parsed = bigseg.SegmentRef.parse(case["text"])
        assert (parsed, parsed.segment_key, parsed.generation) == (case["text"], case["key"], case["generation"])


@pytest.mark.parametrize("case", vectors("segment_ref")["format"], ids=named)
def test_format_segment_ref(case: Any) -> None:
    if "error" in case:
        with raises(case["error"]):
            bigseg.SegmentRef(case["key"], case["generation"])
    else:
        assert bigseg.SegmentRef(case["key"], case["generation"]) == case["text"]


@pytest.mark.parametrize("case", vectors("membership")["memberships"], ids=named)
def test_membership(case: Any) -> None:
    membership = bigseg.Membership(case["included"], case["excluded"])
    for ref, expected in case["checks"].items():
        assert membership.check(ref) is expected
        assert membership.get(ref) is expected
        assert (ref in membership) is (expected is not None)
    assert membership == {ref: value for ref, value in membership.items()}


@pytest.mark.parametrize("case", vectors("store_url")["stores"], ids=named)
def test_store_string(case: Any) -> None:
    if "error" not in case:
        assert str(bigseg.StoreConfig.parse(case["text"])) == case["display"]
        return
    with raises(case["error"]) as raised:
        bigseg.StoreConfig.parse(case["text"])
    message = str(raised.value)
    for word in case.get("message_has", []):
        assert word in message
    for word in case.get("message_lacks", []):
        assert word not in message and word not in repr(raised.value)


TIMEOUTS = ("connect_timeout", "response_timeout")


@pytest.mark.parametrize("case", vectors("store_options")["stores"], ids=named)
def test_store_options(case: Any) -> None:
    # The vectors have milliseconds, Python has seconds.
    options: Any = {
        name: value / 1000 if name in TIMEOUTS and isinstance(value, (int, float)) else value
        for name, value in case["options"].items()
    }
    if "error" not in case:
        store = bigseg.StoreConfig.parse(case["store"], **options)
        assert str(store) == case["display"]
        assert store == bigseg.StoreConfig.parse(case["says"]), "secrets included"
        return
    with raises(case["error"]) as raised:
        bigseg.StoreConfig.parse(case["store"], **options)
    for word in case.get("message_has", []):
        assert word in str(raised.value)
    for word in case.get("message_lacks", []):
        assert word not in repr(raised.value)


def test_error_kinds() -> None:
    found = [
        {"name": name, "number": exception.number, "retryable": exception.retryable}
        for name, (kind, exception) in BY_KIND.items()
    ]
    assert found == vectors("error_kinds")["kinds"]
    for name, (kind, exception) in BY_KIND.items():
        assert exception.kind is kind and kind.value == name
        assert getattr(bigseg, exception.__name__) is exception


def test_lookup_status() -> None:
    cases = vectors("lookup_status")
    assert {status.name: status.value for status in bigseg.LookupStatus} == cases["numbers"]
    for case in cases["worst"]:
        worst = bigseg.LookupStatus.HEALTHY
        for name in case["statuses"]:
            worst = worst.worst(bigseg.LookupStatus[name])
        assert worst.name == case["worst"]


class Scenario:
    """The engine, store and clock of one scenario."""

    def __init__(self, start: int, options: Any) -> None:
        self.store = ScriptedStore()
        self.store.content[bigseg.ContextHash.of("user")] = {"a.g1": True}
        self.clock = bigseg.ManualClock(start)
        stale_after = options.get("stale_after_ms", 120_000)
        self.options: Any = {
            "stale_after": None if stale_after is None else stale_after / 1000,
            "context_cache_time": options.get("context_cache_ms", 0) / 1000,
            "last_known_time": options.get("last_known_ms", 300_000) / 1000,
            "status_poll_interval": 24 * 3600,
            "breaker_failures": 0,
            "clock": self.clock,
        }
        self.engine = bigseg.Engine()
        self.has_store = False

    def play(self, name: str, value: Any) -> None:
        if name in ("metadata_fails", "lookups_fail"):
            setattr(self.store, {"metadata_fails": "metadata_fault", "lookups_fail": "lookup_fault"}[name], value)
        elif name == "synchronized_on":
            self.store.synchronized_on = value
        elif name == "open":
            self.has_store = value
            self.engine = bigseg.Engine(self.store if value else None, **self.options)
            eventually("the first poll is done", lambda: not value or first_poll_is_done(self.engine))
        elif name == "advance_ms":
            self.clock.advance(value / 1000)
        elif name == "set_unix_ms":
            self.clock.set_unix_millis(value)
        elif name == "poll":
            self.engine.refresh_status()
        elif name == "lookup":
            self.look_up(value)
        elif name == "status":
            self.look_at_status(value)
        else:
            raise AssertionError(f"unknown step {name}")

    def look_up(self, expected: Any) -> None:
        answer = self.engine.membership("user")
        assert answer.status.name == expected["status"]
        assert answer.origin.value == expected["origin"]
        if "included" in expected:
            assert answer.membership.included == expected["included"]
        failed = expected["origin"] in ("last_known", "nothing") and self.has_store
        assert (answer.error is not None) == failed

    def look_at_status(self, expected: Any) -> None:
        status = self.engine.status()
        for field, value in expected.items():
            found = getattr(status, field)
            if field == "last_error":
                found = found and found.kind.value
            assert found == value, field


@pytest.mark.parametrize("scenario", vectors("status")["scenarios"], ids=named)
def test_status(scenario: Any) -> None:
    running = Scenario(vectors("status")["start_unix_ms"], scenario["options"])
    for step in scenario["steps"]:
        for name, value in step.items():
            running.play(name, value)
    running.engine.close()


@pytest.mark.parametrize("sequence", vectors("cache")["sequences"], ids=named)
def test_cache(sequence: Any) -> None:
    def hashes(name: str) -> list[str]:
        return [bigseg.ContextHash.of(word) for word in sequence.get(name, "").split()]

    store = ScriptedStore()
    store.synchronized_on = 1
    store.content = {context: {"a.g1": True} for context in hashes("lookups")}
    store.content.update({context: None for context in hashes("unknown")})
    store.failing = set(hashes("failing"))
    options: Any = {"context_cache_size": sequence["capacity"], "breaker_failures": 0, "clock": bigseg.ManualClock(1)}
    with bigseg.Engine(store, **options) as engine:
        for context in hashes("lookups"):
            engine.membership_by_hash(context)
    assert store.queries == hashes("queries")
