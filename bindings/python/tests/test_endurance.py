"""Many threads, tasks and engines: no deadlock, no leak, no exception lost."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import textwrap
import threading

import pytest

import bigseg
import bigseg.aio
from conftest import eventually
from redis_server import RedisServer

THREADS = 64
SOAK = bool(os.environ.get("BIGSEG_SOAK"))


def test_threads_and_tasks_while_the_server_dies_and_returns(own_redis: RedisServer) -> None:
    """64 threads, each with its own event loop and 8 tasks in it, on one engine."""
    known = bigseg.ContextHash.of("alice")
    own_redis.put(known, ["beta.g1"], [])
    own_redis.synchronize()
    engine = bigseg.aio.Engine(own_redis.url, context_cache_time=0, lookup_deadline=5, breaker_probe_interval=0.05)
    stop = threading.Event()
    failures: list[BaseException] = []
    answers: list[int] = []
    statuses: set[str] = set()

    async def look_up(name: str) -> int:
        count = 0
        while not stop.is_set():
            answer = await engine.membership(f"{name}-{count}" if count % 2 else "alice")
            statuses.add(answer.status.name)
            assert (answer.error is None) == (answer.origin is bigseg.Origin.STORE or answer.origin is bigseg.Origin.CACHE)
            count += 1
            if answer.error is not None:
                await asyncio.sleep(0.001)
        return count

    async def run(number: int) -> None:
        answers.extend(await asyncio.gather(*(look_up(f"{number}-{task}") for task in range(8))))

    def thread(number: int) -> None:
        try:
            asyncio.run(run(number))
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=thread, args=(number,)) for number in range(THREADS)]
    for each in threads:
        each.start()
    try:
        for _ in range(20 if SOAK else 3):
            enough = engine.metrics().store_contexts + 5_000
            eventually("thousands of lookups succeed", lambda: engine.metrics().store_contexts > enough)
            own_redis.kill()
            eventually("the outage is seen", lambda: not engine.status().available)
            own_redis.start()
            own_redis.put(known, ["beta.g1"], [])
            own_redis.synchronize()
        eventually("lookups succeed again", lambda: engine.status().available)
    finally:
        stop.set()
        for each in threads:
            each.join(60)
    assert not any(each.is_alive() for each in threads), "a thread hangs"
    assert not failures
    assert len(answers) == THREADS * 8 and all(answers)
    assert {"HEALTHY", "STORE_ERROR"} <= statuses
    asyncio.run(engine.close())


GROWTH = """
    import gc, os, sys, bigseg

    def resident():
        gc.collect()
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def grown(work):
        work()
        before = resident()
        work()
        return (resident() - before) / 1048576

    engine = bigseg.Engine("memory:", stale_after=None)
    def look_up():
        for number in range(int(sys.argv[1])):
            answer = engine.membership(f"user-{number % 5000}")
            answer.membership, answer.status, answer.origin, answer.age, answer.error

    class Store:
        def get_metadata(self): return None
        def get_membership(self, context_hash): return {"beta.g1": True}

    def open_engines():
        for number in range(int(sys.argv[2])):
            with bigseg.Engine(Store() if number % 2 else "memory:") as each:
                each.add_status_listener(lambda status: each)
                each.membership("alice")

    print(grown(look_up), grown(open_engines))
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads /proc")
def test_memory_stays_flat() -> None:
    """A second million of lookups, and a second thousand of engines, need no memory that the first did not."""
    lookups, engines = (10_000_000, 10_000) if SOAK else (1_000_000, 1_000)
    command = [sys.executable, "-c", textwrap.dedent(GROWTH), str(lookups), str(engines)]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=3000 if SOAK else 110).stdout
    by_lookups, by_engines = map(float, output.split())
    # One engine that leaks, or one answer, would be many times that.
    assert by_lookups < 4 and by_engines < 8, output


def test_engines_are_collected(users: str) -> None:
    gc.collect()
    before = len(threading.enumerate())
    for _ in range(50):
        engine = bigseg.Engine(users)
        engine.add_status_listener(lambda status: None)
        del engine
    gc.collect()
    from bigseg.lifecycle import _open

    eventually("they are gone", lambda: gc.collect() >= 0 and not [each for each in _open if not each.closed])
    assert len(threading.enumerate()) <= before
