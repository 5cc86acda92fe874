"""Measures the official Python SDK's DynamoDB store: bench_dynamodb_store.py ENDPOINT REGION TABLE CONTEXTS CALLERS SECONDS.

So many threads look up random contexts of the benchmark's population, uncached; prints lookups a second.
"""

import base64
import hashlib
import logging
import os
import random
import sys
import threading
import time

from botocore.config import Config
from ldclient.integrations import DynamoDB


def look_up(store, contexts, until, counts):
    """Looks up until the time has come."""
    count = 0
    while time.monotonic() < until:
        key = f"user-{random.randrange(contexts):012}"
        store.get_membership(base64.b64encode(hashlib.sha256(key.encode()).digest()).decode())
        count += 1
    counts.append(count)


def main():
    endpoint, region, table = sys.argv[1:4]
    contexts, callers, seconds = map(int, sys.argv[4:])
    logging.disable(logging.CRITICAL)
    os.environ.update({"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"})
    # Its default of 10 connections would make most of the callers wait.
    config = Config(max_pool_connections=callers)
    options = {"endpoint_url": endpoint, "region_name": region, "config": config}
    store = DynamoDB.new_big_segment_store(table, dynamodb_opts=options)
    counts = []
    look_up(store, contexts, time.monotonic() + 0.5, [])
    begin = time.monotonic()
    threads = [threading.Thread(target=look_up, args=(store, contexts, begin + seconds, counts)) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # A caller that failed has counted nothing, and would make the store look slower than it is.
    if len(counts) < callers:
        sys.exit("a caller failed")
    print(sum(counts) / (time.monotonic() - begin))
    store.stop()


main()
