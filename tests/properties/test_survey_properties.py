"""What must hold for every table of answers, not only for those somebody thought of."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cxmeasure import survey

sys.path.insert(0, str(Path(__file__).parents[1]))
from engines import ENGINES, on_engine

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ibis", "ignore::FutureWarning:ibis")

settings.register_profile("lean", max_examples=25, deadline=None, derandomize=True)
settings.load_profile("lean")

NUMBERS = ["n", "estimate", "std_error", "conf_low", "conf_high", "n_effective"]
answer = st.tuples(st.integers(1, 5), st.sampled_from("abc"), st.sampled_from([0.0, 0.25, 1.0, 2.0, 7.5]))
tables = st.lists(answer, min_size=1, max_size=30).map(
    lambda rows: pd.DataFrame(rows, columns=["score", "plan", "weight"])
)
metrics = st.sampled_from(["nps", "csat", "ces", "mean"])
methods = st.sampled_from(["score", "adjusted-wald", "wald"])


def estimated(answers, metric, method, **choices):
    # Polars plans such small tables fastest; the last test compares all engines.
    answers = pl.from_pandas(answers) if isinstance(answers, pd.DataFrame) else answers
    method = "wald" if metric in ("ces", "mean") else method
    return survey.metric(answers, score_column="score", metric=metric, method=method, **choices).table


def close(first, second):
    np.testing.assert_allclose(first[NUMBERS].astype(float), second[NUMBERS].astype(float), atol=1e-6)


@given(tables, metrics, methods, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(answers, metric, method, random):
    order = list(range(len(answers)))
    random.shuffle(order)
    by = {"by": ["plan"]}
    close(estimated(answers, metric, method, **by), estimated(answers.iloc[order], metric, method, **by))


@given(tables, metrics, methods)
def test_renaming_groups_changes_only_their_names(answers, metric, method):
    names = {"a": "z", "b": "y", "c": "x"}
    first = estimated(answers, metric, method, by=["plan"])
    second = estimated(answers.assign(plan=answers["plan"].map(names)), metric, method, by=["plan"])
    close(first.assign(plan=first["plan"].map(names)).sort_values("plan"), second)


@given(tables, metrics, methods)
def test_weights_of_one_are_no_weights(answers, metric, method):
    plain = estimated(answers, metric, method)
    close(plain, estimated(answers.assign(weight=1.0), metric, method, weight_column="weight"))


@given(tables.filter(lambda rows: rows["weight"].sum() > 0), metrics, methods)
def test_all_weights_times_a_thousand_change_nothing(answers, metric, method):
    first = estimated(answers, metric, method, weight_column="weight")
    larger = answers.assign(weight=answers["weight"] * 1000)
    close(first, estimated(larger, metric, method, weight_column="weight"))


@given(tables.filter(lambda rows: rows["weight"].sum() > 0), metrics, methods)
def test_estimates_stay_on_their_scale_and_inside_their_interval(answers, metric, method):
    row = estimated(answers, metric, method, weight_column="weight").iloc[0]
    low, high = {"nps": (-100, 100), "csat": (0, 1)}.get(metric, (-np.inf, np.inf))
    assert 0 < row["n_effective"] <= row["n"] <= len(answers)
    if np.isnan(row["conf_low"]):
        assert metric in ("ces", "mean")
        assert row["n"] == 1
        return
    assert low <= row["conf_low"] <= high
    assert low <= row["conf_high"] <= high
    if method != "adjusted-wald":
        assert row["conf_low"] - 1e-6 <= row["estimate"] <= row["conf_high"] + 1e-6


@given(tables, methods)
def test_mirrored_scores_mirror_the_nps_and_its_interval(answers, method):
    values = answers["score"].map({1: 0, 2: 3, 3: 8, 4: 9, 5: 10})
    mirror = values.map({0: 10, 3: 9, 8: 7, 9: 6, 10: 0})
    first, second = (
        survey.metric(pl.Series(scores), method=method).table.iloc[0] for scores in (values, mirror)
    )
    assert first["estimate"] == pytest.approx(-second["estimate"], abs=1e-6)
    assert first["conf_low"] == pytest.approx(-second["conf_high"], abs=1e-5)


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables.filter(lambda rows: rows["weight"].sum() > 0), metrics)
@pytest.mark.parametrize("engine", ENGINES[1:])
def test_every_engine_gives_the_same(engine, tmp_path, answers, metric):
    columns = {"score_column": "score", "by": ["plan"], "weight_column": "weight"}
    expected = survey.metric(answers, metric=metric, **columns).table
    other = on_engine(engine, answers, tmp_path)
    table = survey.metric(other, metric=metric, **columns).table
    assert table["plan"].tolist() == expected["plan"].tolist()
    close(expected, table)


counts = st.fixed_dictionaries(
    {code: st.integers(0, 40) for code in ("I", "P", "R", "NC", "O", "UH", "UO", "NE")}
)


@given(counts.filter(lambda each: sum(each.values()) > 0))
def test_outcome_rates_are_shares_inside_their_interval_and_ordered(each):
    table = survey.response_rates(each).table.set_index("term")
    known = table.dropna(subset="estimate")
    assert known["estimate"].between(0, 1).all()
    assert (known["conf_low"] <= known["estimate"] + 1e-9).all()
    assert (known["estimate"] <= known["conf_high"] + 1e-9).all()
    rate = table["estimate"]
    for low, high in (("RR1", "RR3"), ("RR3", "RR5"), ("RR1", "RR2"), ("REF1", "REF3"), ("CON1", "CON3")):
        if not np.isnan(rate[[low, high]]).any():
            assert rate[low] <= rate[high] + 1e-12


@given(counts.filter(lambda each: sum(each.values()) > 0))
def test_counts_and_rows_of_invitations_give_the_same_rates(each):
    rows = [code for code, count in each.items() for _ in range(count)]
    first, second = survey.response_rates(each).table, survey.response_rates(rows).table
    pd.testing.assert_frame_equal(first, second, check_dtype=False)
