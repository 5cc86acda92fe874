"""The engine for asyncio."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

import bigseg
import bigseg.aio
from bigseg import LookupStatus, Origin
from redis_server import RedisServer


def test_lookups(users: str) -> None:
    async def main() -> None:
        async with bigseg.aio.Engine(users) as engine:
            alice = await engine.membership("alice")
            assert (alice.check("beta.g1"), alice.origin) == (True, Origin.STORE)
            assert (await engine.membership("alice")).origin is Origin.CACHE
            assert engine.cached("alice") is not None and engine.cached("carol") is None
            by_hash = await engine.membership_by_hash(bigseg.ContextHash.of("bob"))
            assert by_hash.check("beta.g1") is False
            many = await engine.memberships(["alice", "bob", "nobody"])
            assert [answer.check("beta.g1") for answer in many] == [True, False, None]
            assert len(await engine.memberships_by_hash([bigseg.ContextHash.of("bob")])) == 1
            assert engine.status().available and (await engine.refresh_status()).available
            assert engine.metrics().cached_contexts == 3
            engine.invalidate("alice")
            engine.invalidate_by_hash(bigseg.ContextHash.of("bob"))
            assert engine.cached("alice") is None and engine.cached("bob") is None
            engine.invalidate_all()
            assert engine.metrics().cached_contexts == 0
            with pytest.raises(bigseg.InvalidContextKeyError):
                await engine.membership("")
        assert engine.closed
        with pytest.raises(bigseg.ClosedError):
            await engine.membership("alice")
        await engine.close()

    asyncio.run(main())


def test_many_tasks_on_redis(redis: RedisServer) -> None:
    async def main() -> None:
        for number in range(0, 500, 2):
            redis.put(bigseg.ContextHash.of(f"user-{number}"), ["even.g1"], [])
        redis.synchronize()
        async with bigseg.aio.Engine(redis.url, lookup_deadline=30, response_timeout=30) as engine:
            answers = await asyncio.gather(*(engine.membership(f"user-{number % 500}") for number in range(2000)))
            for number, answer in enumerate(answers):
                assert answer.status is LookupStatus.HEALTHY
                assert answer.check("even.g1") is (True if number % 2 == 0 else None)
            assert engine.metrics().store_contexts == 500

    asyncio.run(main())


def test_one_engine_on_many_loops(redis: RedisServer) -> None:
    redis.synchronize()
    engine = bigseg.aio.Engine(redis.url, context_cache_time=0, lookup_deadline=30, response_timeout=30)

    async def look_up(name: str) -> None:
        answers = await asyncio.gather(*(engine.membership(f"{name}-{number}") for number in range(100)))
        assert all(answer.status is LookupStatus.HEALTHY for answer in answers)

    for number in range(5):
        asyncio.run(look_up(f"again-{number}"))
    threads = [threading.Thread(target=lambda: asyncio.run(look_up("thread"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asyncio.run(engine.close())


def test_without_a_loop() -> None:
    engine = bigseg.aio.Engine("memory:")
    with pytest.raises(RuntimeError, match="no running event loop"):
        engine.membership("alice").send(None)
    asyncio.run(engine.close())


def test_a_lookup_may_be_cancelled(own_redis: RedisServer) -> None:
    async def main() -> None:
        own_redis.synchronize()
        async with bigseg.aio.Engine(own_redis.url, lookup_deadline=30, response_timeout=30) as engine:
            assert (await engine.membership("alice")).status is LookupStatus.HEALTHY
            own_redis.freeze()
            task = asyncio.create_task(engine.membership("bob"))
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.shield(task), 0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            own_redis.thaw()
            assert (await engine.membership("bob")).status is LookupStatus.HEALTHY

    asyncio.run(main())


def test_the_loop_runs_while_a_lookup_waits(own_redis: RedisServer) -> None:
    async def main() -> None:
        own_redis.synchronize()
        async with bigseg.aio.Engine(own_redis.url, lookup_deadline=30, response_timeout=30) as engine:
            await engine.membership("alice")
            own_redis.freeze()
            task = asyncio.create_task(engine.membership("bob"))
            for _ in range(100):
                await asyncio.sleep(0)
            assert not task.done()
            own_redis.thaw()
            assert (await task).status is LookupStatus.HEALTHY

    asyncio.run(main())


def test_a_loop_that_closes_on_a_lookup(own_redis: RedisServer) -> None:
    own_redis.synchronize()
    engine = bigseg.aio.Engine(own_redis.url, lookup_deadline=30, response_timeout=30)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(engine.membership("alice"))
    own_redis.freeze()

    async def begin() -> Any:
        return asyncio.create_task(engine.membership("bob"))

    task = loop.run_until_complete(begin())
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    own_redis.thaw()
    assert asyncio.run(engine.membership("carol")).status is LookupStatus.HEALTHY
    asyncio.run(engine.close())


def test_status_updates(own_redis: RedisServer) -> None:
    async def main() -> None:
        own_redis.synchronize()
        async with bigseg.aio.Engine(own_redis.url, status_poll_interval=0.05, lookup_deadline=30) as engine:
            updates = engine.status_updates()
            while not (await anext(updates)).available:
                pass
            own_redis.kill()
            while (await anext(updates)).available:
                pass
            own_redis.start()
            own_redis.synchronize()
            while not (await anext(updates)).available:
                pass
            await updates.aclose()

    asyncio.run(main())


def test_closing_ends_status_updates(users: str) -> None:
    async def main() -> None:
        engine = bigseg.aio.Engine(users)
        seen: list[bigseg.StoreStatus] = []

        async def follow() -> None:
            async for status in engine.status_updates():
                seen.append(status)

        task = asyncio.create_task(follow())
        while not seen:
            await asyncio.sleep(0.01)
        await engine.close()
        await asyncio.wait_for(task, 60)

    asyncio.run(main())


def test_listeners_run_on_the_loop(users: str) -> None:
    async def main() -> None:
        received = asyncio.Event()
        threads: list[int] = []

        def listener(_: bigseg.StoreStatus) -> None:
            threads.append(threading.get_ident())
            received.set()

        async with bigseg.aio.Engine(users) as engine:
            number = engine.add_status_listener(listener)
            await asyncio.wait_for(received.wait(), 60)
            assert threads == [threading.get_ident()]
            assert engine.remove_status_listener(number)

    asyncio.run(main())


def test_imports(tmp_path: Any) -> None:
    async def main() -> None:
        lines = tmp_path / "users.csv"
        lines.write_text("alice,beta.g1\nbob,beta.g1,exclude\n")
        async with bigseg.aio.Import(tmp_path / "store") as users:
            assert await users.add_file(lines) == 0
            users.add("carol", "beta.g1")
            users.add_by_hash(bigseg.ContextHash.of("dave"), "beta.g1", "exclude")
            assert len(users) == 4
        assert users.report == bigseg.ImportReport(memberships=4, contexts=4, replaced=0)
        async with bigseg.aio.Engine(tmp_path / "store") as engine:
            answers = await engine.memberships(["alice", "bob", "carol", "dave"])
            assert [answer.check("beta.g1") for answer in answers] == [True, False, True, False]

    asyncio.run(main())
