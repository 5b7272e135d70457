"""Every estimator has a chart of its name, and no file hides a function."""

import inspect
from importlib import import_module
from pathlib import Path

import pytest

from cxmeasure.results import Estimates

WINGS = ("lifecycle", "touchpoints", "survey")
# Results that only a table can show, with the reason.
WITHOUT_CHART: dict[str, str] = {}


def public(wing: str) -> dict[str, object]:
    module = import_module(f"cxmeasure.{wing}")
    return {name: getattr(module, name) for name in module.__all__ if name != "chart"}


def estimators(wing: str) -> set[str]:
    return {
        name
        for name, thing in public(wing).items()
        if inspect.isfunction(thing)
        and inspect.signature(thing, eval_str=True).return_annotation is Estimates
    }


@pytest.mark.parametrize("wing", WINGS)
def test_every_estimator_has_a_chart_of_its_name(wing: str) -> None:
    chart = import_module(f"cxmeasure.{wing}.chart")
    drawn = {
        name for name, thing in inspect.getmembers(chart, inspect.isfunction) if not name.startswith("_")
    }
    drawn = {name for name in drawn if getattr(chart, name).__module__.startswith(chart.__name__)}
    assert estimators(wing), "a wing without an estimator tests nothing"
    assert estimators(wing) - set(WITHOUT_CHART) <= drawn
    assert drawn <= set(public(wing)), "a chart without an estimator"


@pytest.mark.parametrize("wing", WINGS)
def test_no_file_has_the_name_of_a_public_function(wing: str) -> None:
    folder = Path(import_module(f"cxmeasure.{wing}").__file__ or "").parent
    assert not {path.stem for path in folder.glob("*.py")} & (set(public(wing)) - {"chart"})


@pytest.mark.parametrize("wing", WINGS)
def test_every_public_function_has_an_example_that_runs_and_says_what_it_raises(wing: str) -> None:
    for name, thing in public(wing).items():
        if inspect.isfunction(thing):
            text = inspect.getdoc(thing) or ""
            assert ">>>" in text, f"{wing}.{name} has no example"
            assert "Raises\n------" in text, f"{wing}.{name} does not say what it raises"
