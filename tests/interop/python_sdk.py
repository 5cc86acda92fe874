"""The official Python SDK reads a store and evaluates flags: a request comes on standard input, the answers go out.

Request and answers are JSON; README.md describes them.
"""

import json
import logging
import sys

import ldclient
from ldclient.config import BigSegmentsConfig, Config
from ldclient.integrations import DynamoDB, Files, Redis


def open_store(store):
    """Opens the SDK's own store."""
    prefix = {} if store["prefix"] is None else {"prefix": store["prefix"]}
    kinds = {
        "redis": lambda: Redis.new_big_segment_store(url=store["url"], **prefix),
        "dynamodb": lambda: DynamoDB.new_big_segment_store(
            store["table"],
            dynamodb_opts={"endpoint_url": store["endpoint"], "region_name": store["region"]},
            **prefix,
        ),
    }
    return kinds[store["kind"]]()


def read(request):
    """Returns what the store itself says."""
    store = open_store(request["store"])
    try:
        answers = {user_hash: store.get_membership(user_hash) for user_hash in request["hashes"]}
        return {"synchronized_on": store.get_metadata().last_up_to_date, "memberships": answers}
    finally:
        store.stop()


def evaluate(request):
    """Returns what a whole client makes of it."""
    store = request["store"] and open_store(request["store"])
    config = Config(
        sdk_key="sdk-key",
        send_events=False,
        update_processor_class=Files.new_data_source(paths=[request["flags"]]),
        big_segments=BigSegmentsConfig(store=store, stale_after=request["stale_after"]) if store else None,
    )
    client = ldclient.LDClient(config)
    try:
        return {"evaluations": [evaluation(client, wanted) for wanted in request["evaluations"]]}
    finally:
        client.close()


def evaluation(client, wanted):
    detail = client.variation_detail(wanted["flag"], ldclient.Context.from_dict(wanted["context"]), None)
    return {"value": detail.value, "reason": detail.reason["kind"], "status": detail.reason.get("bigSegmentsStatus")}


def main():
    # A refused query is what some tests are about.
    logging.disable(logging.CRITICAL)
    request = json.load(sys.stdin)
    json.dump(evaluate(request) if "evaluations" in request else read(request), sys.stdout)


main()
