"""adopt(): the only door. The same sentence for the same fault on every engine, and nothing changed."""

import importlib.util
import sys
from pathlib import Path

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from cxmeasure import survey
from cxmeasure._frames import adopt, collect, framed, listed
from cxmeasure.errors import TableError

sys.path.insert(0, str(Path(__file__).parent))
from engines import ENGINES, on_engine

# Ibis itself still calls an old pandas function when it hands a result over.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ibis", "ignore::FutureWarning:ibis")

ROWS = pd.DataFrame(
    {
        "ltr": [9.0, np.nan, 3.0, 10.0],
        "plan": ["a", "b", None, "a"],
        "at": pd.to_datetime(["2025-01-01", "2025-02-01", "2025-03-01", "2025-04-01"]),
    }
)


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


def adopted(engine, folder, roles, rows=ROWS):
    return collect(adopt(on_engine(engine, rows, folder), roles, name="answers"))


def test_columns_come_out_under_their_roles_with_missing_values_as_null(engine, tmp_path):
    out = adopted(engine, tmp_path, {"score": ("ltr", "number"), "by_0": ("plan", "text")})
    assert list(out.columns) == ["score", "by_0"]
    assert sorted(out["score"].dropna()) == [3.0, 9.0, 10.0]
    assert out["by_0"].isna().sum() == 1


def test_nan_is_null_and_not_a_number(engine, tmp_path):
    frame = adopt(on_engine(engine, ROWS, tmp_path), {"score": ("ltr", "number")}, name="answers")
    counted = collect(frame.select(missing=nw.col("score").is_null().cast(nw.Int64).sum()))
    assert counted["missing"].tolist() == [1]


def test_a_missing_column_has_one_sentence(engine, tmp_path):
    sentence = r"^answers has no column 'lrt'; it has 'ltr', 'plan', 'at'\. Did you mean 'ltr'\?$"
    with pytest.raises(TableError, match=sentence):
        adopted(engine, tmp_path, {"score": ("lrt", "number")})


def test_a_wrong_type_has_one_sentence(engine, tmp_path):
    with pytest.raises(TableError, match=r"^answers: column 'plan' must hold numbers; it holds text\.$"):
        adopted(engine, tmp_path, {"score": ("plan", "number")})
    with pytest.raises(
        TableError, match=r"^answers: column 'ltr' must hold timestamps or dates; it holds numbers\.$"
    ):
        adopted(engine, tmp_path, {"at": ("ltr", "time")})


def test_a_time_zone_has_one_sentence(engine, tmp_path):
    zoned = ROWS.assign(at=ROWS["at"].dt.tz_localize("UTC"))
    sentence = (
        r"^answers: column 'at' has a time zone, and engines disagree on its months; convert it to local"
    )
    with pytest.raises(TableError, match=sentence):
        adopted(engine, tmp_path, {"at": ("at", "time")}, zoned)


def test_categories_become_text(engine, tmp_path):
    rows = ROWS.assign(plan=ROWS["plan"].astype("category"))
    out = adopted(engine, tmp_path, {"plan": ("plan", "text")}, rows)
    assert not isinstance(out["plan"].dtype, pd.CategoricalDtype)
    assert sorted(out["plan"].dropna()) == ["a", "a", "b"]


def test_user_columns_named_like_the_package_s_own_never_shadow(engine, tmp_path):
    rows = pd.DataFrame(
        {"ltr": [10, 8, 0], "w": [5.0, 6.0, 7.0], "score": [1, 1, 1], "by_0": ["x", "y", "y"]}
    )
    table = survey.metric(on_engine(engine, rows, tmp_path), by=["by_0"]).table
    assert table["by_0"].tolist() == ["x", "y"]
    assert table["estimate"].tolist() == [100.0, -50.0]
    assert table["n_effective"].tolist() == [1.0, 2.0]
    twice = survey.metric(on_engine(engine, rows, tmp_path), by=["w", "score"], weight_column="w").table
    assert twice[["w", "score", "estimate"]].to_numpy().tolist() == [[5, 1, 100], [6, 1, 0], [7, 1, -100]]


