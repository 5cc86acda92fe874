"""The official SDK with our store: LAUNCHDARKLY_SDK_KEY=… python launchdarkly_client.py FLAG_KEY CONTEXT_KEY"""

from __future__ import annotations

import os
import sys
from typing import Any

import ldclient
from ldclient import Context
from ldclient.config import Config

from bigseg.launchdarkly import big_segments_config


def main(flag_key: str, context_key: str) -> None:
    """Evaluates a flag, and prints the reason; it has ``bigSegmentsStatus``, the status of the lookups."""
    big_segments = big_segments_config("redis://localhost:6379", prefix="my-prefix")
    config = Config(os.environ["LAUNCHDARKLY_SDK_KEY"], big_segments=big_segments)
    with ldclient.LDClient(config) as client:
        detail: Any = client.variation_detail(flag_key, Context.create(context_key), False)
        print(detail.value, detail.reason)


if __name__ == "__main__":
    main(*sys.argv[1:3])
