"""The blocking engine: lookups, the mapping, errors, options."""

from __future__ import annotations

import datetime
import gc
import logging
import pathlib
import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest

import bigseg
from bigseg import LookupStatus, Origin
from conftest import TIMEOUT, eventually
from redis_server import RedisServer


def test_lookups(users: str) -> None:
    with bigseg.Engine(users) as engine:
        alice = engine.membership("alice")
        assert (alice.check("beta.g1"), alice.check("beta.g2")) == (True, None)
        assert (alice.status, alice.origin, alice.error, alice.age) == (LookupStatus.HEALTHY, Origin.STORE, None, 0)
        assert engine.membership(b"bob").check("beta.g1") is False
        bob, alice, nobody = engine.memberships(["bob", "alice", "nobody"])
        assert (bob.origin, alice.origin, nobody.origin) == (Origin.CACHE, Origin.CACHE, Origin.STORE)
        assert alice.age >= 0
        assert nobody.membership == {}
        by_hash = engine.membership_by_hash(bigseg.ContextHash.of("alice"))
        assert by_hash.membership == alice.membership
        many = engine.memberships_by_hash(bigseg.ContextHash.of(key) for key in ("alice", "bob"))
        assert [answer.check("beta.g1") for answer in many] == [True, False]
        assert engine.memberships([]) == []


def test_cached(users: str) -> None:
    with bigseg.Engine(users) as engine:
        assert engine.cached("alice") is None
        engine.membership("alice")
        cached = engine.cached("alice")
        assert cached is not None and cached.origin is Origin.CACHE
        assert engine.cached_by_hash(bigseg.ContextHash.of("alice")) is not None
        engine.invalidate("alice")
        assert engine.cached("alice") is None
        engine.membership("alice")
        engine.invalidate_all()
        assert engine.cached("alice") is None
        metrics = engine.metrics()
        assert (metrics.cache_hits, metrics.cache_misses, metrics.cached_contexts) == (2, 2, 0)


def test_invalidate_takes_a_key_and_invalidate_by_hash_a_hash(users: str) -> None:
    alice = bigseg.ContextHash.of("alice")
    with bigseg.Engine(users) as engine:
        engine.membership("alice")
        engine.invalidate("alice")
        assert engine.cached("alice") is None
        engine.membership("alice")
        engine.invalidate_by_hash(alice)
        assert engine.cached("alice") is None
        # A hash is also a valid key, of another context.
        engine.membership("alice")
        engine.invalidate(alice)
        assert engine.cached("alice") is not None
        with pytest.raises(bigseg.InvalidContextHashError):
            engine.invalidate_by_hash("alice")
        with pytest.raises(bigseg.InvalidContextKeyError):
            engine.invalidate("")


def test_membership_is_a_read_only_mapping() -> None:
    membership = bigseg.Membership(["b.g1", "a.g1"], ["c.g1", "a.g1"])
    assert list(membership) == list(membership.keys()) == ["a.g1", "b.g1", "c.g1"]
    assert isinstance(membership, Mapping)
    assert dict(membership) == {"a.g1": True, "b.g1": True, "c.g1": False} == membership
    assert list(membership.values()) == [True, True, False]
    assert membership.items() >= {("a.g1", True)}
    assert len(membership) == 3
    assert "a.g1" in membership and "d.g1" not in membership and 7 not in membership
    assert membership["c.g1"] is False
    with pytest.raises(KeyError):
        membership["d.g1"]
    assert membership.get("d.g1", "none") == "none"
    assert membership == bigseg.Membership(["a.g1", "b.g1"], ["c.g1"])
    assert membership != bigseg.Membership() and membership != {"a.g1": True} and membership != 5
    assert "a.g1" not in repr(membership) and "2 included" in repr(membership)
    with pytest.raises(TypeError):
        membership["a.g1"] = True  # type: ignore[index]


def test_no_store() -> None:
    with bigseg.Engine() as engine:
        answer = engine.membership("alice")
        assert (answer.status, answer.origin) == (LookupStatus.NOT_CONFIGURED, Origin.NOTHING)


@pytest.mark.parametrize("key", ["", b""])
def test_an_empty_key_is_invalid(key: Any) -> None:
    with bigseg.Engine("memory:") as engine, pytest.raises(bigseg.InvalidContextKeyError):
        engine.membership(key)


