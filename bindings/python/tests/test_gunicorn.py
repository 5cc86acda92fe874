"""A pre-forking server: the application opens its engine before the workers are forked."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import textwrap
import urllib.request
from typing import Any

import pytest

import bigseg
import capability
from conftest import eventually
from redis_server import RedisServer

capability.package("gunicorn")

APPLICATION = """
    import json, os, bigseg
    engine = bigseg.Engine(os.environ["STORE"], lookup_deadline=60, context_cache_time=0)
    received = []
    engine.add_status_listener(received.append)
    # The workers inherit connections, threads and a filled cache.
    assert engine.membership("alice").check("beta.g1") is True

    def application(environ, start_response):
        answer = engine.membership(environ["PATH_INFO"].strip("/"))
        start_response("200 OK", [("Content-Type", "application/json")])
        body = {"check": answer.check("beta.g1"), "status": answer.status.name, "worker": os.getpid(), "received": len(received)}
        return [json.dumps(body).encode()]
"""


def fetch(port: int, key: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{key}", timeout=60) as response:
        return json.load(response)


@pytest.mark.parametrize("worker", ["sync", "gthread"])
def test_preloaded_workers(worker: str, redis: RedisServer, tmp_path: pathlib.Path) -> None:
    redis.put(bigseg.ContextHash.of("alice"), ["beta.g1"], [])
    redis.synchronize()
    (tmp_path / "service.py").write_text(textwrap.dedent(APPLICATION))
    # The test owns the listening socket, so that no other process can take the port.
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", "3", "--worker-class", worker, "--threads", "4"]
    command += ["--bind", f"fd://{listener.fileno()}", "--timeout", "60", "--max-requests", "20", "service:application"]
    environment = {**os.environ, "STORE": redis.url}
    log = (tmp_path / "log").open("w+")
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=log, stderr=log, pass_fds=[listener.fileno()]
    ) as server:
        try:

            def answers() -> bool:
                try:
                    return bool(fetch(port, "alice")["check"])
                except OSError:
                    assert server.poll() is None, (tmp_path / "log").read_text()
                    return False

            eventually("gunicorn serves", answers)
            workers = set()
            # Enough requests that workers are replaced, and forked again from a parent that has been running for a while.
            for number in range(150):
                body = fetch(port, "alice" if number % 2 else "bob")
                assert body["status"] == "HEALTHY"
                assert body["check"] is (True if number % 2 else None)
                workers.add(body["worker"])
            assert len(workers) > 1 and server.pid not in workers
            eventually("a worker's listener is called", lambda: fetch(port, "alice")["received"] > 0)
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(60) == 0, (tmp_path / "log").read_text()
    listener.close()
    log.close()
    output = (tmp_path / "log").read_text()
    assert "Traceback" not in output and "WORKER TIMEOUT" not in output, output
