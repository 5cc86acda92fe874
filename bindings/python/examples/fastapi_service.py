"""A FastAPI service: uvicorn fastapi_service:app"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request

import bigseg.aio


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    """Keeps an engine open for as long as the service runs."""
    store = os.environ.get("BIGSEG_STORE", "redis://localhost:6379")
    async with bigseg.aio.Engine(store, lookup_deadline=0.25) as engine:
        app.state.engine = engine
        yield


app = FastAPI(lifespan=lifespan)


def engine_of(request: Request) -> bigseg.aio.Engine:
    """Returns the service's engine."""
    engine: bigseg.aio.Engine = request.app.state.engine
    return engine


@app.get("/in/{segment_ref}/{context_key}")
async def check(segment_ref: str, context_key: str, request: Request) -> dict[str, bool | str | None]:
    """Returns whether a context is in a segment, and the status of that answer."""
    answer = await engine_of(request).membership(context_key)
    return {"included": answer.check(segment_ref), "status": str(answer.status)}


@app.get("/healthz")
async def health(request: Request) -> dict[str, bool]:
    """Returns whether the store is available."""
    status = engine_of(request).status()
    return {"available": status.available, "stale": status.stale}
