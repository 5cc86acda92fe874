"""Exit, signals and fork with open engines. Each case runs in a fresh interpreter with a timeout."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import textwrap

import pytest

import bigseg
from redis_server import RedisServer

TIMEOUT = 100.0
"""Only guards against a test that hangs, in seconds."""


def run(source: str, *arguments: str, expect: int = 0) -> str:
    """Runs a program, and returns its output."""
    command = [sys.executable, "-X", "dev", "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(source), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == expect, done.stdout + done.stderr
    assert "Traceback" not in done.stderr and "Fatal" not in done.stderr, done.stderr
    return done.stdout


@pytest.fixture
def server(redis: RedisServer) -> RedisServer:
    redis.put(bigseg.ContextHash.of("alice"), ["beta.g1"], [])
    redis.synchronize()
    return redis


OPEN = """
    import os, sys, threading, time, bigseg
    engine = bigseg.Engine(sys.argv[1], lookup_deadline=60, context_cache_time=0)
"""


def test_exit_with_an_engine_left_open(server: RedisServer) -> None:
    source = OPEN + """
    engine.add_status_listener(lambda status: time.sleep(0.01))
    print(engine.membership("alice").status)
    """
    assert run(source, server.url) == "HEALTHY\n"


def test_exit_while_daemons_look_up(server: RedisServer) -> None:
    source = OPEN + """
    running = threading.Barrier(17)
    def look_up():
        engine.membership("alice")
        running.wait()
        while True:
            try:
                engine.membership("alice")
            except bigseg.ClosedError:
                return
    for _ in range(16):
        threading.Thread(target=look_up, daemon=True).start()
    engine.add_status_listener(lambda status: None)
    running.wait()
    print("bye")
    """
    for _ in range(5):
        assert run(source, server.url) == "bye\n"


def test_exit_while_a_custom_store_works() -> None:
    source = """
    import threading, time, bigseg
    entered = threading.Event()
    class Slow:
        def get_metadata(self): return None
        def get_membership(self, context_hash):
            entered.set()
            # Works until exit closes the engine, which then waits for this call.
            while not engine.closed:
                time.sleep(0.001)
    engine = bigseg.Engine(Slow(), lookup_deadline=60)
    threading.Thread(target=engine.membership, args=("alice",), daemon=True).start()
    entered.wait()
    print("bye")
    """
    assert run(source) == "bye\n"


def test_exit_while_asyncio_waits(server: RedisServer) -> None:
    source = """
    import asyncio, sys, bigseg.aio
    async def main():
        engine = bigseg.aio.Engine(sys.argv[1], lookup_deadline=60)
        task = asyncio.create_task(engine.membership("alice"))
        await asyncio.sleep(0)
        print("bye")
    asyncio.run(main())
    """
    assert run(source, server.url) == "bye\n"


def test_ctrl_c_interrupts_a_lookup(own_redis: RedisServer) -> None:
    own_redis.synchronize()
    own_redis.freeze()
    source = """
    import os, signal, sys, threading, time, bigseg
    engine = bigseg.Engine(sys.argv[1], lookup_deadline=3600, response_timeout=60, breaker_failures=0)
    def interrupt():
        while engine.metrics().store_queries == 0:
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=interrupt, daemon=True).start()
    try:
        engine.membership("alice")
    except KeyboardInterrupt:
        print("interrupted")
    """
    assert run(source, own_redis.url) == "interrupted\n"
    own_redis.thaw()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
class TestFork:
    """The engine opened before ``fork`` works in the child, and continues in the parent."""

    WAIT = """
    import signal
    def in_child(work):
        child = os.fork()
        if child == 0:
            signal.alarm(60)
            code = 1
            try:
                work()
                code = 0
            except BaseException as error:
                print("child:", repr(error), flush=True)
            finally:
                sys.stdout.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        assert status == 0, f"the child ended with {status}"
    """

    def test_lookups(self, server: RedisServer) -> None:
        source = OPEN + self.WAIT + """
    assert engine.membership("alice").status.name == "HEALTHY"
    def work():
        answer = engine.membership("alice")
        assert (answer.status.name, answer.check("beta.g1")) == ("HEALTHY", True)
        assert engine.metrics().store_queries == 1
        assert engine.cached("alice") is None
        assert engine.refresh_status().available
        in_child(lambda: engine.membership("alice").status.name == "HEALTHY" or 1 / 0)
        engine.close()
    for _ in range(10):
        in_child(work)
        assert engine.membership("alice").status.name == "HEALTHY"
    assert engine.metrics().store_queries == 11
    print("fine")
    """
        assert run(source, server.url) == "fine\n"

    def test_exit_of_a_child(self, server: RedisServer) -> None:
        source = OPEN + """
    engine.membership("alice")
    child = os.fork()
    if child == 0:
        engine.membership("alice")
        sys.exit(7)
    assert os.waitpid(child, 0)[1] == 7 << 8
    child = os.fork()
    if child == 0:
        del engine
        sys.exit(7)
    assert os.waitpid(child, 0)[1] == 7 << 8
    assert engine.membership("alice").status.name == "HEALTHY"
    """
        run(source, server.url)

    def test_listeners_are_called_in_the_child(self, server: RedisServer) -> None:
        source = OPEN + self.WAIT + """
    received = threading.Event()
    number = engine.add_status_listener(lambda status: received.set() if status.available else None)
    assert received.wait(60)
    received.clear()
    def work():
        assert received.wait(60), "the listener was not called before the first lookup"
        assert engine.remove_status_listener(number)
    in_child(work)
    """
        run(source, server.url)

    def test_a_closed_engine_stays_closed(self, server: RedisServer) -> None:
        source = OPEN + self.WAIT + """
    engine.close()
    def work():
        try:
            engine.membership("alice")
        except bigseg.ClosedError:
            return
        assert False
    in_child(work)
    """
        run(source, server.url)

    @pytest.mark.parametrize("kind", ["memory", "local"])
    def test_embedded_stores(self, kind: str, tmp_path: pathlib.Path) -> None:
        source = """
    import os, sys, bigseg
    users = bigseg.Import(sys.argv[1])
    users.add("alice", "beta.g1")
    users.commit()
    engine = bigseg.Engine(sys.argv[1], context_cache_time=0)
    """ + self.WAIT + """
    assert engine.membership("alice").check("beta.g1") is True
    def work():
        assert engine.membership("alice").check("beta.g1") is True
        try:
            users.add("bob", "beta.g1")
        except bigseg.ForkedError:
            return
        assert False, "an import continued in the child"
    in_child(work)
    assert engine.membership("alice").check("beta.g1") is True
    """
        run(source, "memory:fork" if kind == "memory" else f"local:{tmp_path}/store")

    def test_a_custom_store(self) -> None:
        source = """
    import os, sys, bigseg
    class Store:
        def get_metadata(self): return None
        def get_membership(self, context_hash): return {"beta.g1": True}
    class AsyncStore(Store):
        async def get_membership(self, context_hash): return {"beta.g1": True}
    """ + self.WAIT + """
    for store in (Store(), AsyncStore()):
        engine = bigseg.Engine(store, context_cache_time=0, lookup_deadline=60)
        def work():
            answer = engine.membership("alice")
            assert answer.check("beta.g1") is True, answer.error
        work()
        in_child(work)
        work()
    """
        run(source)

    def test_asyncio(self, server: RedisServer) -> None:
        source = """
    import asyncio, os, sys, bigseg.aio
    engine = bigseg.aio.Engine(sys.argv[1], lookup_deadline=60, context_cache_time=0)
    async def look_up():
        answers = await asyncio.gather(*(engine.membership(key) for key in ("alice", "bob", "carol")))
        assert [answer.status.name for answer in answers] == ["HEALTHY"] * 3
    """ + self.WAIT + """
    asyncio.run(look_up())
    in_child(lambda: asyncio.run(look_up()))
    asyncio.run(look_up())
    """
        run(source, server.url)

    def test_forks_while_threads_hammer(self, server: RedisServer) -> None:
        source = OPEN + self.WAIT + """
    stop = threading.Event()
    def hammer(number):
        count = 0
        while not stop.is_set():
            count += 1
            engine.memberships([f"user-{number}-{count}", "alice"])
            engine.refresh_status()
    threads = [threading.Thread(target=hammer, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    def work():
        assert engine.membership("alice").check("beta.g1") is True
    for _ in range(100):
        in_child(work)
    stop.set()
    for thread in threads:
        thread.join()
    work()
    """
        run(source, server.url)

    @pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
    def test_multiprocessing(self, method: str, server: RedisServer, tmp_path: pathlib.Path) -> None:
        program = tmp_path / "program.py"
        program.write_text(textwrap.dedent("""
            import multiprocessing, sys, bigseg
            engine = bigseg.Engine(sys.argv[1], lookup_deadline=60, context_cache_time=0)
            def look_up(key):
                return engine.membership(key).check("beta.g1")
            if __name__ == "__main__":
                assert look_up("alice") is True
                with multiprocessing.get_context(sys.argv[2]).Pool(3) as pool:
                    found = pool.map(look_up, ["alice", "bob"] * 20, chunksize=1)
                assert found == [True, None] * 20
                assert look_up("alice") is True
                print("fine")
        """))
        command = [sys.executable, str(program), server.url, method]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
        assert (done.returncode, done.stdout) == (0, "fine\n"), done.stderr


def test_a_subinterpreter_is_refused_clearly() -> None:
    source = """
    import bigseg
    try:
        import _xxsubinterpreters as interpreters
    except ImportError:
        import _interpreters as interpreters
    code = "try: import bigseg\\nexcept ImportError as error: assert 'interpreter' in str(error)\\nelse: 1 / 0"
    run = getattr(interpreters, "run_string", None) or interpreters.exec
    assert run(interpreters.create(), code) is None
    print("fine")
    """
    assert run(source) == "fine\n"


def test_sigterm_ends_the_process(server: RedisServer) -> None:
    source = OPEN + """
    engine.membership("alice")
    print("ready", flush=True)
    threading.Event().wait()
    """
    command = [sys.executable, "-c", textwrap.dedent(source), server.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT) == -signal.SIGTERM
