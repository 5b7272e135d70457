"""The rules of the house, as tests: who may import whom, what is named how, how big a room may be."""

import ast
from pathlib import Path

import networkx
import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "cxmeasure"
WINGS = ("lifecycle", "touchpoints", "survey")
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
MOST_LINES = 400
MOST_FUNCTION_LINES = 60


def imports_of(path: Path) -> set[str]:
    """Return the modules that `path` imports anywhere, as full names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in whole}
    return found


GRAPH = networkx.DiGraph(
    (name, other) for name, path in MODULES.items() for other in imports_of(path) if other in MODULES
)


def tops(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imports_of(path)}


def floor(name: str) -> str:
    parts = name.split(".")
    if len(parts) < 3 or parts[1] not in WINGS:
        return ""
    return parts[2] if parts[2] in ("reduce", "chart") else "estimate"


def test_no_import_goes_in_a_circle() -> None:
    # A package's __init__ hands names on; the circle it closes with its own modules is no dependency.
    graph = GRAPH.copy()
    graph.remove_nodes_from([name for name, path in MODULES.items() if path.name == "__init__.py"])
    assert list(networkx.simple_cycles(graph)) == []


@pytest.mark.parametrize("name", sorted(MODULES))
def test_only_the_door_and_reduce_know_narwhals(name: str) -> None:
    if "narwhals" in tops(MODULES[name]):
        assert name == "cxmeasure._frames" or floor(name) == "reduce"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_only_charts_and_the_theme_know_altair(name: str) -> None:
    if "altair" in tops(MODULES[name]):
        assert (
            name in ("cxmeasure._charts", "cxmeasure.theme")
            or floor(name) == "chart"
            or name == "cxmeasure.lantern.chart"
        )


@pytest.mark.parametrize(
    "name", [name for name in MODULES if name.split(".")[1:2] and name.split(".")[1] in WINGS]
)
def test_a_wing_never_imports_a_wing_nor_the_sample_company_nor_exercises(name: str) -> None:
    own = name.split(".")[1]
    foreign = {*WINGS, "lantern", "exercises"} - {own}
    seen = {other.split(".")[1] for other in imports_of(MODULES[name]) if other.startswith("cxmeasure.")}
    assert not seen & foreign


@pytest.mark.parametrize("name", sorted(MODULES))
def test_data_goes_one_way_from_reduce_through_estimate_to_chart(name: str) -> None:
    order = {"reduce": 0, "estimate": 1, "chart": 2}
    here = floor(name)
    if not here:
        return
    for other in imports_of(MODULES[name]):
        there = floor(other)
        if there and other != name:
            assert order[there] <= order[here], f"{name} ({here}) imports {other} ({there})"
    if here == "chart":
        assert not any(floor(other) in ("reduce", "estimate") for other in imports_of(MODULES[name]))


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("cxmeasure._stats")])
def test_shared_numbers_know_neither_frames_nor_wings(name: str) -> None:
    assert tops(MODULES[name]) <= {
        "numpy",
        "scipy",
        "cxmeasure",
        "collections",
        "dataclasses",
        "math",
        "typing",
    }
    inside = {other for other in imports_of(MODULES[name]) if other.startswith("cxmeasure")}
    assert all(other.startswith("cxmeasure._stats") for other in inside)


def test_the_sample_company_is_imported_by_exercises_and_the_front_door_only() -> None:
    users = {name for name, other in GRAPH.edges if other.startswith("cxmeasure.lantern")}
    assert all(
        name.startswith(("cxmeasure.lantern", "cxmeasure.exercises")) or name == "cxmeasure" for name in users
    )


def test_nothing_but_the_front_door_imports_exercises() -> None:
    users = {name for name, other in GRAPH.edges if other.startswith("cxmeasure.exercises")}
    assert all(name.startswith("cxmeasure.exercises") or name == "cxmeasure" for name in users)


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_room_is_small_enough_to_read(name: str) -> None:
    text = MODULES[name].read_text(encoding="utf-8")
    assert text.count("\n") <= MOST_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
            assert (node.end_lineno or 0) - first.lineno < MOST_FUNCTION_LINES, node.name


@pytest.mark.parametrize("name", sorted(MODULES))
def test_nothing_runs_a_users_text_or_unpickles(name: str) -> None:
    assert not tops(MODULES[name]) & {"pickle", "shelve", "dill", "joblib", "patsy", "formulaic"}
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("eval", "exec", "print"), f"{name}:{node.lineno}"
        if isinstance(node, ast.Assert):
            pytest.fail(f"{name}:{node.lineno}: an assert is no validation")
