"""A Redis server of the tests' own, named as each party names it."""

import socket
import subprocess
import tempfile
import time

import redis
from ldclient.impl.integrations.redis.redis_big_segment_store import _RedisBigSegmentStore as Schema

# Never reached by a run that passes.
TIMEOUT = 60


class RedisStore:
    """The server, from `start` to `stop`; each store in it has another prefix, or none."""

    def start(self):
        """Starts an empty server and waits until it answers."""
        self.directory = tempfile.TemporaryDirectory()
        for _ in range(5):
            self.port = free_port()
            command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
            command += ["--dir", self.directory.name]
            # A server that finds the port taken ends, and another port is tried.
            self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            self.client = redis.Redis(port=self.port, decode_responses=True)
            if self._answers():
                return
        raise RuntimeError("redis-server does not start")

    def _answers(self):
        give_up = time.monotonic() + TIMEOUT
        while self.process.poll() is None and time.monotonic() < give_up:
            try:
                # Another server could have taken the port; this one answers with its own process.
                return self.client.info("server")["process_id"] == self.process.pid
            except redis.ConnectionError:
                time.sleep(0.01)
        return False

    def stop(self):
        """Ends the server."""
        self.client.close()
        self.process.kill()
        self.process.wait()
        self.directory.cleanup()

    def clear(self):
        """Forgets everything."""
        self.client.flushall()

    def ours(self, prefix, login=""):
        """Returns the store string."""
        option = "" if prefix is None else f"?prefix={prefix}"
        return f"redis://{login}127.0.0.1:{self.port}{option}"

    def theirs(self, prefix, login=""):
        """Returns what an SDK's program needs to open its own store."""
        return {"kind": "redis", "url": f"redis://{login}127.0.0.1:{self.port}/0", "prefix": prefix}

    def refusing(self):
        """Returns both names of the store for a user without read access, so that every query fails."""
        self.client.execute_command("ACL", "SETUSER", "stranger", "on", ">secret", "~*", "-@all", "+ping", "+info")
        return self.ours(None, "stranger:secret@"), self.theirs(None, "stranger:secret@")

    def place(self, prefix, memberships, synchronized_on):
        """Writes with their client and their names of keys, as the SDK's tests do: hash -> (included, excluded)."""
        prefix = prefix or "launchdarkly"
        for user_hash, (included, excluded) in memberships.items():
            for key, refs in ((Schema.KEY_USER_INCLUDE, included), (Schema.KEY_USER_EXCLUDE, excluded)):
                for ref in refs:
                    self.client.sadd(prefix + key + user_hash, ref)
        if synchronized_on is not None:
            self.client.set(prefix + Schema.KEY_LAST_UP_TO_DATE, synchronized_on)


def free_port():
    """Finds a free port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
