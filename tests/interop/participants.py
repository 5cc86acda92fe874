"""The programs that write and read: those of this project and the official SDKs, behind one interface."""

import base64
import hashlib
import json
import os
import subprocess
import tempfile
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HERE = os.path.dirname(os.path.abspath(__file__))
# What does not end by itself hangs.
TIMEOUT = 120


def context_hash(key):
    """Hashes a context key (docs/spec.md#context-hash), with Python's own library only."""
    return base64.b64encode(hashlib.sha256(key.encode()).digest()).decode()


def run(command, text=None):
    """Runs a program; returns its output, or fails with its words."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=TIMEOUT)
    if done.returncode != 0:
        raise AssertionError(f"{command[0]} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def import_list(store, contexts):
    """Writes with `bigseg import`, which also marks the store as up to date now."""
    rows = [
        {"key": context["key"], "included": context.get("included", []), "excluded": context.get("excluded", [])}
        for context in contexts
    ]
    # An empty entry is refused.
    lines = "".join(json.dumps(row) + "\n" for row in rows if row["included"] or row["excluded"])
    run([os.environ["BIGSEG_COMMAND"], "import", "--quiet", "--format", "ndjson", "--store", store, "-"], lines)


def patches_of(contexts):
    """Returns patches of one segment each, and one more for each from which contexts leave."""
    patches = []
    for step in ("add", "remove"):
        for ref in sorted({ref for context in contexts for ref in refs(context)}):
            patches += patch(ref, step, contexts, len(patches))
    return patches


def apply_patches(store, contexts, synchronized_on):
    """Writes with patches, as a writer does that is handed them."""
    patches = patches_of(contexts)
    outcomes = run(
        [os.environ["BIGSEG_APPLY_PATCHES"], store, str(synchronized_on)],
        "".join(json.dumps(each) + "\n" for each in patches),
    )
    assert outcomes.split() == ["Applied"] * len(patches), outcomes


class Upstream(BaseHTTPRequestHandler):
    """The service that `bigseg sync` follows: one page of patches, then an event of the last one, then silence."""

    patches = []

    def do_GET(self):
        self.send_response(200)
        if self.path.startswith("/sdk/big-segments/revisions"):
            body = json.dumps([] if "after=" in self.path else self.patches[:-1]).encode()
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b"data: " + json.dumps(self.patches[-1:]).encode() + b"\n\n")
        self.wfile.flush()
        self.server.ended.wait(TIMEOUT)

    def log_message(self, *_):
        """Suppresses the log of requests."""


def synchronize(store, contexts):
    """Writes with `bigseg sync`, half of it from a page and half from a stream, which also marks the store as up to date."""
    patches = patches_of(contexts)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Filled", (Upstream,), {"patches": patches}))
    server.daemon_threads = True
    server.ended = threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    integration = {"id": "main", "sdk_key": "key", "base_url": url, "stream_url": url, "proxy": "none", "store": store}
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "bigseg.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write("[[integration]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in integration.items()))
        command = [os.environ["BIGSEG_COMMAND"], "sync", "--config", path, "--listen", "127.0.0.1:0"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as worker:
            try:
                wait_until_filled(worker, len(patches))
            finally:
                server.ended.set()
                worker.terminate()
                output = worker.communicate(timeout=TIMEOUT)[1]
    server.shutdown()
    server.server_close()
    assert worker.returncode == 0, output


def wait_until_filled(worker, patches):
    """Waits until the worker has applied that many patches and marked the store."""
    line = ""
    while " listening at " not in line:
        line = worker.stderr.readline()
        assert line, "the worker has ended"
    status = line.split(" at ")[1].strip() + "status"
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        with urllib.request.urlopen(status, timeout=TIMEOUT) as answer:
            integration = json.load(answer)["integrations"][0]
        if integration["counters"]["patches"] == patches and integration["state"] == "healthy":
            return
        time.sleep(0.05)
    raise AssertionError(f"the worker did not fill the store: {integration}")


def refs(context):
    """Returns every segment ref that a context has to do with."""
    return context.get("included", []) + context.get("excluded", []) + context.get("left", [])


def patch(ref, step, contexts, number):
    """Returns the patch by which contexts join or leave a segment, or `None` for no change."""

    def hashes(*lists):
        concerned = (context for context in contexts if any(ref in context.get(name, []) for name in lists))
        return [context_hash(context["key"]) for context in concerned]

    changes = {
        "add": {"included": {"add": hashes("included", "left")}, "excluded": {"add": hashes("excluded")}},
        "remove": {"included": {"remove": hashes("left")}},
    }[step]
    if not any(hashes for change in changes.values() for hashes in change.values()):
        return []
    previous, version = str(number) if number else "", str(number + 1)
    return [{"segmentId": ref, "previousVersion": previous, "version": version, "changes": changes}]


class Sdk:
    """A program around an official SDK."""

    def __init__(self, name, *command):
        self.name, self.command = name, command

    def read(self, store, hashes):
        """Returns the sync time and the memberships, hash -> {ref: bool}."""
        answers = self._ask({"store": store.theirs, "hashes": hashes})
        memberships = {user_hash: membership or {} for user_hash, membership in answers["memberships"].items()}
        return answers["synchronized_on"], memberships

    def evaluate(self, store, evaluations, stale_after):
        """Evaluates flags with a whole client; the store may be None."""
        request = {"store": store, "stale_after": stale_after, "flags": os.path.join(HERE, "flags.json")}
        return self._ask({**request, "evaluations": evaluations})["evaluations"]

    def _ask(self, request):
        return json.loads(run(self.command, json.dumps(request)))


class Ours:
    """The command `bigseg`."""

    name = "bigseg"

    def read(self, store, hashes):
        """Returns the results in the form of the SDKs, and compares `check` with `get`."""
        status = self.run_json("status", store.ours)
        memberships = {}
        for user_hash in hashes:
            answer = self.run_json("get", store.ours, "--hash", user_hash)
            assert answer["status"] == status["status"], (answer, status)
            membership = dict.fromkeys(answer["excluded"], False) | dict.fromkeys(answer["included"], True)
            memberships[user_hash] = membership
            for ref in (*membership, "beta.g3"):
                check = self.run_json("check", store.ours, "--hash", user_hash, ref)["check"]
                assert check == membership.get(ref), (ref, check, answer)
        return status["last_up_to_date"], memberships

    def run_json(self, command, store, *arguments):
        """Runs a command, and returns its JSON regardless of the exit status."""
        words = [os.environ["BIGSEG_COMMAND"], command, "--json", "--store", store, *arguments]
        done = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT)
        return json.loads(done.stdout)
