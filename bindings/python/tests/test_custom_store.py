"""Stores written in Python."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pytest

import bigseg
import bigseg.aio
from bigseg import LookupStatus, Origin

ALICE = bigseg.ContextHash.of("alice")


class Metadata:
    last_up_to_date = 1


class Dict:
    """A store that answers from a dictionary."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content
        self.threads: set[int] = set()

    def get_metadata(self) -> Metadata:
        return Metadata()

    def get_membership(self, context_hash: str) -> Any:
        self.threads.add(threading.get_ident())
        answer = self.content.get(context_hash)
        if isinstance(answer, Exception):
            raise answer
        return answer


class AsyncDict(Dict):
    """An asynchronous store that answers from a dictionary."""

    async def get_metadata(self) -> Metadata:  # type: ignore[override]
        await asyncio.sleep(0)
        return Metadata()

    async def get_membership(self, context_hash: str) -> Any:
        await asyncio.sleep(0)
        return super().get_membership(context_hash)


OPTIONS: Any = {"stale_after": None, "lookup_deadline": 60}


@pytest.mark.parametrize("kind", [Dict, AsyncDict])
def test_answers(kind: type[Dict]) -> None:
    store = kind({ALICE: {"a.g1": True, "b.g1": False, "c.g1": None}})
    with bigseg.Engine(store, **OPTIONS) as engine:
        alice, nobody = engine.memberships(["alice", "nobody"])
        assert (alice.membership, nobody.membership) == ({"a.g1": True, "b.g1": False}, {})
        assert alice.status is LookupStatus.HEALTHY
        assert threading.get_ident() not in store.threads


@pytest.mark.parametrize("kind", [Dict, AsyncDict])
def test_answers_in_asyncio(kind: type[Dict]) -> None:
    async def main() -> None:
        store = kind({ALICE: {"a.g1": True}})
        async with bigseg.aio.Engine(store, **OPTIONS) as engine:
            answers = await asyncio.gather(*(engine.membership(key) for key in ("alice", "bob", "carol")))
            assert [answer.check("a.g1") for answer in answers] == [True, None, None]
            # An asynchronous store runs on the loop, a blocking one never does.
            assert (threading.get_ident() in store.threads) == (kind is AsyncDict)

    asyncio.run(main())


def test_many_at_once() -> None:
    class Many(Dict):
        batch_sizes: list[int] = []

        def get_memberships(self, context_hashes: Sequence[str]) -> list[Mapping[str, bool] | None]:
            self.batch_sizes.append(len(context_hashes))
            return [self.content.get(context_hash) for context_hash in context_hashes]

    with bigseg.Engine(Many({ALICE: {"a.g1": True}}), **OPTIONS) as engine:
        answers = engine.memberships(["alice", "bob", "carol"])
        assert [answer.check("a.g1") for answer in answers] == [True, None, None]
    assert Many.batch_sizes == [3]


@pytest.mark.parametrize(
    "answer", [bigseg.Membership(["a.g1"]), MappingProxyType({"a.g1": True}), {"a.g1": True}], ids=lambda a: type(a).__name__
)
def test_any_mapping_will_do(answer: Any) -> None:
    with bigseg.Engine(Dict({ALICE: answer}), **OPTIONS) as engine:
        assert engine.membership("alice").check("a.g1") is True


@pytest.mark.parametrize("answer", [7, "a.g1", {1: True}, {"a.g1": "yes"}, [("a.g1",)]], ids=str)
def test_nonsense_fails_alone(answer: Any) -> None:
    with bigseg.Engine(Dict({ALICE: answer}), **OPTIONS) as engine:
        alice, bob = engine.memberships(["alice", "bob"])
        assert isinstance(alice.error, bigseg.StoreDataError) and alice.origin is Origin.NOTHING
        assert bob.error is None and bob.status is LookupStatus.HEALTHY


@pytest.mark.parametrize("kind", [Dict, AsyncDict])
def test_an_exception_is_the_cause(kind: type[Dict]) -> None:
    failure = KeyError("the shelf fell down")
    with bigseg.Engine(kind({ALICE: failure}), **OPTIONS) as engine:
        # Otherwise the first poll may come after the failed lookup, and succeed.
        engine.membership("bob")
        answer = engine.membership("alice")
        assert answer.status is LookupStatus.STORE_ERROR
        assert isinstance(answer.error, bigseg.StoreUnavailableError)
        assert answer.error.__cause__ is failure
        assert "KeyError" in str(answer.error)
        status = engine.status()
        assert not status.available and status.last_error is not None


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (bigseg.StorePermissionError("no"), bigseg.StorePermissionError),
        (TimeoutError("late"), bigseg.StoreTimeoutError),
        (PermissionError("no"), bigseg.StorePermissionError),
        (ConnectionError("gone"), bigseg.StoreUnavailableError),
    ],
)
def test_exceptions_have_kinds(failure: Exception, kind: type[bigseg.BigSegError]) -> None:
    with bigseg.Engine(Dict({ALICE: failure}), **OPTIONS) as engine:
        assert type(engine.membership("alice").error) is kind


def test_a_slow_store_costs_the_deadline() -> None:
    go_on = threading.Event()

    class Slow(Dict):
        def get_membership(self, context_hash: str) -> Any:
            go_on.wait()

    with bigseg.Engine(Slow({}), stale_after=None, lookup_deadline=0.1) as engine:
        answer = engine.membership("alice")
        assert isinstance(answer.error, bigseg.StoreTimeoutError)
        go_on.set()


def test_the_wrong_number_of_answers() -> None:
    class Few(Dict):
        def get_memberships(self, context_hashes: Sequence[str]) -> list[None]:
            return [None]

    with bigseg.Engine(Few({}), **OPTIONS) as engine:
        for answer in engine.memberships(["alice", "bob"]):
            assert isinstance(answer.error, bigseg.StoreDataError)