def test_the_input_is_never_mutated():
    for rows in (ROWS.copy(), pl.from_pandas(ROWS), pa.Table.from_pandas(ROWS)):
        before = rows.copy() if isinstance(rows, pd.DataFrame) else rows
        adopt(rows, {"score": ("ltr", "number"), "plan": ("plan", "text")}, name="answers").collect()
        same = rows.equals(before)
        assert same
    pd.testing.assert_frame_equal(ROWS, ROWS.copy())


def test_duplicate_columns_are_refused():
    twice = pd.DataFrame([[1, 2]], columns=["ltr", "ltr"])
    with pytest.raises(
        TableError, match=r"^answers has more than one column named 'ltr'; rename all but one\.$"
    ):
        adopt(twice, {"score": ("ltr", "number")}, name="answers")


def test_a_header_of_two_levels_is_refused():
    deep = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")]))
    with pytest.raises(TableError, match="header of 2 levels; flatten it"):
        adopt(deep, {"score": ("a", "number")}, name="answers")


def test_column_names_that_are_not_text_are_refused():
    with pytest.raises(TableError, match="column names that are not text: 0, 1; rename them"):
        adopt(pd.DataFrame([[1, 2]]), {"score": ("a", "number")}, name="answers")


@pytest.mark.parametrize("nothing", [None, 5, {"ltr": [1]}, object()])
def test_what_is_no_table_is_refused(nothing):
    with pytest.raises(TableError, match=r"^answers must be a pandas, Polars, .*; received \w+\.$"):
        adopt(nothing, {"score": ("ltr", "number")}, name="answers")


def test_a_path_without_a_file_is_refused():
    with pytest.raises(TableError, match=r"no readable Parquet file at 'nowhere/\*.parquet'; check the path"):
        adopt("nowhere/*.parquet", {"score": ("ltr", "number")}, name="answers")


def test_a_bare_list_series_or_array_is_one_column():
    for scores in ([9, 10], (9, 10), np.array([9, 10]), pd.Series([9, 10]), pl.Series([9, 10])):
        assert nw.from_native(framed(scores, "ltr")).columns == ["ltr"]


def test_what_has_no_single_value_is_refused(engine, tmp_path):
    rows = ROWS.assign(plan=[[1, 2]] * len(ROWS))
    sentence = r"^answers: column 'plan' must hold single values; it holds lists or records\.$"
    with pytest.raises(TableError, match=sentence):
        adopted(engine, tmp_path, {"plan": ("plan", "any")}, rows)


def test_missing_values_are_written_alike_in_messages():
    assert listed([None, float("nan"), pd.NA, pd.NaT, "a"], most=4) == ", ".join(["a missing value"] * 4) + (
        " and 1 more"
    )


def test_long_lists_are_cut_in_messages():
    assert listed(range(7)) == "0, 1, 2, 3, 4 and 2 more"


@pytest.mark.skipif(
    importlib.util.find_spec("pyspark") is None, reason="SPARK IS NOT TESTED: pyspark is not installed"
)
def test_spark_gives_the_same_numbers():
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[1]").config("spark.sql.session.timeZone", "UTC").getOrCreate()
    )
    table = survey.metric(session.createDataFrame(ROWS[["ltr"]])).table
    assert table["n"].tolist() == [3]


def test_a_pandas_frame_that_was_turned_around_is_the_same_table():
    columns = {
        "whole": pd.array([1, 2, None, 4], dtype="Int64"),
        "score": [10.0, 3.0, np.nan, 8.0],
        "at": pd.date_range("2024-01-01", periods=4),
        "kind": pd.Categorical(list("abca")),
    }
    table = pd.DataFrame(columns)
    kinds = {
        "w": ("whole", "number"),
        "s": ("score", "number"),
        "t": ("at", "time"),
        "k": ("kind", "category"),
    }
    shown = [
        collect(adopt(rows, kinds, name="rows").sort("t"))
        for rows in (table, table.iloc[::-1], table.sample(frac=1, random_state=1))
    ]
    for other in shown[1:]:
        pd.testing.assert_frame_equal(shown[0], other)