def test_a_key_is_never_shown() -> None:
    with bigseg.Engine("memory:") as engine:
        for key in ("secret-\ud800", b"secret-\xff"):
            with pytest.raises(bigseg.InvalidContextKeyError) as raised:
                engine.membership(key)
            error: BaseException | None = raised.value
            while error is not None:
                assert "secret" not in repr(error)
                error = error.__cause__ or error.__context__
        for wrong in (7, ["secret"], {"secret": 1}):
            with pytest.raises(TypeError) as refused:
                engine.membership(wrong)  # type: ignore[arg-type]
            assert "secret" not in str(refused.value)
        with pytest.raises(TypeError):
            engine.memberships("alice")


def test_closed() -> None:
    engine = bigseg.Engine("memory:")
    engine.close()
    engine.close()
    assert engine.closed
    for call in (
        lambda: engine.membership("a"),
        lambda: engine.cached("a"),
        lambda: engine.memberships(["a"]),
        engine.refresh_status,
        lambda: engine.add_status_listener(print),
    ):
        with pytest.raises(bigseg.ClosedError) as raised:
            call()
        assert raised.value.kind is bigseg.ErrorKind.CLOSED and not raised.value.retryable
    assert engine.status() is not None and engine.metrics() is not None
    with pytest.raises(bigseg.AlreadyUsedError):
        engine.__init__("memory:")  # type: ignore[misc]


def test_a_subclass_that_was_not_opened() -> None:
    class Lazy(bigseg.Engine):
        def __init__(self) -> None:
            pass

    with pytest.raises(bigseg.ClosedError):
        Lazy().membership("alice")


@pytest.mark.parametrize(
    "options",
    [
        {"context_cache_time": -1},
        {"context_cache_time": float("nan")},
        {"lookup_deadline": 0},
        {"context_cache_size": -1},
        {"context_cache_size": 2**70},
        {"batch_size": 0},
        {"prefix": "x"},
        {"colour": "red"},
        {"push_invalidation": "maybe"},
        {"push_cache_time": 601},
        {"stale_after": 1e30},
    ],
    ids=str,
)
def test_bad_options(options: Any) -> None:
    with pytest.raises(bigseg.InvalidConfigError) as raised:
        bigseg.Engine("memory:", **options)
    assert next(iter(options)) in str(raised.value)


def test_a_duration_of_the_wrong_type() -> None:
    with pytest.raises(TypeError, match="context_cache_time"):
        bigseg.Engine("memory:", context_cache_time="5s")  # type: ignore[arg-type]


def test_durations_are_seconds_or_timedeltas(users: str) -> None:
    for hour in (3600, 3600.0, datetime.timedelta(hours=1)):
        clock = bigseg.ManualClock(1)
        with bigseg.Engine(users, context_cache_time=hour, clock=clock) as engine:
            engine.membership("alice")
            clock.advance(3599)
            assert engine.cached("alice") is not None
            clock.advance(datetime.timedelta(seconds=1))
            assert engine.cached("alice") is None


@pytest.mark.parametrize(
    ("store", "options", "string"),
    [
        ("redis://h", {"prefix": "a&b %"}, "redis://h?prefix=a%26b%20%25"),
        ("redis://h", {"tls": True, "server_name": "n"}, "rediss://h?server_name=n"),
        ("redis://h:1/", {"database": 3}, "redis://h:1/3"),
        ("redis+sentinel://a,b/m", {"database": 3, "tls": True}, "rediss+sentinel://a,b/m/3"),
        ("dynamodb://table", {"region": "eu-west-1", "prefix": "p"}, "dynamodb://table?region=eu-west-1&prefix=p"),
        ("redis+unix:///s", {"database": 3}, "redis+unix:///s?db=3"),
        ("redis://h?prefix=p", {"response_timeout": 0.25}, "redis://h?prefix=p&response_timeout=250ms"),
        ("redis://h", {"connect_timeout": datetime.timedelta(seconds=2)}, "redis://h?connect_timeout=2000ms"),
        ("redis://h", {"username": "u:@/", "password": "p/@:?#é"}, "redis://u%3A%40%2F@h"),
        ("local:/tmp/s", {"map_size": 1 << 20}, "local:/tmp/s?map_size=1048576"),
        (pathlib.Path("/tmp/s?x"), {}, "local:/tmp/s?x"),
    ],
)
def test_options_equal_store_strings(store: Any, options: Any, string: str) -> None:
    from bigseg.options import store_config

    assert str(store_config(store, options)) == string


