"""A DynamoDB of the tests' own, named as each party names it."""

import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
from ldclient.impl.integrations.dynamodb.dynamodb_big_segment_store import _DynamoDBBigSegmentStore as Schema
from participants import run

TABLE = "segments"
REGION = "eu-west-1"
# The server takes any; all participants find them in their environment.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}


class DynamoDbStore:
    """The emulator of tests/emulator, from `start` to `stop`; each store in it has another prefix, or none."""

    def start(self):
        """Starts an empty server."""
        os.environ.update(CREDENTIALS)
        self.process = subprocess.Popen(
            [os.environ["BIGSEG_EMULATOR"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.endpoint = f"http://127.0.0.1:{self.process.stdout.readline().strip()}"
        self.client = boto3.client("dynamodb", endpoint_url=self.endpoint, region_name=REGION)
        self.stranger = Stranger()
        self._create()

    def _create(self):
        run([os.environ["BIGSEG_COMMAND"], "table", "create", "--store", self.ours(None)])

    def stop(self):
        """Ends the server."""
        self.stranger.stop()
        self.client.close()
        self.process.kill()
        self.process.communicate()

    def clear(self):
        """Forgets everything."""
        self.client.delete_table(TableName=TABLE)
        self._create()

    def ours(self, prefix, endpoint=None):
        """Returns the store string."""
        option = "" if prefix is None else f"&prefix={prefix}"
        return f"dynamodb://{TABLE}?region={REGION}&endpoint={endpoint or self.endpoint}{option}"

    def theirs(self, prefix, endpoint=None):
        """Returns what an SDK's program needs to open its own store."""
        place = {"table": TABLE, "region": REGION, "endpoint": endpoint or self.endpoint}
        return {"kind": "dynamodb", "prefix": prefix, **place}

    def refusing(self):
        """Returns both names of the store for a user without read access, so that every query fails."""
        return self.ours(None, self.stranger.endpoint), self.theirs(None, self.stranger.endpoint)

    def place(self, prefix, memberships, synchronized_on):
        """Writes with their client and their names of items, as the SDK's own tests do: hash -> (included, excluded)."""
        lead = f"{prefix}:" if prefix else ""
        for user_hash, (included, excluded) in memberships.items():
            sets = {Schema.ATTR_INCLUDED: included, Schema.ATTR_EXCLUDED: excluded}
            attributes = {name: {"SS": refs} for name, refs in sets.items() if refs}
            self._put(lead + Schema.KEY_USER_DATA, user_hash, attributes)
        if synchronized_on is not None:
            key = lead + Schema.KEY_METADATA
            self._put(key, key, {Schema.ATTR_SYNC_TIME: {"N": str(synchronized_on)}})

    def _put(self, namespace, key, attributes):
        item = {Schema.PARTITION_KEY: {"S": namespace}, Schema.SORT_KEY: {"S": key}, **attributes}
        self.client.put_item(TableName=TABLE, Item=item)


class Stranger:
    """A DynamoDB that permits nothing."""

    def __init__(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Refusal)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        """Ends the server."""
        self.server.shutdown()
        self.server.server_close()


class Refusal(BaseHTTPRequestHandler):
    """Answers every request with a denial, in DynamoDB's words."""

    ANSWER = b'{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"User: test is not authorized"}'

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(400)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(self.ANSWER)))
        self.end_headers()
        self.wfile.write(self.ANSWER)

    def log_message(self, *_):
        """Does nothing, because the test needs the denial."""
