"""Every public function × every fault of a table × the engines: a result or a sentence, the same on all.

pandas and Arrow are lifted into DuckDB at the door, and `tests/test_frames.py` tries the door on every
engine. So good rows are tried on all here, and each fault on Polars and on one of the others in turn.
"""

import re
import sys
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from cxmeasure import survey
from cxmeasure.errors import TableError
from cxmeasure.results import Estimates

sys.path.insert(0, str(Path(__file__).parents[1]))
from engines import on_engine

from trust.calls import ANSWERS, CALLS, KIND, WITHOUT_TABLE, Call, public
from trust.faults import AT_THE_DOOR, COLUMNS, TABLES, internal_names
from trust.outcomes import outcome, same, same_numbers

LIFTED = ("pandas", "arrow", "duckdb")
TURN = count()
ODD_NAMES = (
    'a "quoted" name',
    "it's; drop table rows --",
    "<b>&amp;</b>",
    "Größe 数 🙂",
    "a.b[0]",
    " ",
    "%s {x}",
)
INTERNAL = internal_names()


def in_turn() -> tuple[str, str]:
    return "polars", LIFTED[next(TURN) % len(LIFTED)]


def columns_to_spoil(call: Call) -> list[str]:
    """Return the first column of each kind: what is checked of one is checked of all."""
    return list({KIND[column]: column for column in reversed(call.used)}.values())


VALUES = [
    (name, column, fault)
    for name, call in CALLS.items()
    for column in columns_to_spoil(call)
    for fault, (kinds, _) in COLUMNS.items()
    if KIND[column] in kinds
]


def judged(call: Call, rows: pd.DataFrame, engines: tuple[str, ...], folder: Path) -> Any:
    """Return what the call made of the rows, after seeing that every engine made the same of them."""
    before = rows.copy(deep=True)
    found = {engine: outcome(call, on_engine(engine, rows, folder)) for engine in engines}
    pd.testing.assert_frame_equal(rows, before)
    first = found[engines[0]]
    for engine, each in found.items():
        assert same(first, each), f"{engines[0]}: {first}\n{engine}: {each}"
    return first


def test_every_public_function_that_takes_a_table_is_here() -> None:
    assert {call.function.__name__ for call in CALLS.values()} == set(public()) - set(WITHOUT_TABLE)


@pytest.mark.parametrize("name", CALLS)
def test_good_rows_give_a_result_and_a_missing_column_one_sentence(name: str, tmp_path: Path) -> None:
    call = CALLS[name]
    assert judged(call, call.rows, ("polars", *LIFTED), tmp_path)[0] == "a result"
    for column in call.used:
        kind, said = judged(call, call.rows.drop(columns=column), in_turn(), tmp_path)
        if not (column in call.fixed and column.endswith("std_error")):
            assert kind == "TableError"
            assert f"has no column '{column}'" in said


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("fault", TABLES)
def test_a_bad_table(name: str, fault: str, tmp_path: Path) -> None:
    call = CALLS[name]
    kind, _ = judged(call, TABLES[fault](call.rows, call), in_turn(), tmp_path)
    if fault in ("no row", "nothing but missing values"):
        assert kind == "DataError"


@pytest.mark.parametrize(("name", "column", "fault"), VALUES, ids=[" / ".join(each) for each in VALUES])
def test_a_bad_column(name: str, column: str, fault: str, tmp_path: Path) -> None:
    call = CALLS[name]
    rows = call.rows.assign(**{column: COLUMNS[fault][1](call.rows[column])})
    kind, _ = judged(call, rows, in_turn(), tmp_path)
    if fault in AT_THE_DOOR and column not in call.free:
        assert kind == "TableError"


def unchanged(call: Call, *tables: Any) -> None:
    expected = outcome(call, call.rows)
    assert expected[0] == "a result"
    for table in tables:
        found = outcome(call, table)
        assert same(expected, found), f"{expected[1]}\n{found}"


@pytest.mark.parametrize("name", CALLS)
def test_order_layout_unseen_categories_and_other_columns_change_nothing(name: str, tmp_path: Path) -> None:
    call = CALLS[name]
    rows = call.rows.sample(frac=1, random_state=3)
    for column in call.used:
        if KIND[column] == "group" and rows[column].map(type).eq(str).all():
            seen = sorted(rows[column].unique())
            rows[column] = pd.Categorical(rows[column], [*reversed(seen), "never seen"])
    taken = TAKEN.get(call.function.__name__, call.rows.columns[0])
    junk = {
        name: "x"
        for name in INTERNAL
        if name not in rows.columns and not name.startswith((taken, *READ_IF_THERE))
    }
    rows = pd.concat([rows.iloc[:2], rows], ignore_index=True).assign(**junk)
    arrow = pa.Table.from_pandas(rows, preserve_index=False).slice(2)
    tables = {
        "pandas": frozen(rows.iloc[2:].set_index([np.arange(len(rows) - 2) % 7, np.arange(len(rows) - 2)])),
        "polars": pl.from_arrow(arrow),
        "arrow": arrow,
        "duckdb": on_engine("duckdb", rows.iloc[2:], tmp_path),
    }
    unchanged(call, *(tables[engine] for engine in in_turn()))


