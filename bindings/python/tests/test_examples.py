"""The examples work as documented."""

from __future__ import annotations

import importlib.util
import pathlib
import subprocess
import sys
from typing import Any

import pytest

import bigseg
import capability
from redis_server import RedisServer

EXAMPLES = pathlib.Path(__file__).parents[1] / "examples"


def load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def store(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> str:
    redis.put(bigseg.ContextHash.of("alice"), ["beta.g1"], [])
    redis.synchronize()
    monkeypatch.setenv("BIGSEG_STORE", redis.url)
    return redis.url


def test_script(tmp_path: pathlib.Path) -> None:
    users = tmp_path / "users.csv"
    users.write_text("alice,beta.g1\nbob,beta.g1,exclude\nnonsense\n")
    command = [sys.executable, str(EXAMPLES / "script.py"), str(users)]
    for key, code, says in (("alice", 0, "included"), ("bob", 1, "excluded"), ("carol", 1, "no value")):
        done = subprocess.run([*command, key, "beta.g1"], capture_output=True, text=True, timeout=60)
        assert done.returncode == code, done.stderr
        assert "2 contexts, 1 lines left out" in done.stdout and says in done.stdout


def test_flask_service(store: str) -> None:
    capability.package("flask")
    service = load("flask_service")
    client = service.app.test_client()
    assert client.get("/in/beta.g1/alice").json == {"included": True, "status": "HEALTHY"}
    assert client.get("/healthz").status_code == 200
    service.engine.close()


def test_fastapi_service(store: str) -> None:
    capability.package("fastapi")
    testclient = capability.package("fastapi.testclient")
    with testclient.TestClient(load("fastapi_service").app) as client:
        assert client.get("/in/beta.g1/alice").json() == {"included": True, "status": "HEALTHY"}
        assert client.get("/in/beta.g1/bob").json() == {"included": None, "status": "HEALTHY"}
        assert client.get("/healthz").json()["available"] is True
