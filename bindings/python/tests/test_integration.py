"""Integrations: an upstream over HTTP fills a store that an engine reads."""

from __future__ import annotations

import asyncio
import gc
import logging
import pathlib
import threading
import weakref
from collections.abc import Iterator

import pytest

import bigseg
import bigseg.aio
from bigseg import IntegrationState, IntegrationStatus
from conftest import eventually, vectors
from fake_upstream import FakeUpstream
from test_lifecycle import run

KEY = "sdk-key-of-the-test"


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    fake = FakeUpstream(KEY, patches=3)
    yield fake
    fake.close()


def named(fake: FakeUpstream, sdk_key: str = KEY) -> bigseg.Upstream:
    return bigseg.Upstream(sdk_key, base_url=fake.url, stream_url=fake.url, proxy="none")


def is_healthy(integration: bigseg.Integration | bigseg.aio.Integration) -> bool:
    return integration.status().state is IntegrationState.HEALTHY


def test_it_fills_a_store_and_invalidates_caches_of_engines(upstream: FakeUpstream) -> None:
    received: list[IntegrationStatus] = []
    changes: list[tuple[str, list[str]]] = []
    with bigseg.Engine("memory:filled", context_cache_time=3600, stale_after=3600) as engine:
        assert engine.membership("4").check("s.g1") is None
        integration = bigseg.Integration(
            "main",
            named(upstream),
            "memory:filled",
            engines=[engine],
            change_listener=lambda segment_ref, hashes: changes.append((segment_ref, hashes)),
        )
        with integration:
            integration.add_status_listener(received.append)
            eventually("it is healthy", lambda: is_healthy(integration))
            status = integration.status()
            assert status.counters.patches == status.progress.patches == 3 and status.error is None
            assert status.last_synchronized is not None and status.last_error is None
            assert engine.membership("3").check("s.g1") is True
            upstream.publish()
            eventually("the change is visible", lambda: engine.membership("4").check("s.g1"))
            eventually("the listener was called", lambda: received and received[-1].state is IntegrationState.HEALTHY)
            assert {segment_ref for segment_ref, _ in changes} == {"s.g1"}
            assert bigseg.ContextHash.of("4") in changes[-1][1]
            assert repr(integration) == "<bigseg.Integration>"
        assert integration.closed and integration.status().state is IntegrationState.OFF
        assert repr(integration) == "<bigseg.Integration (closed)>"
        with pytest.raises(bigseg.ClosedError):
            integration.set_on(True)
        integration.close()


