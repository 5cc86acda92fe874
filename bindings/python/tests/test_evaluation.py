"""Evaluation: data, forms of contexts, answers without waiting, fork."""

from __future__ import annotations

import asyncio
import collections
import gc
import json
import pathlib
import threading
import types
from typing import Any

import ldclient
import pytest

import bigseg
import bigseg.aio
from bigseg import Decider, EvaluationErrorKind, LookupStatus, Origin, ReasonKind
from conftest import eventually
from redis_server import RedisServer
from scripted_store import ScriptedStore
from test_lifecycle import run

BETA = {"key": "beta", "version": 1, "unbounded": True, "generation": 1}
FLAG = {
    "key": "f",
    "version": 1,
    "on": True,
    "variations": ["no", {"list": [1, 2.5, None, True], "big": 2**64 - 1}],
    "fallthrough": {"variation": 0},
    "rules": [{"id": "r", "variation": 1, "clauses": [{"attribute": "", "op": "segmentMatch", "values": ["beta"]}]}],
}
DATA = json.dumps({"flags": {"f": FLAG}, "segments": {"beta": BETA}})
ALICE = {"kind": "user", "key": "alice"}


@pytest.fixture
def engine(users: str) -> Any:
    with bigseg.Engine(users) as engine:
        engine.set_data(DATA)
        yield engine


def test_a_flag(engine: bigseg.Engine) -> None:
    evaluation = engine.evaluate("f", ALICE, default="never")
    assert evaluation.value == FLAG["variations"][1]  # type: ignore[index]
    evaluation.value["list"].clear()
    assert evaluation.value == FLAG["variations"][1]  # type: ignore[index]
    assert evaluation.variation == 1
    assert evaluation.reason == bigseg.Reason(
        ReasonKind.RULE_MATCH, rule_index=0, rule_id="r", big_segments_status=LookupStatus.HEALTHY
    )
    assert evaluation.decisions == (
        bigseg.Decision("beta", "beta.g1", Decider.INCLUDED, rule_index=None, rule_id=None, status=LookupStatus.HEALTHY),
    )
    assert repr(evaluation) == "<Evaluation: variation 1, RULE_MATCH>"
    bob = engine.evaluate("f", {"kind": "user", "key": "bob"})
    assert (bob.value, bob.reason.kind, bob.decisions[0].decider) == ("no", ReasonKind.FALLTHROUGH, Decider.EXCLUDED)


def test_the_default_comes_back_as_it_is(engine: bigseg.Engine) -> None:
    default = object()
    missing = engine.evaluate("g", ALICE, default)
    assert missing.value is default and missing.variation is None
    assert missing.reason == bigseg.Reason(ReasonKind.ERROR, EvaluationErrorKind.FLAG_NOT_FOUND)
    assert repr(missing) == "<Evaluation: the default, ERROR>"
    assert engine.evaluate("g", ALICE).value is None
    now = engine.evaluate_now("g", ALICE, default=default)
    assert now is not None and now.value is default


def test_a_default_that_holds_its_evaluation_is_collected(engine: bigseg.Engine) -> None:
    import weakref

    class Default:
        evaluation: bigseg.Evaluation

    def leave() -> Any:
        default = Default()
        default.evaluation = engine.evaluate("g", ALICE, default)
        return weakref.ref(default)

    gone = leave()
    gc.collect()
    assert gone() is None


def test_a_segment(engine: bigseg.Engine) -> None:
    answer = engine.segment_contains("beta", ALICE)
    assert answer and answer.is_match and answer.error_kind is None and answer.status is LookupStatus.HEALTHY
    assert answer.decisions[0].decider.is_match
    assert repr(answer) == "<SegmentAnswer: a match, included>"
    missing = engine.segment_contains("gamma", ALICE)
    assert not missing and missing.error_kind is EvaluationErrorKind.SEGMENT_NOT_FOUND
    assert (missing.status, missing.decisions) == (None, ())
    assert repr(missing) == "<SegmentAnswer: no match, SEGMENT_NOT_FOUND>"


