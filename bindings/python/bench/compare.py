"""Measures the Python module next to the official SDK, on the same machine and Redis, in one run.

python compare.py [--quick] [PART]: needs an idle machine. --quick only checks that it works; the
name of a part runs that part alone.
"""

from __future__ import annotations

import asyncio
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests"))

import ldclient
from ldclient.config import BigSegmentsConfig
from ldclient.impl.big_segments import BigSegmentStoreManager
from ldclient.integrations import Files, Redis

import bigseg
import bigseg.aio
from redis_server import RedisServer

QUICK = "--quick" in sys.argv
USERS = 10_000
ROUNDS = 3 if QUICK else 9
PREFIX = "launchdarkly"


def print_row(what: str, theirs: float, ours: float, unit: str, *, more_is_better: bool) -> None:
    """Prints one line: theirs, ours, and how many times better ours is."""
    better = ours / theirs if more_is_better else theirs / ours
    print(f"{what:<52} {theirs:>12,.2f} {ours:>12,.2f} {unit:<10} {better:>8.1f}x")


def best_of(work: Callable[[], float], rounds: int = ROUNDS) -> float:
    return min(work() for _ in range(rounds))


def seconds_each(call: Callable[[], object], count: int) -> Callable[[], float]:
    def work() -> float:
        calls = range(count)
        began = time.perf_counter()
        for _ in calls:
            call()
        return (time.perf_counter() - began) / count

    return work


def rate(look_up: Callable[[int], object], threads: int, seconds: float) -> float:
    """Returns how many lookups a second so many threads do together."""
    counts = [0] * threads
    stop = threading.Event()

    def run(number: int) -> None:
        key = number
        while not stop.is_set():
            look_up(key)
            key += threads
            counts[number] += 1

    workers = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    began = time.perf_counter()
    for worker in workers:
        worker.start()
    time.sleep(seconds)
    stop.set()
    for worker in workers:
        worker.join()
    return sum(counts) / (time.perf_counter() - began)


def official(server: RedisServer, **options: Any) -> BigSegmentStoreManager:
    store = Redis.new_big_segment_store(server.url, prefix=PREFIX, redis_opts={"max_connections": 1000})
    return BigSegmentStoreManager(BigSegmentsConfig(store=store, **options))


def fill(server: RedisServer) -> None:
    with bigseg.Import(server.url, response_timeout=30) as users:
        users.add_all((f"user-{number}" for number in range(USERS)), "beta.g1")
        users.add_all((f"user-{number}" for number in range(0, USERS, 2)), "gamma.g1")


