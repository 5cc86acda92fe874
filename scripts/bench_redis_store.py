"""Measures the official Python SDK's Redis store: bench_redis_store.py URL CONTEXTS CALLERS SECONDS.

So many threads look up random contexts of the benchmark's population, uncached; prints lookups a second.
"""

import base64
import hashlib
import logging
import random
import sys
import threading
import time

from ldclient.integrations import Redis


def look_up(store, contexts, until, counts):
    """Looks up until the time has come."""
    count = 0
    while time.monotonic() < until:
        key = f"user-{random.randrange(contexts):012}"
        store.get_membership(base64.b64encode(hashlib.sha256(key.encode()).digest()).decode())
        count += 1
    counts.append(count)


def main():
    url, contexts, callers, seconds = sys.argv[1], *map(int, sys.argv[2:])
    logging.disable(logging.CRITICAL)
    # Its default of 16 connections would fail most of the callers.
    store = Redis.new_big_segment_store(url=url, redis_opts={"max_connections": callers})
    counts = []
    look_up(store, contexts, time.monotonic() + 0.2, [])
    begin = time.monotonic()
    caller = {"target": look_up, "args": (store, contexts, begin + seconds, counts)}
    threads = [threading.Thread(**caller) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(counts) == callers, "a caller failed"
    print(sum(counts) / (time.monotonic() - begin))
    store.stop()


main()