def test_without_data(users: str) -> None:
    with bigseg.Engine(users) as engine:
        assert engine.evaluate("f", ALICE, 7).reason.error_kind is EvaluationErrorKind.CLIENT_NOT_READY
        assert engine.segment_contains("beta", ALICE).error_kind is EvaluationErrorKind.CLIENT_NOT_READY
        assert engine.explain("beta", ALICE).origin is None


def test_an_explanation(engine: bigseg.Engine) -> None:
    first = engine.explain("beta", ALICE)
    assert first.answer and first.value is True and first.embedded and first.error is None
    assert (first.hash, first.origin, first.age) == (bigseg.ContextHash.of("alice"), Origin.STORE, 0)
    again = engine.explain("beta", ALICE)
    assert again.origin is Origin.CACHE and again.age is not None and again.age >= 0
    other = engine.explain("beta", {"kind": "org", "key": "alice"})
    assert (other.hash, other.value, other.origin, other.age) == (None, None, None, None)
    assert other.answer.decisions[0].decider is Decider.NOT_CONSULTED


def test_an_explanation_of_a_failure() -> None:
    store = ScriptedStore()
    store.lookup_fault = "store_data"
    with bigseg.Engine(store, breaker_failures=0, lookup_deadline=60) as engine:
        engine.set_data(DATA)
        explanation = engine.explain("beta", ALICE)
        assert isinstance(explanation.error, bigseg.StoreDataError) and not explanation.embedded
        assert explanation.answer.status is LookupStatus.STORE_ERROR and explanation.origin is Origin.NOTHING


@pytest.mark.parametrize(
    "context",
    [
        {"kind": "user", "key": "alice", "tags": ("a", ["b"]), "n": 1.5, "huge": 2**70, "deep": {"er": None}},
        '{"kind": "user", "key": "alice"}',
        b'{"kind": "user", "key": "alice"}',
        {"key": "alice", "custom": {"groups": ["a"]}},
        types.MappingProxyType({"kind": "user", "key": "alice"}),
        collections.ChainMap({"kind": "user"}, {"key": "alice"}),
        ldclient.Context.builder("alice").set("email", "a@example.org").private("email").build(),
        ldclient.Context.create_multi(ldclient.Context.create("alice"), ldclient.Context.create("acme", "org")),
        bigseg.Context({"kind": "user", "key": "alice"}),
        bigseg.Context(bigseg.Context({"kind": "user", "key": "alice"})),
    ],
    ids=lambda context: type(context).__name__,
)
def test_forms_of_a_context(engine: bigseg.Engine, context: Any) -> None:
    assert engine.segment_contains("beta", context)
    assert engine.evaluate("f", bigseg.Context(context)).variation == 1
    assert "alice" not in repr(bigseg.Context(context))


def test_attributes_reach_the_rules() -> None:
    rules = [{"clauses": [{"attribute": "tags", "op": "in", "values": ["a"]}, {"attribute": "n", "op": "in", "values": [1.5]}]}]
    with bigseg.Engine() as engine:
        engine.set_data(json.dumps({"segments": {"s": {"key": "s", "version": 1, "rules": rules}}}))
        official = ldclient.Context.builder("k").set("tags", ["a", "b"]).set("n", 1.5).build()
        for context in (official, official.to_dict(), json.dumps(official.to_dict()), bigseg.Context(official)):
            assert engine.segment_contains("s", context)
        assert not engine.segment_contains("s", {"kind": "user", "key": "k", "tags": ["b"], "n": 1.5})


class WrittenAsText:
    """A context that can only be written as text."""

    def to_json_string(self) -> str:
        return '{"kind": "user", "key": "alice"}'


def test_a_context_that_writes_itself_as_text(engine: bigseg.Engine) -> None:
    assert engine.segment_contains("beta", WrittenAsText())  # type: ignore[arg-type]


