"""Imports from Python."""

from __future__ import annotations

import gzip
import pathlib

import pytest

import bigseg
from redis_server import RedisServer


@pytest.fixture(params=["memory", "local", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> str:
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis")
        return f"{server.url}?response_timeout=30s"
    return {"memory": "memory:imports", "local": f"local:{tmp_path}/store"}[request.param]


def test_a_list(store: str) -> None:
    progress: list[tuple[int, int]] = []
    users = bigseg.Import(store)
    users.add("alice", "beta.g1")
    users.add(b"bob", "beta.g1", "exclude")
    users.add_by_hash(bigseg.ContextHash.of("carol"), "beta.g1")
    users.add_all(["dave", "erin"], "beta.g1")
    assert len(users) == 5
    report = users.commit(lambda contexts, memberships: progress.append((contexts, memberships)))
    assert report == users.report == bigseg.ImportReport(memberships=5, contexts=5, replaced=0)
    assert progress[-1] == (5, 5)
    with bigseg.Engine(store, lookup_deadline=30) as engine:
        answers = engine.memberships(["alice", "bob", "carol", "dave", "erin", "frank"])
        assert [answer.check("beta.g1") for answer in answers] == [True, False, True, True, True, None]
        assert {answer.status for answer in answers} == {bigseg.LookupStatus.HEALTHY}
    with pytest.raises(bigseg.AlreadyUsedError):
        users.commit()
    with pytest.raises(bigseg.AlreadyUsedError):
        users.add("x", "beta.g1")


def test_replace(store: str) -> None:
    with bigseg.Import(store) as first:
        first.add_all(["alice", "bob"], "beta.g1")
    with bigseg.Import(store, replace="beta.g1") as second:
        second.add("carol", "beta.g1")
    assert second.report is not None and second.report.replaced == 2
    with bigseg.Engine(store, lookup_deadline=30) as engine:
        answers = engine.memberships(["alice", "bob", "carol"])
        assert [answer.check("beta.g1") for answer in answers] == [None, None, True]
    del first


def test_files(store: str, tmp_path: pathlib.Path) -> None:
    csv, ndjson = tmp_path / "a.csv.gz", tmp_path / "b.ndjson"
    csv.write_bytes(gzip.compress(b"alice\nbob\n"))
    ndjson.write_text('{"key": "carol", "included": ["beta.g1"]}\nnonsense\n')
    hashes = tmp_path / "c.csv"
    hashes.write_text(f"{bigseg.ContextHash.of('dave')},beta.g1,exclude\n")
    with bigseg.Import(store) as users:
        assert users.add_file(csv, segment_ref="beta.g1") == 0
        assert users.add_file(hashes, "csv_of_hashes") == 0
        assert users.add_file(ndjson, "ndjson", skip_bad_lines=True) == 1
        with pytest.raises(bigseg.InvalidInputError):
            users.add_file(ndjson, "ndjson")
        with pytest.raises(bigseg.InvalidInputError):
            users.add_file(tmp_path / "nowhere")
        with pytest.raises(bigseg.InvalidArgumentError):
            users.add_file(csv, "xml")  # type: ignore[arg-type]
    with bigseg.Engine(store, lookup_deadline=30) as engine:
        answers = engine.memberships(["alice", "bob", "carol", "dave"])
        assert [answer.check("beta.g1") for answer in answers] == [True, True, True, False]


def test_a_block_that_raises_writes_nothing(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ZeroDivisionError), bigseg.Import(tmp_path / "store") as users:
        users.add("alice", "beta.g1")
        _ = 1 / 0
    assert users.report is None
    with bigseg.Engine(tmp_path / "store") as engine:
        assert engine.membership("alice").check("beta.g1") is None


def test_bad_arguments() -> None:
    with pytest.raises(bigseg.InvalidSegmentRefError):
        bigseg.Import("memory:", replace="beta")
    with pytest.raises(bigseg.InvalidConfigError):
        bigseg.Import("nowhere:")
    users = bigseg.Import("memory:")
    with pytest.raises(bigseg.InvalidSegmentRefError):
        users.add("alice", "beta")
    with pytest.raises(bigseg.InvalidContextKeyError):
        users.add("", "beta.g1")
    with pytest.raises(bigseg.InvalidContextHashError):
        users.add_by_hash("alice", "beta.g1")
    with pytest.raises(bigseg.InvalidArgumentError, match="include.*exclude"):
        users.add("alice", "beta.g1", "excluded")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="entry"):
        users.add("alice", "beta.g1", False)  # type: ignore[arg-type]
    assert len(users) == 0


def test_progress_that_raises_does_so_at_the_end() -> None:
    users = bigseg.Import("memory:progress")
    users.add("alice", "beta.g1")
    with pytest.raises(ZeroDivisionError):
        users.commit(lambda contexts, memberships: 1 / 0)
    with bigseg.Engine("memory:progress") as engine:
        assert engine.membership("alice").check("beta.g1") is True


def test_an_import_marks_the_store_at_its_clock(store: str) -> None:
    with bigseg.Import(store, clock=bigseg.ManualClock(1_000)) as users:
        users.add("alice", "beta.g1")
    with bigseg.Engine(store, lookup_deadline=30) as engine:
        assert engine.refresh_status().last_up_to_date == 1_000
