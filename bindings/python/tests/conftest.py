"""Fixtures: servers, filled stores, and waiting for conditions."""

from __future__ import annotations

import json
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import bigseg
import bigseg.aio
from redis_server import RedisServer

VECTORS = pathlib.Path(__file__).parents[3] / "tests" / "vectors"
TIMEOUT = 60.0
"""Only guards against a test that hangs, in seconds."""


def vectors(name: str) -> Any:
    """Returns a file of vectors."""
    return json.loads((VECTORS / f"{name}.json").read_text())


def eventually(what: str, condition: Callable[[], object]) -> None:
    """Waits for a condition."""
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, f"waited too long: {what}"
        time.sleep(0.005)


def first_poll_is_done(engine: bigseg.Engine | bigseg.aio.Engine) -> bool:
    """Whether the status of the store is known.

    The metric ``status_polls`` is no sign of that: a poll is counted before its result is known.
    """
    status = engine.status()
    return status.available or status.last_error is not None


@pytest.fixture(scope="session")
def _session_redis() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.close()


@pytest.fixture
def redis(_session_redis: RedisServer) -> RedisServer:
    """An empty Redis server that all tests of the session share."""
    _session_redis.command("FLUSHALL")
    return _session_redis


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A Redis server of one test, which the test may kill or freeze."""
    server = RedisServer()
    yield server
    server.close()


@pytest.fixture
def users() -> Iterator[str]:
    """The store string of a memory store whose segment beta.g1 includes alice and excludes bob."""
    name = "memory:users"
    with bigseg.Import(name) as users:
        users.add("alice", "beta.g1")
        users.add("bob", "beta.g1", "exclude")
    yield name
    del users