def nested(depth: int) -> Any:
    value: Any = "secret"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("context", "error"),
    [
        ("secret", bigseg.InvalidArgumentError),
        ('"secret"', bigseg.InvalidArgumentError),
        (b"\xff secret", bigseg.InvalidArgumentError),
        ("\ud800 secret", bigseg.InvalidArgumentError),
        ({"kind": "user", "key": "secret\ud800"}, bigseg.InvalidArgumentError),
        ({"kind": "user", "key": ""}, bigseg.InvalidContextKeyError),
        ({"kind": "user", "key": 7}, bigseg.InvalidArgumentError),
        ({"kind": "user", "key": "secret", "x": float("nan")}, bigseg.InvalidArgumentError),
        ({"kind": "user", "key": "secret", "x": 10**400}, bigseg.InvalidArgumentError),
        ({"kind": "user", "key": "secret", "x": nested(1000)}, bigseg.InvalidArgumentError),
        ({"kind": "user", "key": "secret", "x": {"secret"}}, TypeError),
        ({"kind": "user", "key": "secret", 7: 7}, TypeError),
        (ldclient.Context.create(""), bigseg.BigSegError),
        (["secret"], TypeError),
        (7, TypeError),
        (None, TypeError),
    ],
    ids=lambda value: None if isinstance(value, type) else type(value).__name__,
)
def test_invalid_contexts(engine: bigseg.Engine, context: Any, error: Any) -> None:
    calls = (bigseg.Context, lambda _: engine.evaluate("f", context), lambda _: engine.segment_contains_now("beta", context))
    for call in calls:
        with pytest.raises(error) as raised:
            call(context)
        shown: BaseException | None = raised.value
        while shown is not None:
            assert "secret" not in repr(shown)
            shown = shown.__cause__ or shown.__context__


def test_invalid_data(engine: bigseg.Engine) -> None:
    with pytest.raises(TypeError, match="JSON"):
        engine.set_data({})  # type: ignore[arg-type]
    with pytest.raises(bigseg.InvalidArgumentError, match="UTF-8"):
        engine.set_data(b"\xff")
    with pytest.raises(bigseg.InvalidArgumentError):
        engine.reload_data()
    assert engine.evaluate("f", ALICE).variation == 1