@pytest.mark.parametrize(
    ("store", "options"),
    [
        ("redis://h/1", {"database": 2}),
        ("redis://u:p@h", {"password": "x"}),
        ("redis://h?prefix=a", {"prefix": "b"}),
        ("redis://h", {"map_size": 1}),
        (bigseg.StoreConfig.parse("memory:"), {"prefix": "x"}),
    ],
    ids=str,
)
def test_options_that_contradict(store: Any, options: Any) -> None:
    with pytest.raises(bigseg.InvalidConfigError) as raised:
        bigseg.Engine(store, **options)
    assert ":p@" not in str(raised.value)


def test_the_types_have_every_store_option() -> None:
    from bigseg._native import store_option_names
    from bigseg.options import StoreOptions

    assert list(StoreOptions.__annotations__) == store_option_names()


def test_not_a_store() -> None:
    with pytest.raises(TypeError, match="get_metadata"):
        bigseg.Engine(object())  # type: ignore[arg-type]


def test_redis(redis: RedisServer) -> None:
    redis.put(bigseg.ContextHash.of("alice"), ["beta.g1"], ["gamma.g1"])
    redis.synchronize()
    with bigseg.Engine(redis.url, lookup_deadline=30, response_timeout=30) as engine:
        answer = engine.membership("alice")
        assert (answer.membership, answer.status) == ({"beta.g1": True, "gamma.g1": False}, LookupStatus.HEALTHY)
        assert engine.status().available


def test_push_invalidation(redis: RedisServer) -> None:
    alice = bigseg.ContextHash.of("alice")
    redis.put(alice, ["beta.g1"], [])
    redis.synchronize()
    with bigseg.Engine(redis.url, lookup_deadline=30, response_timeout=30, context_cache_time=600) as engine:
        eventually("push invalidation is active", lambda: engine.status().push_invalidation)
        assert engine.membership("alice").check("beta.g1") is True
        redis.command("DEL", f"launchdarkly:big_segment_include:{alice}")
        eventually("the change is visible", lambda: engine.membership("alice").check("beta.g1") is None)
        assert engine.metrics().pushed_invalidations >= 1
        assert engine.status().limitations == ()
    with bigseg.Engine(redis.url, push_invalidation="off", lookup_deadline=30) as engine:
        engine.membership("alice")
        assert not engine.status().push_invalidation


def test_a_limitation_shows_in_the_status(own_redis: RedisServer) -> None:
    own_redis.synchronize()
    rules = ["on", ">secret", "~*", "+GET", "+SMEMBERS", "+PING"]
    own_redis.command("ACL", "SETUSER", "reader", *rules)
    with bigseg.Engine(own_redis.url, username="reader", password="secret", lookup_deadline=30) as engine:
        assert engine.membership("alice").status is LookupStatus.HEALTHY
        eventually("the limitation is known", lambda: engine.status().limitations)
        assert "secret" not in repr(engine.status())


def test_an_outage(own_redis: RedisServer) -> None:
    own_redis.put(bigseg.ContextHash.of("alice"), ["beta.g1"], [])
    own_redis.synchronize()
    with bigseg.Engine(own_redis.url, context_cache_time=0, breaker_failures=0, lookup_deadline=30) as engine:
        assert engine.membership("alice").status is LookupStatus.HEALTHY
        own_redis.kill()
        answer = engine.membership("alice")
        assert (answer.status, answer.origin) == (LookupStatus.STORE_ERROR, Origin.LAST_KNOWN)
        assert answer.check("beta.g1") is True
        assert isinstance(answer.error, bigseg.StoreUnavailableError) and answer.error.retryable
        status = engine.refresh_status()
        assert not status.available and status.last_error is not None
        assert status.last_error.kind is bigseg.ErrorKind.STORE_UNAVAILABLE
        own_redis.start()
        own_redis.synchronize()
        eventually("the store is available again", lambda: engine.membership("alice").status is LookupStatus.HEALTHY)


