"""The gate itself: what is missing is skipped with a reason, or fails where BIGSEG_REQUIRE names it."""

from __future__ import annotations

import pytest

import capability


def test_what_is_missing_is_skipped_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIGSEG_REQUIRE", "chromium")
    with pytest.raises(pytest.skip.Exception, match="no server; required by BIGSEG_REQUIRE=redis"):
        capability.skip("redis", "no server")
    with pytest.raises(pytest.skip.Exception, match="no_such_package"):
        capability.package("no_such_package")


def test_what_is_required_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIGSEG_REQUIRE", "redis,python_packages")
    with pytest.raises(pytest.fail.Exception, match="no server, and BIGSEG_REQUIRE names redis"):
        capability.skip("redis", "no server")
    with pytest.raises(pytest.fail.Exception, match="BIGSEG_REQUIRE names python_packages"):
        capability.package("no_such_package")
    assert capability.package("json").loads("1") == 1