def test_data_from_a_file(engine: bigseg.Engine, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "data.json"
    with pytest.raises(bigseg.InvalidArgumentError, match=r"data\.json"):
        engine.load_data(path)
    path.write_text(DATA)
    engine.load_data(path)
    assert not engine.reload_data()
    path.write_text('{"flags": {}}')
    assert engine.reload_data()
    assert engine.evaluate("f", ALICE).reason.error_kind is EvaluationErrorKind.FLAG_NOT_FOUND
    path.write_text('{"flags": {')
    with pytest.raises(bigseg.InvalidArgumentError):
        engine.reload_data()
    path.write_text(DATA)
    engine.load_data(str(path))
    assert engine.evaluate("f", ALICE).variation == 1


def test_evaluation_without_waiting() -> None:
    store = ScriptedStore()
    store.content[bigseg.ContextHash.of("alice")] = {"beta.g1": True}
    with bigseg.Engine(store, lookup_deadline=60) as engine:
        engine.set_data(DATA)
        assert engine.evaluate_now("f", ALICE) is None
        assert engine.segment_contains_now("beta", ALICE) is None
        assert store.queries == []
        assert engine.evaluate("f", ALICE).variation == 1
        now = engine.evaluate_now("f", ALICE)
        assert now is not None and now.variation == 1
        assert engine.segment_contains_now("beta", ALICE)
        assert len(store.queries) == 1


def test_an_embedded_store_is_read_without_waiting(users: str) -> None:
    with bigseg.Engine(users) as engine:
        engine.set_data(DATA)
        now = engine.evaluate_now("f", ALICE)
        assert now is not None and now.variation == 1


def test_closed(users: str) -> None:
    engine = bigseg.Engine(users)
    engine.close()
    for call in (
        lambda: engine.set_data(DATA),
        lambda: engine.evaluate("f", ALICE),
        lambda: engine.evaluate_now("f", ALICE),
        lambda: engine.segment_contains("beta", ALICE),
        lambda: engine.explain("beta", ALICE),
        engine.reload_data,
    ):
        with pytest.raises(bigseg.ClosedError):
            call()


def test_the_gil_is_free_while_an_evaluation_waits(own_redis: RedisServer) -> None:
    own_redis.synchronize()
    own_redis.freeze()
    with bigseg.Engine(own_redis.url, lookup_deadline=3600, response_timeout=30, breaker_failures=0) as engine:
        engine.set_data(DATA)
        evaluations: list[bigseg.Evaluation] = []
        thread = threading.Thread(target=lambda: evaluations.append(engine.evaluate("f", ALICE)))
        thread.start()
        # With the GIL held by the other thread, this one could not poll.
        eventually("the evaluation waits", lambda: engine.metrics().store_queries >= 1)
        assert thread.is_alive() and not evaluations
        own_redis.thaw()
        thread.join()
        assert evaluations[0].variation == 0


def test_readers_go_on_while_data_are_exchanged(users: str) -> None:
    with bigseg.Engine(users) as engine:
        engine.set_data(DATA)
        context = bigseg.Context(ALICE)
        stop, failures = threading.Event(), []

        def evaluate() -> None:
            while not stop.is_set():
                evaluation = engine.evaluate("f", context)
                if evaluation.variation != 1:
                    failures.append(evaluation)

        threads = [threading.Thread(target=evaluate) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(200):
            engine.set_data(DATA)
        stop.set()
        for thread in threads:
            thread.join()
        assert not failures


def test_asyncio(redis: RedisServer, tmp_path: pathlib.Path) -> None:
    redis.put(bigseg.ContextHash.of("alice"), ["beta.g1"], [])
    redis.synchronize()
    path = tmp_path / "data.json"
    path.write_text(DATA)

    async def main() -> None:
        async with bigseg.aio.Engine(redis.url, lookup_deadline=30, response_timeout=30) as engine:
            assert (await engine.evaluate("f", ALICE, 7)).value == 7
            await engine.load_data(path)
            assert not await engine.reload_data()
            assert engine.evaluate_now("f", ALICE) is None and engine.segment_contains_now("beta", ALICE) is None
            evaluations = await asyncio.gather(*(engine.evaluate("f", ALICE) for _ in range(100)))
            assert {evaluation.variation for evaluation in evaluations} == {1}
            assert engine.metrics().store_contexts == 1
            assert await engine.segment_contains("beta", ALICE)
            assert not await engine.segment_contains("beta", {"kind": "user", "key": "carol"})
            assert (await engine.explain("beta", ALICE)).origin is Origin.CACHE
            assert (await engine.explain("beta", {"kind": "user", "key": "dave"})).origin is Origin.STORE
            with pytest.raises(bigseg.InvalidContextKeyError):
                await engine.evaluate("f", {"kind": "user", "key": ""})
            await engine.set_data('{"flags": {}}')
            assert (await engine.evaluate("f", ALICE, 7)).value == 7

    asyncio.run(main())


def test_what_is_cached_does_not_leave_the_coroutine(users: str) -> None:
    engine = bigseg.aio.Engine(users)

    async def main() -> None:
        await engine.set_data(DATA)
        await engine.evaluate("f", ALICE)

    asyncio.run(main())
    # No loop runs here; what needed one would raise.
    for coroutine in (engine.evaluate("f", ALICE), engine.segment_contains("beta", ALICE)):
        with pytest.raises(StopIteration) as returned:
            coroutine.send(None)
        assert returned.value.value is not None
    asyncio.run(engine.close())


def test_data_survive_a_fork(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(DATA)
    source = """
    import os, pathlib, sys, bigseg
    path = pathlib.Path(sys.argv[1])
    engine = bigseg.Engine()
    engine.load_data(path)
    fork = os.fork()
    if fork == 0:
        before = engine.evaluate("f", {"kind": "user", "key": "alice"}).value
        unchanged = engine.reload_data()
        path.write_text('{"flags": {}}')
        changed = engine.reload_data()
        print(before, unchanged, changed, engine.evaluate("f", {"kind": "user", "key": "alice"}, "gone").value, flush=True)
        os._exit(0)
    os.waitpid(fork, 0)
    print(engine.evaluate("f", {"kind": "user", "key": "alice"}).value)
    """
    assert run(source, str(path)) == "no False True gone\nno\n"
