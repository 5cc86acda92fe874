"""Capabilities that tests need; core/src/testkit/capability.rs has the same gate and all names."""

from __future__ import annotations

import importlib
import os
import warnings
from typing import Any, NoReturn

import pytest


def skip(name: str, reason: str) -> NoReturn:
    """Skips the test, or the module that is being collected; fails if BIGSEG_REQUIRE names the capability."""
    if name in os.environ.get("BIGSEG_REQUIRE", "").split(","):
        pytest.fail(f"{reason}, and BIGSEG_REQUIRE names {name}", pytrace=False)
    pytest.skip(f"{reason}; required by BIGSEG_REQUIRE={name}", allow_module_level=True)


def package(name: str) -> Any:
    """Returns a package of requirements-dev.txt, which an environment may lack."""
    try:
        with warnings.catch_warnings():
            # A deprecation inside of a package is not a failure of the test.
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ImportError as error:
        skip("python_packages", str(error))
