"""Segments: scores by hand and on every engine, the adjusted Rand index by hand, what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cxmeasure import lifecycle
from cxmeasure._stats.agreement import Trial, adjusted_rand, codes_of
from cxmeasure.errors import ArgumentError, CxmeasureError, DataError, EstimationError, TableError
from tests.engines import ENGINES, on_engine


def purchases(n: int = 2_000, seed: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300 * 24, n), unit="h")
    return pd.DataFrame(
        {"customer_id": rng.zipf(1.6, n) % 200, "ts": at, "paid": rng.integers(1, 90, n) * 1.0}
    )


def test_second_computation_of_every_score_customer_by_customer() -> None:
    rows = purchases()
    found: Any = lifecycle.rfm_segments(rows, value_column="paid", observed_until="2024-12-31").rows
    found = found.set_index("customer_id")
    days = rows.assign(day=rows["ts"].dt.normalize()).groupby(["customer_id", "day"])["paid"].sum()
    each = (
        days.reset_index()
        .groupby("customer_id")
        .agg(day=("day", "max"), n=("day", "size"), paid=("paid", "sum"))
    )
    slowly = pd.DataFrame(
        {
            "days_since": (pd.Timestamp("2024-12-31") - each["day"]).dt.days,
            "n_purchases": each["n"],
            "value_per_purchase": each["paid"] / each["n"],
        }
    )
    for measure, score in (("n_purchases", "frequency_score"), ("value_per_purchase", "value_score")):
        below = [np.quantile(slowly[measure], step) for step in (0.2, 0.4, 0.6, 0.8)]
        expected = [1 + sum(value > cut + 1e-9 for cut in below) for value in slowly[measure]]
        assert found[measure].tolist() == pytest.approx(slowly[measure].tolist())
        assert found[score].tolist() == expected
    latest = found.loc[found["recency_score"] == 5, "days_since"]
    assert latest.max() <= found.loc[found["recency_score"] < 5, "days_since"].min()
    worth = found["frequency_score"] + found["value_score"]
    level = found["recency_score"].map({5: "recent", 4: "recent", 3: "cooling", 2: "cooling", 1: "quiet"})
    assert (found["segment"] == level + np.where(worth >= 7, ", large", ", small")).all()


def test_shares_add_up_and_count_the_rows() -> None:
    scores = lifecycle.rfm_segments(purchases(), value_column="paid")
    table, rows = scores.summary.table, pd.DataFrame(scores.rows)
    assert table["estimate"].sum() == pytest.approx(1.0, abs=1e-12)
    counted = rows["segment"].value_counts()
    assert dict(zip(table["segment"], table["n_here"], strict=True)) == {
        name: counted.get(name, 0) for name in table["segment"]
    }
    assert ((table["conf_low"] <= table["estimate"]) & (table["estimate"] <= table["conf_high"])).all()


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_gives_the_same(engine: str, tmp_path: Path) -> None:
    def as_pandas(rows: Any) -> pd.DataFrame:
        rows = rows.collect() if hasattr(rows, "collect") else rows
        for way in ("df", "to_pandas"):
            rows = getattr(rows, way)() if hasattr(rows, way) else rows
        return pd.DataFrame(rows).sort_values("customer_id", ignore_index=True)

    rows = purchases(600)
    found = lifecycle.rfm_segments(on_engine(engine, rows, tmp_path), value_column="paid")
    expected = lifecycle.rfm_segments(rows, value_column="paid")
    pd.testing.assert_frame_equal(as_pandas(found.rows), as_pandas(expected.rows), check_dtype=False)
    pd.testing.assert_frame_equal(found.summary.table, expected.summary.table)
    customers = as_pandas(expected.rows).assign(spent=lambda rows: rows["customer_id"] % 7)
    stable, alike = (
        lifecycle.segment_stability(
            table,
            outcome_column="spent",
            segment_column="segment",
            n_permutations=19,
            rng=np.random.default_rng(1),
        ).table
        for table in (on_engine(engine, customers, tmp_path), customers)
    )
    assert stable["n"].tolist() == alike["n"].tolist() == [len(customers)] * 2


# By hand: (pairs together in both − expected) / (mean of pairs together in each − expected).
BY_HAND = {
    "alike under other names": ([0, 0, 1, 1, 2], [2, 2, 0, 0, 1], 1.0),
    "one split in two": ([0, 0, 1, 1], [0, 0, 1, 2], 4 / 7),
    "crossed": ([0, 0, 1, 1], [0, 1, 0, 1], -0.5),
    "Hubert's and Arabie's formula on 3 × 2": (
        [0, 0, 0, 1, 1, 2],
        [0, 0, 1, 1, 1, 1],
        (2 - 28 / 15) / (5.5 - 28 / 15),
    ),
    "one place against all apart": ([0, 0, 0], [0, 1, 2], 0.0),
}


@pytest.mark.parametrize("case", BY_HAND)
def test_adjusted_rand_by_hand(case: str) -> None:
    one, other, expected = BY_HAND[case]
    assert adjusted_rand(np.array(one), np.array(other)) == pytest.approx(expected, abs=1e-12)
    assert adjusted_rand(np.array(other), np.array(one)) == pytest.approx(expected, abs=1e-12)


def test_adjusted_rand_is_nothing_by_chance() -> None:
    rng = np.random.default_rng(2)
    found = [adjusted_rand(rng.integers(0, 4, 300), rng.integers(0, 3, 300)) for _ in range(300)]
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(300)


def test_second_computation_of_the_gain_fold_by_fold() -> None:
    rng = np.random.default_rng(3)
    n = 300
    codes, x, fold = rng.integers(0, 3, n), rng.normal(size=(n, 2)), rng.integers(0, 5, n)
    y = codes * 0.7 + x @ [1.0, -0.5] + rng.normal(size=n)
    saved = whole = 0.0
    for out in range(5):
        train, held = fold != out, fold == out
        plain = np.column_stack([np.ones(n), x])
        full = np.column_stack([plain, codes == 1, codes == 2])
        errors = [
            (y[held] - design[held] @ np.linalg.lstsq(design[train], y[train], rcond=None)[0]) ** 2
            for design in (plain, full)
        ]
        saved += (errors[0] - errors[1]).sum()
        whole += ((y[held] - y[train].mean()) ** 2).sum()
    assert Trial(y, x, fold).held_out(codes).gain()[0] == pytest.approx(saved / whole, abs=1e-10)


def test_names_of_segments_do_not_matter() -> None:
    assert codes_of(["b", "a", "b"]).tolist() == [1, 0, 1]


CUSTOMERS = pd.DataFrame(
    {"kind": list("ab") * 30, "again": list("aabb") * 15, "x": np.arange(60.0), "spent": np.arange(60) % 7}
)


def stability(**choices: Any) -> Any:
    customers = choices.pop("customers", CUSTOMERS)
    choices = {"outcome_column": "spent", "segment_column": "kind"} | choices
    return lifecycle.segment_stability(customers, **choices)


def flat(train: pd.DataFrame, rows: pd.DataFrame) -> list[int]:
    return [0] * len(rows)


BAD: dict[str, tuple[type[CxmeasureError], dict[str, Any]]] = {
    "no segment and no making": (ArgumentError, {"segment_column": None}),
    "both": (ArgumentError, {"assign": flat}),
    "a making of nothing": (ArgumentError, {"segment_column": None, "assign": flat}),
    "a making of too few": (
        ArgumentError,
        {"segment_column": None, "assign": lambda train, rows: [1], "feature_columns": ["x"]},
    ),
    "a making of one": (EstimationError, {"segment_column": None, "assign": flat, "feature_columns": ["x"]}),
    "a segment missing": (DataError, {"customers": CUSTOMERS.assign(kind=None).astype({"kind": "string"})}),
    "an outcome of text": (TableError, {"outcome_column": "again"}),
    "an outcome that stands still": (EstimationError, {"customers": CUSTOMERS.assign(spent=1)}),
    "a handful": (EstimationError, {"customers": CUSTOMERS.head(9)}),
    "nobody": (DataError, {"customers": CUSTOMERS.head(0)}),
    "a seed": (ArgumentError, {"rng": 1}),
    "no column": (TableError, {"covariate_columns": ["plan"]}),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_input_is_refused_in_prose(fault: str) -> None:
    error, choices = BAD[fault]
    with pytest.raises(error, match=r"[.?]$"):
        stability(**choices)


def test_labels_as_given_have_no_steadiness_and_say_why() -> None:
    row = stability(rng=np.random.default_rng(1)).table.iloc[0]
    assert np.isnan(row["estimate"])
    assert "nothing to make again" in row["note"]
