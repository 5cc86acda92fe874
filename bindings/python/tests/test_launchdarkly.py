"""The official SDK with our store: its store suite, and a real client that evaluates flags."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import urllib.request
import uuid
from collections.abc import Iterator
from typing import Any, Protocol

import pytest

import capability

capability.package("ldclient")

from ldclient import Context, LDClient
from ldclient.config import BigSegmentsConfig, Config
from ldclient.feature_store import InMemoryFeatureStore
from ldclient.versioned_data_kind import FEATURES, SEGMENTS

import bigseg
import bigseg.aio
from bigseg.launchdarkly import AsyncBigSegmentStore, BigSegmentStore, big_segments_config
from conftest import eventually
from redis_server import RedisServer

HASH = bigseg.ContextHash.of("user-key")
OPTIONS: Any = {"lookup_deadline": 30, "context_cache_time": 0, "breaker_failures": 0}


class Place(Protocol):
    """A server or file that a store reads, and how a test writes there."""

    def store_string(self, prefix: str | None) -> str: ...
    def put(self, included: list[str], excluded: list[str], prefix: str | None) -> None: ...
    def synchronize(self, unix_millis: int, prefix: str | None) -> None: ...


class RedisPlace:
    def __init__(self, request: pytest.FixtureRequest) -> None:
        self.server: RedisServer = request.getfixturevalue("redis")

    def store_string(self, prefix: str | None) -> str:
        options = f"?prefix={prefix}&response_timeout=30s" if prefix else "?response_timeout=30s"
        return self.server.url + options

    def put(self, included: list[str], excluded: list[str], prefix: str | None) -> None:
        self.server.put(HASH, included, excluded, prefix or "launchdarkly")

    def synchronize(self, unix_millis: int, prefix: str | None) -> None:
        self.server.synchronize(unix_millis, prefix or "launchdarkly")


class LocalPlace:
    """An embedded store, which has no prefixes: each prefix is another file."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self.directory = request.getfixturevalue("tmp_path")

    def store_string(self, prefix: str | None) -> str:
        return f"local:{self.directory}/{prefix or 'store'}"

    def put(self, included: list[str], excluded: list[str], prefix: str | None) -> None:
        with bigseg.Import(self.store_string(prefix)) as users:
            for ref in excluded:
                users.add_by_hash(HASH, ref, "exclude")
            for ref in included:
                users.add_by_hash(HASH, ref)

    def synchronize(self, unix_millis: int, prefix: str | None) -> None:
        bigseg.Import(self.store_string(prefix), clock=bigseg.ManualClock(unix_millis)).commit()