def test_a_lookup_on_a_frozen_server_ends_at_the_deadline(own_redis: RedisServer) -> None:
    own_redis.synchronize()
    clock = bigseg.ManualClock(int(time.time() * 1000))
    options: Any = {"clock": clock, "lookup_deadline": 60, "response_timeout": 60, "breaker_failures": 0}
    with bigseg.Engine(own_redis.url, push_invalidation="off", **options) as engine:
        assert engine.membership("alice").error is None
        own_redis.freeze()
        answers: list[bigseg.Answer] = []
        thread = threading.Thread(target=lambda: answers.append(engine.membership("bob")))
        thread.start()
        eventually("the query is in progress", lambda: engine.metrics().store_queries == 2)
        assert not answers
        clock.advance(60)
        thread.join(TIMEOUT)
        assert [type(answer.error) for answer in answers] == [bigseg.StoreTimeoutError]
        own_redis.thaw()


def test_the_gil_is_free_while_a_call_waits(own_redis: RedisServer) -> None:
    own_redis.synchronize()
    own_redis.freeze()
    with bigseg.Engine(own_redis.url, lookup_deadline=3600, response_timeout=30, breaker_failures=0) as engine:
        answers: list[bigseg.Answer] = []
        thread = threading.Thread(target=lambda: answers.append(engine.membership("alice")))
        thread.start()
        # With the GIL held by the other thread, this one could not poll.
        eventually("the lookup waits", lambda: engine.metrics().store_queries >= 1)
        assert thread.is_alive() and not answers
        own_redis.thaw()
        thread.join()
        assert answers[0].origin in (Origin.STORE, Origin.NOTHING)


def test_status_listeners(own_redis: RedisServer) -> None:
    own_redis.synchronize()
    with bigseg.Engine(own_redis.url, status_poll_interval=0.05, lookup_deadline=30) as engine:
        received: list[bigseg.StoreStatus] = []
        number = engine.add_status_listener(received.append)
        eventually("the first status", lambda: received and received[-1].available)
        own_redis.kill()
        eventually("the outage", lambda: not received[-1].available)
        own_redis.start()
        own_redis.synchronize()
        eventually("the end of the outage", lambda: received[-1].available)
        assert engine.remove_status_listener(number)
        assert not engine.remove_status_listener(number)


def test_a_listener_that_raises_is_logged_and_stays(users: str, caplog: pytest.LogCaptureFixture) -> None:
    clock = bigseg.ManualClock(int(time.time() * 1000))
    calls: list[bool] = []

    def listener(status: bigseg.StoreStatus) -> None:
        calls.append(status.stale)
        raise ValueError("the listener is unwell")

    with caplog.at_level(logging.ERROR, "bigseg"), bigseg.Engine(users, clock=clock) as engine:
        engine.add_status_listener(listener)
        eventually("the first call", lambda: len(calls) == 1)
        clock.advance(3600)
        eventually("the second call", lambda: len(calls) == 2)
        eventually("the log", lambda: len(caplog.records) >= 2)
    record = next(record for record in caplog.records if record.exc_info)
    assert record.name == "bigseg" and isinstance(record.exc_info and record.exc_info[1], ValueError)


def test_a_listener_may_close_its_engine(users: str) -> None:
    engine = bigseg.Engine(users)
    closed = threading.Event()

    def listener(_: bigseg.StoreStatus) -> None:
        engine.close()
        closed.set()

    engine.add_status_listener(listener)
    assert closed.wait(60)
    assert engine.closed


def test_log_records_go_to_logging(own_redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    own_redis.synchronize()
    with caplog.at_level(logging.DEBUG, "bigseg"), bigseg.Engine(own_redis.url, breaker_failures=0) as engine:
        engine.refresh_status()
        own_redis.kill()
        engine.refresh_status()
        eventually("the line", lambda: any("store unavailable" in record.message for record in caplog.records))
    assert {record.name for record in caplog.records} == {"bigseg"}


def test_a_cycle_through_a_listener_is_collected(users: str) -> None:
    import weakref

    class Watcher:
        def __init__(self) -> None:
            self.engine = bigseg.Engine(users)
            self.engine.add_status_listener(self.ignore)

        def ignore(self, _: bigseg.StoreStatus) -> None:
            pass

    gone = weakref.ref(Watcher())
    eventually("the watcher is collected", lambda: gc.collect() >= 0 and gone() is None)


def test_threads_share_an_engine(users: str) -> None:
    with bigseg.Engine(users) as engine:
        failures: list[BaseException] = []

        def look_up() -> None:
            try:
                for number in range(500):
                    assert engine.membership("alice").check("beta.g1") is True
                    assert engine.membership(f"nobody-{number}").membership == {}
            except BaseException as failure:
                failures.append(failure)

        threads = [threading.Thread(target=look_up) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
