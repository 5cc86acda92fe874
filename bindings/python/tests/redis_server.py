"""A Redis server of one test, on a free port of the loopback interface."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import capability

TIMEOUT = 60.0
"""Only guards against a test that hangs, in seconds."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class RedisServer:
    """A server process, and commands for it."""

    def __init__(self) -> None:
        if shutil.which("redis-server") is None:
            capability.skip("redis", "redis-server is not on the PATH")
        self.port = free_port()
        self._directory = tempfile.TemporaryDirectory()
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts the server with no data; a restart keeps the port.

        Waits until this very process answers: another one may have taken the port.
        """
        deadline = time.monotonic() + TIMEOUT
        while True:
            if self._process is None or self._process.poll() is not None:
                self._process = self._spawn()
            try:
                if f"process_id:{self._process.pid}\r" in self.info("server"):
                    return
            except OSError:
                pass
            assert time.monotonic() < deadline, f"redis-server does not answer on port {self.port}"
            time.sleep(0.02)

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        return subprocess.Popen(command, cwd=self._directory.name, stdout=subprocess.DEVNULL)

    def info(self, section: str) -> str:
        """Returns a section of the reply to INFO."""
        with socket.create_connection(("127.0.0.1", self.port), TIMEOUT) as connection:
            connection.sendall(f"INFO {section}\r\nQUIT\r\n".encode())
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """Lets the server accept connections without answering."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
        self._directory.cleanup()

    def command(self, *words: str | int) -> str:
        """Sends one command, and returns the first line of the reply."""
        with socket.create_connection(("127.0.0.1", self.port), TIMEOUT) as connection:
            encoded = [str(word).encode() for word in words]
            request = b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
            connection.sendall(request)
            reply = b""
            while not reply.endswith(b"\r\n"):
                received = connection.recv(65536)
                if not received:
                    raise ConnectionError("Redis closed the connection")
                reply += received
            line = reply.decode().splitlines()[0]
            if line.startswith("-"):
                raise RuntimeError(line)
            return line

    def put(self, context_hash: str, included: list[str], excluded: list[str], prefix: str = "launchdarkly") -> None:
        """Writes a membership in the schema of the official SDKs, without the engine."""
        if included:
            self.command("SADD", f"{prefix}:big_segment_include:{context_hash}", *included)
        if excluded:
            self.command("SADD", f"{prefix}:big_segment_exclude:{context_hash}", *excluded)

    def synchronize(self, unix_millis: int | None = None, prefix: str = "launchdarkly") -> None:
        millis = int(time.time() * 1000) if unix_millis is None else unix_millis
        self.command("SET", f"{prefix}:big_segments_synchronized_on", millis)

    def commands_of(self, name: str) -> int:
        """Returns how often the server executed a command since its start."""
        lines = self.info("commandstats").splitlines()
        calls = [line.split("calls=")[1].split(",")[0] for line in lines if line.startswith(f"cmdstat_{name}:")]
        return int(calls[0]) if calls else 0