class DynamoDbPlace:
    """The emulator of tests/emulator, which scripts/test_python.sh builds."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        emulator = os.environ.get("BIGSEG_EMULATOR")
        if emulator is None:
            capability.skip("emulator", "BIGSEG_EMULATOR is not set")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            request.getfixturevalue("monkeypatch").setenv(name, "test")
        process = subprocess.Popen([emulator], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        # Its standard input ends with that, and so does it.
        request.addfinalizer(lambda: bool(process.communicate()))
        assert process.stdout is not None
        self.endpoint = f"http://127.0.0.1:{process.stdout.readline().strip()}"
        names = ("namespace", "key")
        self.call(
            "CreateTable",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"))],
            BillingMode="PAY_PER_REQUEST",
        )

    def call(self, operation: str, **parameters: Any) -> None:
        scope = "Credential=test/20260101/eu-west-1/dynamodb/aws4_request"
        headers = {
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            "X-Amz-Date": "20260101T000000Z",
            "Content-Type": "application/x-amz-json-1.0",
            # The emulator looks at the form of a signature only.
            "Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host;x-amz-date, Signature=0",
        }
        body = json.dumps({"TableName": "segments", **parameters}).encode()
        urllib.request.urlopen(urllib.request.Request(self.endpoint, body, headers), timeout=60).close()

    def store_string(self, prefix: str | None) -> str:
        options = f"region=eu-west-1&endpoint={self.endpoint}&response_timeout=30s"
        return f"dynamodb://segments?{options}" + (f"&prefix={prefix}" if prefix else "")

    def put(self, included: list[str], excluded: list[str], prefix: str | None) -> None:
        item: dict[str, Any] = {"namespace": {"S": self.namespace("user", prefix)}, "key": {"S": HASH}}
        for name, refs in (("included", included), ("excluded", excluded)):
            if refs:
                item[name] = {"SS": refs}
        self.call("PutItem", Item=item)

    def synchronize(self, unix_millis: int, prefix: str | None) -> None:
        name = {"S": self.namespace("metadata", prefix)}
        self.call("PutItem", Item={"namespace": name, "key": name, "synchronizedOn": {"N": str(unix_millis)}})

    @staticmethod
    def namespace(what: str, prefix: str | None) -> str:
        return f"{prefix}:big_segments_{what}" if prefix else f"big_segments_{what}"


# A further backend is one more line.
PLACES: Any = [RedisPlace, LocalPlace, DynamoDbPlace]


@pytest.fixture(params=PLACES, ids=lambda place: place.__name__)
def place(request: pytest.FixtureRequest) -> Place:
    made: Place = request.param(request)
    return made


@pytest.fixture(params=[None, "my-prefix"], ids=["no prefix", "prefix"])
def prefix(request: pytest.FixtureRequest) -> str | None:
    name: str | None = request.param
    return name


@pytest.fixture(params=["sync", "async"])
def store(request: pytest.FixtureRequest, place: Place, prefix: str | None) -> Iterator[Any]:
    """The blocking or the asyncio store, behind blocking methods."""
    if request.param == "sync":
        blocking = BigSegmentStore(place.store_string(prefix), **OPTIONS)
        yield blocking
        blocking.stop()
        return
    loop = asyncio.new_event_loop()
    inner = AsyncBigSegmentStore(place.store_string(prefix), **OPTIONS)

    class Blocking:
        def get_metadata(self) -> Any:
            return loop.run_until_complete(inner.get_metadata())

        def get_membership(self, context_hash: str) -> Any:
            return loop.run_until_complete(inner.get_membership(context_hash))

    yield Blocking()
    loop.run_until_complete(inner.stop())
    loop.close()


class TestStoreSuite:
    """The requirements of the SDK's own suite for big segment stores."""

    def test_metadata(self, place: Place, prefix: str | None, store: Any) -> None:
        place.put([], [], prefix)
        place.synchronize(1_234_567_890, prefix)
        assert store.get_metadata().last_up_to_date == 1_234_567_890

    def test_metadata_of_another_prefix(self, place: Place, prefix: str | None, store: Any) -> None:
        if isinstance(place, LocalPlace):
            pytest.skip("an embedded store that is not there is an error, not an empty one")
        place.synchronize(1_234_567_890, "another")
        assert store.get_metadata().last_up_to_date is None

    def test_not_found(self, place: Place, prefix: str | None, store: Any) -> None:
        place.synchronize(1, prefix)
        assert not store.get_membership(HASH)

    @pytest.mark.parametrize(
        ("included", "excluded", "expected"),
        [
            (["key1.g1", "key2.g1"], [], {"key1.g1": True, "key2.g1": True}),
            ([], ["key1.g1", "key2.g1"], {"key1.g1": False, "key2.g1": False}),
            (["key1.g1", "key2.g1"], ["key2.g1", "key3.g1"], {"key1.g1": True, "key2.g1": True, "key3.g1": False}),
        ],
        ids=["includes", "excludes", "both"],
    )
    def test_memberships(
        self,
        place: Place,
        prefix: str | None,
        store: Any,
        included: list[str],
        excluded: list[str],
        expected: dict[str, bool],
    ) -> None:
        place.put(included, excluded, prefix)
        assert store.get_membership(HASH) == expected

    def test_the_other_prefix_is_not_read(self, place: Place, prefix: str | None, store: Any) -> None:
        place.synchronize(1, prefix)
        place.put(["key1.g1"], [], "another")
        assert not store.get_membership(HASH)


def client_with(config: BigSegmentsConfig | None) -> LDClient:
    """A client without a network, whose one flag is on for members of a big segment."""
    name = f"big-{uuid.uuid4()}"
    flag = {
        "key": "flag",
        "version": 1,
        "on": True,
        "variations": [False, True],
        "fallthrough": {"variation": 0},
        "offVariation": 0,
        "rules": [
            {
                "id": "rule",
                "variation": 1,
                "clauses": [{"attribute": "", "op": "segmentMatch", "values": [name], "negate": False}],
            }
        ],
    }
    segment = {"key": name, "version": 1, "unbounded": True, "generation": 2, "included": [], "excluded": [], "rules": []}

    feature_store = InMemoryFeatureStore()
    feature_store.init({FEATURES: {"flag": flag}, SEGMENTS: {name: segment}})
    client = LDClient(
        Config("sdk-key", feature_store=feature_store, use_ldd=True, send_events=False, big_segments=config), start_wait=0
    )
    client.big_segment = f"{name}.g2"  # type: ignore[attr-defined]
    return client


def evaluate(client: LDClient) -> tuple[Any, Any]:
    detail = client.variation_detail("flag", Context.create("user-key"), None)
    return detail.value, (detail.reason or {}).get("bigSegmentsStatus")


