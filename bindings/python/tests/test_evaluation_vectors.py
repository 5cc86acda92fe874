"""The evaluation vectors that every language runs: tests/vectors/evaluation.json."""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import json
from typing import Any

import pytest

import bigseg
import bigseg.aio
from bigseg.errors import BY_KIND
from conftest import eventually, first_poll_is_done, vectors
from scripted_store import ScriptedStore

START = 1_700_000_000_000
VECTORS = vectors("evaluation")


def named(case: Any) -> str:
    return str(case.get("name") or case.get("why") or case)[:60]


def hash_of(key: str) -> str:
    return bigseg.ContextHash.of(key)


def store_of(case: Any) -> ScriptedStore | None:
    """The store that a case describes."""
    if case["store"] is None:
        return None
    store = ScriptedStore()
    store.synchronized_on = None if case["store"].get("stale") else START
    for key, membership in case["store"].get("memberships", {}).items():
        refs = dict.fromkeys(membership.get("excluded", []), False)
        store.content[hash_of(key)] = {**refs, **dict.fromkeys(membership.get("included", []), True)}
    store.failing = {hash_of(key) for key in case["store"].get("failing", [])}
    return store


def options() -> Any:
    return {"breaker_failures": 0, "clock": bigseg.ManualClock(START), "status_poll_interval": 24 * 3600, "lookup_deadline": 60}


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def to_vector(value: Any) -> Any:
    """Converts a data class to the form of the vectors, which omits missing fields."""
    if isinstance(value, bigseg.LookupStatus):
        return value.name
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, tuple):
        return [to_vector(item) for item in value]
    if dataclasses.is_dataclass(value):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {camel(name): to_vector(field) for name, field in fields.items() if field is not None and field is not False}
    return value


def answer_to_vector(answer: bigseg.Evaluation | bigseg.SegmentAnswer | None) -> Any:
    """Converts an answer to the form of the vectors."""
    assert answer is not None
    if isinstance(answer, bigseg.SegmentAnswer):
        names = ("is_match", "error_kind", "status", "decisions")
    else:
        names = ("value", "variation", "reason", "decisions")
    fields = {name: getattr(answer, name) for name in names}
    return {camel(name): to_vector(field) for name, field in fields.items() if field is not None or name == "value"}


def evaluate(engine: bigseg.Engine, case: Any, context: Any) -> Any:
    if "flag" in case:
        return answer_to_vector(engine.evaluate(case["flag"], context, case.get("default")))
    return answer_to_vector(engine.segment_contains(case["segment"], context))


@pytest.mark.parametrize("case", VECTORS["cases"], ids=named)
def test_case(case: Any) -> None:
    store = store_of(case)
    with bigseg.Engine(store, **options()) as engine:
        eventually("the first poll is done", lambda: store is None or first_poll_is_done(engine))
        engine.set_data(json.dumps(case["data"]))
        context = bigseg.Context(case["context"])
        assert evaluate(engine, case, context) == case["expect"]
        if store is not None:
            assert store.queries == [hash_of(key) for key in case["queries"]], "the queries, in order"
        if store is not None and store.failing:
            return  # A failure changes the status of the store, and with it every later answer.
        # The first evaluation cached every membership that the others need.
        if "flag" in case:
            assert answer_to_vector(engine.evaluate_now(case["flag"], context, case.get("default"))) == case["expect"]
        else:
            assert answer_to_vector(engine.segment_contains_now(case["segment"], context)) == case["expect"]
            assert answer_to_vector(engine.explain(case["segment"], case["context"]).answer) == case["expect"]
        assert evaluate(engine, case, json.dumps(case["context"])) == case["expect"]


@pytest.mark.parametrize("case", VECTORS["cases"], ids=named)
def test_case_awaited(case: Any) -> None:
    async def main() -> None:
        store = store_of(case)
        async with bigseg.aio.Engine(store, **options()) as engine:
            while store is not None and not first_poll_is_done(engine):
                await asyncio.sleep(0)
            await engine.set_data(json.dumps(case["data"]))
            for _ in range(1 if store is not None and store.failing else 2):
                if "flag" in case:
                    answer: Any = await engine.evaluate(case["flag"], case["context"], case.get("default"))
                else:
                    answer = await engine.segment_contains(case["segment"], case["context"])
                assert answer_to_vector(answer) == case["expect"]

    asyncio.run(main())


def text_of(case: Any) -> str:
    return case["json"] if isinstance(case["json"], str) else json.dumps(case["json"])


@pytest.mark.parametrize("case", VECTORS["contexts"], ids=named)
def test_context(case: Any) -> None:
    text = text_of(case)
    forms: list[Any] = [text, text.encode(), *([case["json"]] if isinstance(case["json"], dict) else [])]
    for form in forms:
        if "error" not in case:
            assert bigseg.Context(form).kinds == case["kinds"]
            continue
        with pytest.raises(BY_KIND[case["error"]][1]) as raised:
            bigseg.Context(form)
        assert "secret" not in repr(raised.value)


@pytest.mark.parametrize("case", VECTORS["data"], ids=named)
def test_data(case: Any) -> None:
    with bigseg.Engine() as engine:
        if "error" not in case:
            engine.set_data(text_of(case))
            return
        with pytest.raises(BY_KIND[case["error"]][1]) as raised:
            engine.set_data(text_of(case).encode())
        assert case["message_has"] in str(raised.value) and "secret" not in repr(raised.value)


@pytest.mark.parametrize("case", VECTORS["classify"], ids=str)
def test_classification(case: Any) -> None:
    assert bigseg.classify(case["entries"], case["kinds"]) is bigseg.SegmentKind(case["is"])
