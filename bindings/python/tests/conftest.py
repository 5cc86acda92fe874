"""What several tests need: servers, stores with content, and patience that does not depend on the machine's speed."""

from __future__ import annotations

import json
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import bigseg
from redis_server import RedisServer

VECTORS = pathlib.Path(__file__).parents[3] / "tests" / "vectors"
PATIENCE = 60.0


def vectors(name: str) -> Any:
    """Returns a file of vectors."""
    return json.loads((VECTORS / f"{name}.json").read_text())


def eventually(what: str, condition: Callable[[], object]) -> None:
    """Waits for a condition; the limit only guards against hanging."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited too long: {what}"
        time.sleep(0.005)


@pytest.fixture(scope="session")
def _redis_of_the_session() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.close()


@pytest.fixture
def redis(_redis_of_the_session: RedisServer) -> RedisServer:
    """A running server, emptied."""
    _redis_of_the_session.command("FLUSHALL")
    return _redis_of_the_session


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A server that a test may kill."""
    server = RedisServer()
    yield server
    server.close()


@pytest.fixture
def users() -> Iterator[str]:
    """The store string of a memory store in which alice is included in beta.g1, and bob excluded."""
    name = "memory:users"
    with bigseg.Import(name) as users:
        users.add("alice", "beta.g1")
        users.add("bob", "beta.g1", included=False)
    yield name
    del users