class TestClient:
    """A real client: which reason does it give?"""

    def test_healthy(self, redis: RedisServer) -> None:
        redis.synchronize()
        with client_with(big_segments_config(redis.url, lookup_deadline=30)) as client:
            assert evaluate(client) == (False, "HEALTHY")
        with client_with(big_segments_config(redis.url, lookup_deadline=30)) as client:
            redis.put(HASH, [client.big_segment], [])
            assert evaluate(client) == (True, "HEALTHY")

    def test_stale(self, redis: RedisServer) -> None:
        redis.synchronize(1_000)
        with client_with(big_segments_config(redis.url, lookup_deadline=30)) as client:
            redis.put(HASH, [client.big_segment], [])
            assert evaluate(client) == (True, "STALE")

    def test_never_stale(self, redis: RedisServer) -> None:
        redis.synchronize(1_000)
        with client_with(big_segments_config(redis.url, lookup_deadline=30, stale_after=None)) as client:
            assert evaluate(client) == (False, "HEALTHY")

    def test_not_configured(self) -> None:
        with client_with(None) as client:
            assert evaluate(client) == (False, "NOT_CONFIGURED")

    def test_store_error(self, own_redis: RedisServer) -> None:
        own_redis.synchronize()
        config = big_segments_config(own_redis.url, lookup_deadline=30, context_cache_time=0, status_poll_interval=0.05)
        with client_with(config) as client:
            own_redis.put(HASH, [client.big_segment], [])
            assert evaluate(client) == (True, "HEALTHY")
            own_redis.kill()
            # From the first failed lookup on. The last known value follows once the SDK has polled the outage.
            assert evaluate(client)[1] == "STORE_ERROR"
            provider = client.big_segment_store_status_provider
            eventually("the SDK has polled the outage", lambda: not provider.status.available)
            assert evaluate(client) == (True, "STORE_ERROR")
            own_redis.start()
            own_redis.synchronize()
            own_redis.put(HASH, [client.big_segment], [])
            eventually("the store is available again", lambda: evaluate(client) == (True, "HEALTHY"))

    def test_the_sdk_keeps_nothing_that_could_go_out_of_date(self, redis: RedisServer) -> None:
        redis.synchronize()
        config = big_segments_config(redis.url, lookup_deadline=30)
        with client_with(config) as client:
            redis.put(HASH, [client.big_segment], [])
            assert evaluate(client)[0] is True
            redis.command("DEL", f"launchdarkly:big_segment_include:{HASH}")
            store: Any = config.store
            store.engine.invalidate_by_hash(HASH)
            assert evaluate(client)[0] is False

    def test_a_last_known_answer_never_passes_for_a_healthy_one(self, own_redis: RedisServer) -> None:
        own_redis.synchronize()
        config = big_segments_config(own_redis.url, lookup_deadline=30, context_cache_time=0, status_poll_interval=3600)
        with client_with(config) as client:
            own_redis.put(HASH, [client.big_segment], [])
            assert evaluate(client) == (True, "HEALTHY")
            own_redis.kill()
            assert evaluate(client) == (False, "STORE_ERROR")


def test_an_engine_that_is_handed_over_stays_open(users: str) -> None:
    with bigseg.Engine(users) as engine:
        store = BigSegmentStore(engine)
        assert store.get_membership(bigseg.ContextHash.of("alice")) == {"beta.g1": True}
        store.stop()
        assert not engine.closed
    ours = BigSegmentStore(users)
    ours.stop()
    assert ours.engine.closed


def test_the_official_store_as_ours(redis: RedisServer) -> None:
    from ldclient.integrations import Redis

    redis.put(HASH, ["a.g1"], ["b.g1"])
    redis.synchronize()
    official = Redis.new_big_segment_store(redis.url)
    with bigseg.Engine(official, lookup_deadline=30) as engine:
        answer = engine.membership("user-key")
        assert (answer.membership, answer.status.name) == ({"a.g1": True, "b.g1": False}, "HEALTHY")
    official.stop()


def test_the_asynchronous_client(redis: RedisServer) -> None:
    async_config = capability.package("ldclient.async_config")
    async_client = capability.package("ldclient.async_client")
    redis.synchronize()

    async def main() -> None:
        store = AsyncBigSegmentStore(redis.url, lookup_deadline=30)
        config = async_config.AsyncConfig("sdk-key", offline=True, big_segments=big_segments_config(store))
        client = async_client.AsyncLDClient(config)
        await client.start()
        status = await client.big_segment_store_status_provider.get_status()
        assert status.available and not status.stale
        await client.close()

    asyncio.run(main())
