"""A Flask service: gunicorn --preload --workers 4 flask_service:app

The engine is opened before the workers are forked; each of them opens it anew on first use.
"""

from __future__ import annotations

import os

import flask

import bigseg

app = flask.Flask(__name__)
engine = bigseg.Engine(os.environ.get("BIGSEG_STORE", "redis://localhost:6379"), lookup_deadline=0.25)


@app.get("/in/<segment_ref>/<context_key>")
def check(segment_ref: str, context_key: str) -> flask.Response:
    """Says whether a context is in a segment, and how far to trust that."""
    answer = engine.membership(context_key)
    return flask.jsonify(included=answer.check(segment_ref), status=str(answer.status))


@app.get("/healthz")
def health() -> tuple[flask.Response, int]:
    """Tells whether the store can be asked."""
    status = engine.status()
    body = flask.jsonify(available=status.available, stale=status.stale, last_up_to_date=status.last_up_to_date)
    return body, 200 if status.available else 503