def test_the_key_is_rotated_and_never_shown(
    upstream: FakeUpstream, tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = named(upstream, "hunter2")
    with bigseg.Integration("main", wrong, "memory:key", state_directory=tmp_path) as integration:
        eventually("it fails", lambda: integration.status().state is IntegrationState.FAILING)
        error = integration.status().error
        assert error is not None and error.kind is bigseg.ErrorKind.UPSTREAM_REFUSED and error.status_code == 401
        assert [entry.message for entry in integration.error_log()] == [error.message]
        with pytest.raises(bigseg.InvalidConfigError) as refused:
            integration.set_sdk_key("hunter2 ")
        integration.set_sdk_key(KEY)
        eventually("it is healthy", lambda: is_healthy(integration))
        assert integration.status().last_error is not None
        shown = f"{wrong!r} {wrong} {integration!r} {integration.status()} {integration.error_log()} {refused.value!r}"
    written = (tmp_path / "main.errors.json").read_text()
    assert "upstream_refused" in written
    assert "hunter2" not in shown + caplog.text + written and KEY not in shown + caplog.text + written


def test_on_off_name_and_store(upstream: FakeUpstream) -> None:
    with bigseg.Integration("main", named(upstream), "memory:first", on=False, name="Main", project="p") as integration:
        assert integration.status().state is IntegrationState.OFF
        integration.set_on(True)
        eventually("it is healthy", lambda: is_healthy(integration))
        integration.set_name("Another name")
        engine = bigseg.Engine("memory:second", context_cache_time=0)
        integration.set_store("memory:second")
        eventually("the other store is filled", lambda: engine.membership("3").check("s.g1"))
        engine.close()
        integration.set_on(False)
        eventually("it is off", lambda: integration.status().state is IntegrationState.OFF)


def test_invalid_definitions_are_refused() -> None:
    for refused in vectors("integration")["refused"]:
        with pytest.raises(bigseg.BigSegError) as error:
            upstream = bigseg.Upstream(refused.get("sdk_key", "key"), base_url=refused.get("base_url"))
            labels = {name: refused[name] for name in ("name", "project", "environment") if name in refused}
            bigseg.Integration(refused.get("id", "main"), upstream, refused.get("store", "memory:x"), on=False, **labels)
        assert error.value.kind.value == refused["error"], refused
        assert refused["message_has"] in str(error.value), refused


def test_states() -> None:
    assert [state.value for state in IntegrationState] == vectors("integration")["states"]


def test_listeners_that_raise_stay_and_removed_ones_are_silent(
    upstream: FakeUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[IntegrationStatus] = []
    removed: list[IntegrationStatus] = []

    def fail(status: IntegrationStatus) -> None:
        calls.append(status)
        raise ZeroDivisionError

    with bigseg.Integration("main", named(upstream), "memory:listeners", on=False) as integration:
        integration.add_status_listener(fail)
        number = integration.add_status_listener(removed.append)
        eventually("both were called", lambda: calls and removed)
        assert integration.remove_status_listener(number) and not integration.remove_status_listener(number)
        silent = len(removed)
        integration.set_on(True)
        eventually("the other one is still called", lambda: calls[-1].state is IntegrationState.HEALTHY)
        assert len(removed) == silent
    assert "a status listener raised" in caplog.text


def test_the_gil_is_released_while_it_closes(upstream: FakeUpstream) -> None:
    inside, leave = threading.Event(), threading.Event()

    def slow(status: IntegrationStatus) -> None:
        inside.set()
        leave.wait(60)

    integration = bigseg.Integration("main", named(upstream), "memory:gil")
    integration.add_status_listener(slow)
    assert inside.wait(60)
    closing = threading.Thread(target=integration.close)
    closing.start()
    # With the GIL held, neither this line nor the listener could continue.
    leave.set()
    closing.join(60)
    assert not closing.is_alive()


def test_an_integration_without_references_is_collected(upstream: FakeUpstream) -> None:
    integration = bigseg.Integration("main", named(upstream), "memory:garbage")
    cycle = [integration]
    integration.add_status_listener(lambda status: cycle.append(integration))
    gone = weakref.ref(integration)
    del integration, cycle

    def collected() -> bool:
        gc.collect()
        return gone() is None

    eventually("it is gone", collected)


def test_asyncio(upstream: FakeUpstream) -> None:
    async def follow() -> tuple[list[IntegrationState], bool | None]:
        states: list[IntegrationState] = []
        received: list[IntegrationStatus] = []
        async with bigseg.aio.Engine("memory:aio", context_cache_time=3600) as engine:
            async with bigseg.aio.Integration("main", named(upstream, "wrong"), "memory:aio", engines=[engine]) as integration:
                integration.add_status_listener(received.append)
                async for status in integration.status_updates():
                    states.append(status.state)
                    if status.state is IntegrationState.FAILING:
                        assert integration.error_log()[0].kind is bigseg.ErrorKind.UPSTREAM_REFUSED
                        integration.set_sdk_key(KEY)
                    if status.state is IntegrationState.HEALTHY:
                        break
                answer = await engine.membership("3")
                integration.set_name("Another name")
                integration.set_on(False)
                integration.set_store("memory:another")
            assert integration.closed and received
            assert repr(integration) == "<bigseg.aio.Integration (closed)>"
            with pytest.raises(bigseg.ClosedError):
                integration.set_on(True)
        return states, answer.check("s.g1")

    states, value = asyncio.run(asyncio.wait_for(follow(), 100))
    assert IntegrationState.FAILING in states and states[-1] is IntegrationState.HEALTHY and value is True


def test_exit_and_fork_with_an_integration_left_open(upstream: FakeUpstream) -> None:
    source = """
    import os, sys, bigseg
    upstream = bigseg.Upstream(sys.argv[2], base_url=sys.argv[1], stream_url=sys.argv[1], proxy="none")
    integration = bigseg.Integration("main", upstream, "memory:left", change_listener=print)
    integration.add_status_listener(lambda status: None)
    child = os.fork()
    if child == 0:
        try:
            integration.status()
        except bigseg.ForkedError:
            integration.close()
            sys.exit(0)
        sys.exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    """
    run(source, upstream.url, KEY)
