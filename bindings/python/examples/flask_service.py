"""A Flask service: gunicorn --preload --workers 4 flask_service:app

The engine is opened before the workers are forked; each worker opens it again on first use.
"""

from __future__ import annotations

import os

import flask

import bigseg

app = flask.Flask(__name__)
engine = bigseg.Engine(os.environ.get("BIGSEG_STORE", "redis://localhost:6379"), lookup_deadline=0.25)


@app.get("/in/<segment_ref>/<context_key>")
def check(segment_ref: str, context_key: str) -> flask.Response:
    """Returns whether a context is in a segment, and the status of that answer."""
    answer = engine.membership(context_key)
    return flask.jsonify(included=answer.check(segment_ref), status=str(answer.status))


@app.get("/healthz")
def health() -> tuple[flask.Response, int]:
    """Returns whether the store is available."""
    status = engine.status()
    body = flask.jsonify(available=status.available, stale=status.stale, last_up_to_date=status.last_up_to_date)
    return body, 200 if status.available else 503
