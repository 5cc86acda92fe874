"""The public surface: stubs, parity with other languages, documentation, and the cost of importing."""

from __future__ import annotations

import ast
import importlib.metadata
import inspect
import pathlib
import subprocess
import sys
from typing import Any

import pytest

import bigseg
import bigseg.aio
from bigseg import _native

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = pathlib.Path(__file__).parents[3]
PACKAGE = pathlib.Path(bigseg.__file__).parent


def public(kind: type) -> set[str]:
    """The public methods of a class."""
    return {name for name, value in inspect.getmembers(kind) if not name.startswith("_") and callable(value)}


NOUNS = {"integration", "log"}
"""The nouns besides the engine, each with its own table of operations."""


def in_table(noun: str) -> set[str]:
    table: Any = tomllib.loads((ROOT / "tests" / "parity.toml").read_text())
    rows = table[noun] if noun in NOUNS else {name: row for name, row in table.items() if name not in NOUNS}
    names: set[str] = set()
    for operation, row in rows.items():
        here = row.get("python", [])
        assert bool(here) != ("python" in row.get("without", {})), f"{operation}: either names or a reason"
        assert not names & set(here), f"{operation}: a name occurs twice"
        names |= set(here)
    return names


def test_the_parity_table_has_every_operation() -> None:
    listed = in_table("engine")
    # Each engine has what suits it: a class is called to open it, and only asyncio can follow a stream.
    assert public(bigseg.Engine) == listed - {"__init__", "status_updates"}
    assert public(bigseg.aio.Engine) == listed - {"__init__"}
    integration = in_table("integration")
    assert public(bigseg.Integration) == integration - {"__new__", "status_updates"}
    assert public(bigseg.aio.Integration) == integration - {"__new__"}
    assert in_table("log") == set()


def test_blocking_and_asyncio_classes_have_the_same_parameters() -> None:
    for ours, theirs in ((bigseg.Engine, bigseg.aio.Engine), (bigseg.Integration, bigseg.aio.Integration)):
        for name in public(ours):
            blocking = inspect.signature(getattr(ours, name))
            awaited = inspect.signature(getattr(theirs, name))
            assert list(blocking.parameters) == list(awaited.parameters), name


def in_stub() -> dict[str, set[str]]:
    tree = ast.parse((PACKAGE / "_native.pyi").read_text())
    found: dict[str, set[str]] = {"": set()}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            found[""].add(node.name)
        elif isinstance(node, ast.ClassDef):
            found[node.name] = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
    return found


def test_the_stub_is_true() -> None:
    stub = in_stub()
    classes = {name: value for name, value in vars(_native).items() if inspect.isclass(value)}
    functions = {name for name, value in vars(_native).items() if callable(value) and not inspect.isclass(value)}
    assert set(stub) - {""} == set(classes)
    assert stub[""] == {name for name in functions if not name.startswith("_")}
    invisible = {"__repr__", "__str__", "__hash__", "__doc__", "__module__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"}
    for name, kind in classes.items():
        members = {member for member in vars(kind) if member not in invisible}
        assert members - {"__weakref__", "__eq__"} == stub[name] - {"__eq__"}, name


def test_everything_public_is_documented() -> None:
    for name in bigseg.__all__:
        thing = getattr(bigseg, name)
        assert name.startswith("__") or (inspect.getdoc(thing) or "").strip(), name
    kinds = (bigseg.Engine, bigseg.aio.Engine, bigseg.Import, bigseg.aio.Import, bigseg.Answer, bigseg.Membership)
    for kind in (*kinds, bigseg.Integration, bigseg.aio.Integration):
        for name in public(kind):
            assert (inspect.getdoc(getattr(kind, name)) or "").strip(), f"{kind.__name__}.{name}"


def test_importing_is_quick_and_imports_little() -> None:
    # CPU time, which a busy machine does not stretch.
    source = "import sys, time; b = time.process_time(); import bigseg; print(time.process_time() - b, *sorted(sys.modules))"
    best = 1.0
    for _ in range(5):
        output = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True).stdout.split()
        best = min(best, float(output[0]))
        for name in ("asyncio", "ldclient", "typing_extensions"):
            assert name not in output, f"importing bigseg imports {name}"
    # The aim is 50 ms; large parts are not imported, and the rest depends on the machine.
    assert best < 0.5


def test_there_are_no_dependencies() -> None:
    requirements = importlib.metadata.requires("bigseg") or []
    assert all("extra ==" in requirement for requirement in requirements)
    assert importlib.metadata.version("bigseg") == bigseg.__version__


def test_what_is_lazy_is_there() -> None:
    for name in ("aio", "CustomStore", "StoreMetadata"):
        assert getattr(bigseg, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        bigseg.nothing
