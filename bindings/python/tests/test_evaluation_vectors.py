"""What every language must agree on about evaluation: tests/vectors/evaluation.json."""

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
from conftest import eventually, vectors
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


def said(value: Any) -> Any:
    """Spells what a data class holds as the vectors do: without what is not there."""
    if isinstance(value, bigseg.LookupStatus):
        return value.name
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, tuple):
        return [said(item) for item in value]
    if dataclasses.is_dataclass(value):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {camel(name): said(field) for name, field in fields.items() if field is not None and field is not False}
    return value


def spelled(answer: bigseg.Evaluation | bigseg.SegmentAnswer | None) -> Any:
    """Spells an answer as the vectors do."""
    assert answer is not None
    if isinstance(answer, bigseg.SegmentAnswer):
        names = ("is_match", "error_kind", "status", "decisions")
    else:
        names = ("value", "variation", "reason", "decisions")
    fields = {name: getattr(answer, name) for name in names}
    return {camel(name): said(field) for name, field in fields.items() if field is not None or name == "value"}


def ask(engine: bigseg.Engine, case: Any, context: Any) -> Any:
    if "flag" in case:
        return spelled(engine.evaluate(case["flag"], context, case.get("default")))
    return spelled(engine.segment_contains(case["segment"], context))


@pytest.mark.parametrize("case", VECTORS["cases"], ids=named)
def test_case(case: Any) -> None:
    store = store_of(case)
    with bigseg.Engine(store, **options()) as engine:
        eventually("the first poll", lambda: store is None or engine.metrics().status_polls == 1)
        engine.set_data(json.dumps(case["data"]))
        context = bigseg.Context(case["context"])
        assert ask(engine, case, context) == case["expect"]
        if store is not None:
            assert store.queries == [hash_of(key) for key in case["queries"]], "the queries, in order"
        if store is not None and store.failing:
            return  # To have failed once tells on everything after.
        # By now everything is cached that is asked for.
        if "flag" in case:
            assert spelled(engine.evaluate_now(case["flag"], context, case.get("default"))) == case["expect"]
        else:
            assert spelled(engine.segment_contains_now(case["segment"], context)) == case["expect"]
            assert spelled(engine.explain(case["segment"], case["context"]).answer) == case["expect"]
        assert ask(engine, case, json.dumps(case["context"])) == case["expect"]


@pytest.mark.parametrize("case", VECTORS["cases"], ids=named)
def test_case_awaited(case: Any) -> None:
    async def main() -> None:
        store = store_of(case)
        async with bigseg.aio.Engine(store, **options()) as engine:
            while store is not None and engine.metrics().status_polls == 0:
                await asyncio.sleep(0)
            await engine.set_data(json.dumps(case["data"]))
            for _ in range(1 if store is not None and store.failing else 2):
                if "flag" in case:
                    answer: Any = await engine.evaluate(case["flag"], case["context"], case.get("default"))
                else:
                    answer = await engine.segment_contains(case["segment"], case["context"])
                assert spelled(answer) == case["expect"]

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
