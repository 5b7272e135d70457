"""No text of a user's ever runs: code and queries handed to every text argument, as names and as values."""

import contextlib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cxmeasure import lifecycle, survey, touchpoints
from cxmeasure.errors import CxmeasureError

sys.path.insert(0, str(Path(__file__).parents[1]))
from engines import on_engine

from trust.calls import CALLS, KIND, WITHOUT_TABLE, Call, public
from trust.outcomes import outcome

FORMULA = "I(__import__('pathlib').Path({marker!r}).touch())"
QUERY = "\"); copy (select 1) to '{marker}'; select (\""


@pytest.fixture
def marker(tmp_path: Path) -> Iterator[str]:
    """Give a path that the hostile texts would write to; fail if anything did."""
    path = tmp_path / "ran"
    yield str(path)
    assert not path.exists(), "a user's text was run"


def texts(function: Any) -> list[str]:
    """Return the arguments that take text, or a list of it, by their annotation."""
    given = inspect.signature(function, eval_str=True).parameters.values()
    return [each.name for each in given if each.kind is each.KEYWORD_ONLY and "str" in str(each.annotation)]


def hostile(function: Any, argument: str, text: str) -> Any:
    annotation = str(inspect.signature(function, eval_str=True).parameters[argument].annotation)
    if "Mapping[str, float]" in annotation:
        return {text: 1.0}
    if "Mapping" in annotation and "Sequence[str] |" not in annotation:
        return {text: text}
    return [text] if "Sequence" in annotation or "Iterable" in annotation else text


def test_the_hostile_texts_would_run_if_they_were_run(tmp_path: Path) -> None:
    import duckdb

    path = tmp_path / "ran"
    eval(FORMULA.format(marker=str(path)), {"I": lambda value: value})
    assert path.exists()
    path.unlink()
    with pytest.raises(duckdb.Error, match="column"):
        duckdb.connect().execute(f'select (select 1 as "x{QUERY.format(marker=str(path))}1")')
    assert path.exists()


@pytest.mark.parametrize("name", CALLS)
def test_hostile_arguments(name: str, marker: str, tmp_path: Path) -> None:
    call = CALLS[name]
    tables = {engine: on_engine(engine, call.rows, tmp_path) for engine in ("polars", "duckdb")}
    asked = texts(call.function)
    assert set(call.columns) <= set(asked)
    for argument in asked:
        for engine, template in (("polars", FORMULA), ("duckdb", QUERY)):
            said = outcome(
                call,
                tables[engine],
                **{argument: hostile(call.function, argument, template.format(marker=marker))},
            )
            assert said[0] in ("ArgumentError", "TableError", "DataError", "EstimationError", "a result")


@pytest.mark.parametrize("name", [name for name, call in CALLS.items() if not call.fixed])
def test_hostile_names_of_columns_and_values(name: str, marker: str, tmp_path: Path) -> None:
    call: Call = CALLS[name]
    for engine, template in (("polars", FORMULA), ("duckdb", QUERY)):
        text = template.format(marker=marker)
        names = {column: f"{text}{i}" for i, column in enumerate(call.used)}
        rows = call.rows[call.used].copy()
        for column in call.used:
            if (
                KIND[column] in ("group", "word")
                and column not in NEEDED
                and rows[column].dtype.kind not in "iu"
            ):
                rows[column] = (rows[column].astype(str) + text).where(rows[column].notna())
        kind, found = outcome(call, on_engine(engine, rows.rename(columns=names), tmp_path), names)
        assert kind == "a result" or name in WITH_KNOWN_VALUES, found


NEEDED = ("disposition", "event", "option", "evidence", "episode")
WITH_KNOWN_VALUES = ("metric", "change")
"""Calls that name a value of the table, which is another one here."""


def test_every_function_without_a_table_is_asked_too(marker: str) -> None:
    text = FORMULA.format(marker=marker)
    matrix = pd.DataFrame([[0.5, 0.5], [0, 1]], index=[text, "gone"], columns=[text, "gone"])
    calls = {
        "sample_size": lambda: survey.sample_size(metric=text, half_width=5),
        "projected_retention": lambda: lifecycle.projected_retention([text, text], horizon=2),
        "episode_value": lambda: lifecycle.episode_value(matrix, reward={text: 1.0}, discount_per_period=0.1),
    }
    assert set(calls) == set(WITHOUT_TABLE) <= set(public())
    for call in calls.values():
        with contextlib.suppress(CxmeasureError):
            call()


def test_a_path_that_is_a_query_is_no_path(marker: str) -> None:
    for text in (
        QUERY.format(marker=marker),
        f"'); copy (select 1) to '{marker}'; --",
        FORMULA.format(marker=marker),
    ):
        with pytest.raises(CxmeasureError, match="no readable Parquet file"):
            survey.metric(text)


def test_labels_of_a_correlation_matrix_are_labels(marker: str) -> None:
    text = FORMULA.format(marker=marker)
    names = [text, text + "+1", "y"]
    matrix = pd.DataFrame([[1, 0.5, 0.6], [0.5, 1, 0.4], [0.6, 0.4, 1]], index=names, columns=names)
    result = touchpoints.importance(correlations=matrix, outcome="y", drivers=names[:2])
    assert result.table["term"].tolist() == names[:2]