TAKEN = {"probability_alive": "probability_alive", "screen": "is_", "nonresponse_weights": "weight"}
"""How the columns begin that a function adds to the user's rows: those it refuses to overwrite."""
READ_IF_THERE = ("observed_until", "is_start_known")
"""Columns that `assign_episodes` makes and the lifecycle wing reads without being told."""


def frozen(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows on arrays that cannot be written to."""
    for column in rows.columns:
        values = rows[column].to_numpy(copy=False)
        if isinstance(values, np.ndarray):
            values.flags.writeable = False
    return rows


@pytest.mark.parametrize("name", [name for name, call in CALLS.items() if not call.fixed])
def test_what_columns_are_called_changes_no_number(name: str, tmp_path: Path) -> None:
    call = CALLS[name]
    _, expected = outcome(call, call.rows)
    for pool, engine in zip((ODD_NAMES, INTERNAL), in_turn(), strict=True):
        names = {column: pool[i % len(pool)] + "·" * (i // len(pool)) for i, column in enumerate(call.used)}
        rows = call.rows[call.used].rename(columns=names)
        kind, found = outcome(call, on_engine(engine, rows, tmp_path), names)
        if kind == "a result":
            assert same_numbers(expected, found), f"{expected}\n{found}"
        else:
            assert re.search(r"rename (yours|it)|of its own", found), found
    names = {column: f"<b>{column}</b>" for column in call.used}
    rows = call.rows[call.used].rename(columns=names)
    result = call(rows, names)
    if isinstance(result, Estimates):
        assert "<b>" not in result._repr_html_()


HUGE = "x" * 1_000_000


@pytest.mark.parametrize("engine", ["polars", *LIFTED])
def test_a_name_of_a_million_letters_is_a_name_and_is_cut_in_messages(engine: str, tmp_path: Path) -> None:
    answers = CALLS["metric"].rows[["ltr", "plan"]]
    table = on_engine(engine, answers.rename(columns={"ltr": HUGE}), tmp_path)
    expected = survey.metric(answers, by=["plan"]).table
    pd.testing.assert_frame_equal(survey.metric(table, score_column=HUGE, by=["plan"]).table, expected)
    for wrong in (
        {"score_column": HUGE + "y"},
        {"score_column": "ltr"},
        {"score_column": "plan", "by": [HUGE]},
    ):
        with pytest.raises(TableError) as refused:
            survey.metric(table, **wrong)
        assert len(str(refused.value)) < 2000


def test_ids_of_two_types_are_text_in_pandas_and_refused_in_polars() -> None:
    ids = [1, "a", "b"] * (len(ANSWERS) // 3)
    answers = ANSWERS[["ltr"]]
    mixed, text = (answers.assign(who=pd.Series(each, dtype=object)) for each in (ids, [str(i) for i in ids]))
    one, other = (survey.metric(rows, cluster_column="who").table for rows in (mixed, text))
    pd.testing.assert_frame_equal(one, other)
    held = pl.DataFrame({"ltr": answers["ltr"].to_list(), "who": pl.Series(ids, dtype=pl.Object)})
    with pytest.raises(
        TableError, match=r"'who' must hold single values; it holds values of several types\.$"
    ):
        survey.metric(held, cluster_column="who")


@pytest.mark.parametrize("name", ["importance", "emotion_curve", "moments_of_truth", "occupancy"])
def test_ids_may_be_numbers_or_text(name: str, tmp_path: Path) -> None:
    call = CALLS[name]
    text = call.rows.assign(
        **{
            column: [f"c{value:06}" for value in call.rows[column]]
            for column in call.used
            if KIND[column] == "key" and column in ("who", "customer", "journey")
        }
    )
    unchanged(call, *(on_engine(engine, text, tmp_path) for engine in in_turn()))


@pytest.mark.parametrize("name", [name for name, call in CALLS.items() if not call.fixed])
def test_a_header_of_two_levels_and_a_name_twice_are_refused_by_every_function(name: str) -> None:
    call = CALLS[name]
    deep = call.rows.copy()
    deep.columns = pd.MultiIndex.from_tuples([(column, "x") for column in deep.columns])
    twice = pd.concat([call.rows, call.rows[[call.used[0]]]], axis=1)
    for rows, said in ((deep, "header of 2 levels"), (twice, "more than one column named")):
        kind, sentence = outcome(call, rows)
        assert kind == "TableError"
        assert said in sentence
    # Arrow can hold a name twice as well.
    kind, sentence = outcome(call, pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["ltr", "ltr"]))
    assert (kind, "more than one column named 'ltr'" in sentence) == ("TableError", True)