def cached(server: RedisServer) -> None:
    manager = official(server, context_cache_time=3600)
    engine = bigseg.Engine(server.url, context_cache_time=3600, lookup_deadline=30)
    count = 20_000 if QUICK else 200_000
    manager.get_user_membership("user-1")
    engine.membership("user-1")
    theirs = [1e6 * seconds_each(lambda: manager.get_user_membership("user-1"), count // 10)() for _ in range(ROUNDS)]
    floor = [1e6 * seconds_each(lambda: bigseg.ContextHash.__len__("user-1"), count)() for _ in range(ROUNDS)]
    ours = [1e6 * seconds_each(lambda: engine.membership("user-1"), count)() for _ in range(ROUNDS)]
    print(f"{'floor: a native method called with a string':<52} {'':>12} {min(floor):>12,.2f} us")
    print_row("a cached answer (with the lambda around it)", min(theirs), min(ours), "us", more_is_better=False)
    seconds = 0.3 if QUICK else 2.0
    for threads in (1, 4):
        theirs_rate = max(rate(lambda _: manager.get_user_membership("user-1"), threads, seconds) for _ in range(3))
        ours_rate = max(rate(lambda _: engine.membership("user-1"), threads, seconds) for _ in range(3))
        what = f"cached answers a second, {threads} thread{'s' if threads > 1 else ''}"
        print_row(what, theirs_rate, ours_rate, "1/s", more_is_better=True)

    async def awaited() -> float:
        async with bigseg.aio.Engine(server.url, context_cache_time=3600, lookup_deadline=30) as engine:
            await engine.membership("user-1")
            began = time.perf_counter()
            for _ in range(count):
                await engine.membership("user-1")
            return (time.perf_counter() - began) / count

    print(f"{'a cached answer, awaited':<52} {'':>12} {1e6 * min(asyncio.run(awaited()) for _ in range(3)):>12,.2f} us")
    engine.close()
    manager.stop()


FLAGS = {
    "flags": {
        "new-checkout": {
            "key": "new-checkout",
            "version": 1,
            "on": True,
            "salt": "salt",
            "variations": [False, True],
            "offVariation": 0,
            "fallthrough": {"variation": 0},
            "rules": [{"id": "r", "variation": 1, "clauses": [{"attribute": "", "op": "segmentMatch", "values": ["beta"]}]}],
        }
    },
    "segments": {"beta": {"key": "beta", "version": 1, "unbounded": True, "generation": 1, "salt": "salt"}},
}


def evaluation(server: RedisServer) -> None:
    """A flag with one big-segment clause, the membership cached: the official client's `variation`, and ours."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(FLAGS, file)
        file.flush()
        store = Redis.new_big_segment_store(server.url, prefix=PREFIX)
        config = ldclient.Config(
            sdk_key="sdk-key",
            send_events=False,
            update_processor_class=Files.new_data_source(paths=[file.name]),
            big_segments=BigSegmentsConfig(store=store, context_cache_time=3600, stale_after=10**9),
        )
        client = ldclient.LDClient(config)
    engine = bigseg.Engine(server.url, context_cache_time=3600, lookup_deadline=30)
    engine.set_data(json.dumps(FLAGS))
    their_context = ldclient.Context.builder("user-1").set("email", "user-1@example.org").set("plan", "gold").build()
    as_dict = their_context.to_dict()
    context = bigseg.Context(as_dict)
    assert client.variation("new-checkout", their_context, False) is True
    assert engine.evaluate("new-checkout", context, False).value is True
    count = 2_000 if QUICK else 20_000
    theirs = best_of(seconds_each(lambda: client.variation("new-checkout", their_context, False), count))
    forms = {
        "a context read before": context,
        "a dict": as_dict,
        "JSON text": json.dumps(as_dict),
        "the SDK's own context": their_context,
    }
    for what, form in forms.items():
        ours = best_of(seconds_each(lambda form=form: engine.evaluate("new-checkout", form, False).value, count))
        print_row(f"variation of a flag, cached; {what}", 1e6 * theirs, 1e6 * ours, "us", more_is_better=False)
    ours = best_of(seconds_each(lambda: engine.segment_contains("beta", context).is_match, count))
    print(f"{'... segment_contains':<52} {'':>12} {1e6 * ours:>12,.2f} us")

    async def awaited() -> float:
        async with bigseg.aio.Engine(server.url, context_cache_time=3600, lookup_deadline=30) as engine:
            await engine.set_data(json.dumps(FLAGS))
            await engine.evaluate("new-checkout", context, False)
            began = time.perf_counter()
            for _ in range(count):
                (await engine.evaluate("new-checkout", context, False)).value
            return (time.perf_counter() - began) / count

    print(f"{'... awaited':<52} {'':>12} {1e6 * best_of(lambda: asyncio.run(awaited())):>12,.2f} us")
    engine.close()
    client.close()


def uncached(server: RedisServer) -> None:
    manager = official(server, context_cache_size=1, context_cache_time=0)
    engine = bigseg.Engine(server.url, context_cache_time=0, lookup_deadline=30, response_timeout=30)
    seconds = 0.5 if QUICK else 3.0
    for threads in (1, 64):
        theirs = rate(lambda key: manager.get_user_membership(f"user-{key % USERS}"), threads, seconds)
        ours = rate(lambda key: engine.membership(f"user-{key % USERS}"), threads, seconds)
        what = f"uncached answers a second, {threads} thread{'s' if threads > 1 else ''}"
        print_row(what, theirs, ours, "1/s", more_is_better=True)
    engine.close()
    manager.stop()


async def tasks_rate(look_up: Callable[[str], Any], tasks: int, seconds: float) -> tuple[float, int]:
    """Returns how many lookups a second so many tasks do together, and how many failed."""
    end = time.perf_counter() + seconds
    failed = 0

    async def run(number: int) -> int:
        nonlocal failed
        count, key = 0, number
        while time.perf_counter() < end:
            try:
                await look_up(f"user-{key % USERS}")
                count += 1
            except Exception:
                failed += 1
            key += tasks
        return count

    began = time.perf_counter()
    counts = await asyncio.gather(*(run(number) for number in range(tasks)))
    return sum(counts) / (time.perf_counter() - began), failed


def asynchronous(server: RedisServer) -> None:
    from ldclient.impl.async_big_segments import AsyncBigSegmentStoreManager
    from ldclient.impl.integrations.redis.async_redis_big_segment_store import _AsyncRedisBigSegmentStore

    seconds = 0.5 if QUICK else 3.0

    async def theirs() -> tuple[float, int]:
        store = _AsyncRedisBigSegmentStore(server.url, PREFIX, {"max_connections": 1000})
        manager = AsyncBigSegmentStoreManager(BigSegmentsConfig(store=store, context_cache_size=1, context_cache_time=0))

        async def look_up(key: str) -> None:
            if (await manager.get_user_membership(key))[1] == "STORE_ERROR":
                raise RuntimeError
        result = await tasks_rate(look_up, 256, seconds)
        await manager.stop()
        return result

    async def ours() -> tuple[float, int]:
        async with bigseg.aio.Engine(server.url, context_cache_time=0, lookup_deadline=30, response_timeout=30) as engine:

            async def look_up(key: str) -> None:
                if (await engine.membership(key)).error is not None:
                    raise RuntimeError
            return await tasks_rate(look_up, 256, seconds)

    their_rate, their_failures = asyncio.run(theirs())
    our_rate, our_failures = asyncio.run(ours())
    print_row("uncached answers a second, asyncio, 256 tasks", their_rate, our_rate, "1/s", more_is_better=True)
    print(f"{'... of which failed':<52} {their_failures:>12,} {our_failures:>12,}")


def herd(server: RedisServer) -> None:
    """A thousand callers of one uncached context: the number of commands at the server."""

    def commands(look_up: Callable[[], object]) -> int:
        before = server.commands_of("smembers")
        gate = threading.Barrier(1000)

        def run() -> None:
            gate.wait()
            look_up()

        threads = [threading.Thread(target=run) for _ in range(1000)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return server.commands_of("smembers") - before

    manager = official(server)
    engine = bigseg.Engine(server.url, lookup_deadline=30, response_timeout=30)
    engine.membership("another context")
    theirs = commands(lambda: manager.get_user_membership("user-7"))
    ours = commands(lambda: engine.membership("user-7"))
    print_row("herd of 1,000 threads: commands at the server", theirs, ours, "commands", more_is_better=False)
    engine.close()
    manager.stop()


MEMORY = """
import gc, os, sys
sys.path.insert(0, {tests!r})
def resident():
    gc.collect()
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
{setup}
look_up("user-0")
before = resident()
for number in range({users}):
    look_up(f"user-{{number}}")
print((resident() - before) / {users})
"""
THEIRS = """
import ldclient
from ldclient.config import BigSegmentsConfig
from ldclient.impl.big_segments import BigSegmentStoreManager
from ldclient.integrations import Files, Redis
store = Redis.new_big_segment_store({url!r})
manager = BigSegmentStoreManager(BigSegmentsConfig(store=store, context_cache_size=1000000, context_cache_time=3600))
look_up = manager.get_user_membership
"""
OURS = """
import bigseg
engine = bigseg.Engine({url!r}, context_cache_size=1000000, context_cache_time=3600, lookup_deadline=30)
look_up = engine.membership
"""


def memory(server: RedisServer) -> None:
    users = USERS if QUICK else 10 * USERS

    def bytes_each(setup: str) -> float:
        source = MEMORY.format(tests="", setup=setup.format(url=server.url), users=users)
        return float(subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True).stdout)

    theirs = statistics.median(bytes_each(THEIRS) for _ in range(3))
    ours = statistics.median(bytes_each(OURS) for _ in range(3))
    print_row("resident memory for each cached context", theirs, ours, "bytes", more_is_better=False)


def change(server: RedisServer) -> None:
    """The time from a change in Redis to the first lookup with the new answer."""
    context = bigseg.ContextHash.of("user-3")
    key = f"{PREFIX}:big_segment_include:{context}"

    def until_seen(is_member: Callable[[], bool]) -> float:
        server.command("SADD", key, "late.g1")
        while not is_member():
            time.sleep(0.0001)
        server.command("SREM", key, "late.g1")
        began = time.perf_counter()
        while is_member():
            time.sleep(0.0001)
        return (time.perf_counter() - began) * 1000

    engine = bigseg.Engine(server.url, lookup_deadline=30, response_timeout=30)
    while not engine.status().push_invalidation:
        time.sleep(0.01)
    ours = statistics.median(
        until_seen(lambda: engine.membership("user-3").check("late.g1") is True) for _ in range(3 if QUICK else 20)
    )
    engine.close()
    manager = official(server)

    def official_says() -> bool:
        membership = manager.get_user_membership("user-3")[0]
        return membership is not None and membership.get("late.g1") is True

    theirs = until_seen(official_says)
    manager.stop()
    print_row("from a change in Redis to the answer", theirs, ours, "ms", more_is_better=False)


def frozen(server: RedisServer) -> None:
    """The time of one call while the server accepts connections and never answers."""
    deadline = 0.25
    engine = bigseg.Engine(server.url, context_cache_time=0, lookup_deadline=deadline, breaker_failures=0)
    engine.membership("user-1")
    server.freeze()

    def one_call() -> float:
        began = time.perf_counter()
        engine.membership("user-2")
        return (time.perf_counter() - began) * 1000

    slowest = max(one_call() for _ in range(5))
    server.thaw()
    engine.close()
    what = f"a call to a frozen server, deadline {deadline * 1000:.0f} ms: the slowest"
    print(f"{what:<52} {'(5 s each)':>12} {slowest:>12,.2f} ms")


def main() -> None:
    server = RedisServer()
    try:
        fill(server)
        print(f"Python {sys.version.split()[0]}, bigseg {bigseg.__version__}; best of {ROUNDS}")
        print(f"{'':<52} {'official SDK':>12} {'bigseg':>12}")
        wanted = [argument for argument in sys.argv[1:] if argument != "--quick"]
        for part in (cached, evaluation, uncached, asynchronous, herd, memory, change, frozen):
            if not wanted or part.__name__ in wanted:
                part(server)
    finally:
        server.close()


if __name__ == "__main__":
    main()
