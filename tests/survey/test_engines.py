"""Every function of the wing gives the same numbers on every engine, to 1e-9."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxmeasure import survey

sys.path.insert(0, str(Path(__file__).parents[1]))
from engines import ENGINES, on_engine

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ibis", "ignore::FutureWarning:ibis")

RNG = np.random.default_rng(1)
N = 400
ROWS = pd.DataFrame(
    {
        "id": np.arange(N),
        "who": RNG.integers(0, 120, N),
        "plan": RNG.choice(["a", "b", "c"], N),
        "month": RNG.integers(1, 9, N),
        "use": RNG.integers(0, 20, N).astype(float),
        "w": RNG.uniform(0.5, 2, N),
        "prior": RNG.integers(0, 5, N),
        "score": RNG.integers(0, 11, N).astype(float),
        "has_answered": RNG.random(N) < 0.5,
        "disposition": RNG.choice(["I", "P", "R", "NC", "UH", "NE"], N),
        "sent_at": pd.Timestamp("2025-01-01"),
        "answered_at": pd.Timestamp("2025-01-03"),
    }
)
ROWS["ltr"] = ROWS["score"].where(ROWS["has_answered"])
ROWS["drawn"] = ~ROWS["has_answered"] & (RNG.random(N) < 0.5)
ROWS["again"] = ROWS["score"].where(ROWS["drawn"] & (RNG.random(N) < 0.6))
COVARIATES = {"covariate_columns": ["plan", "month"]}

CALLS = {
    "metric": lambda rows: survey.metric(
        rows, by=["plan"], cluster_column="who", weight_column="w", against="a"
    ),
    "mean": lambda rows: survey.metric(rows, metric="mean", by=["plan"]),
    "response_rates": lambda rows: survey.response_rates(rows, by=["plan"], weight_column="w"),
    "response_propensity": lambda rows: survey.response_propensity(rows, weight_column="w", **COVARIATES),
    "r_indicator": lambda rows: survey.r_indicator(rows, **COVARIATES),
    "partial_r_indicators": lambda rows: survey.partial_r_indicators(rows, **COVARIATES),
    "covariate_balance": lambda rows: survey.covariate_balance(rows, weight_column="w", **COVARIATES),
    "nonresponse_weights": lambda rows: (
        survey.nonresponse_weights(
            rows,
            covariate_columns=["plan"],
            responded_column="has_answered",
            score_column="ltr",
            cluster_column="who",
        ).summary
    ),
    "nps_bias": lambda rows: survey.nps_bias(
        rows, score_column="score", weight_column="w", cluster_column="who"
    ),
    "worst_case_bounds": lambda rows: survey.worst_case_bounds(
        rows, by=["plan"], weight_column="w", cluster_column="who"
    ),
    "tilt": lambda rows: survey.sensitivity(rows, weight_column="w", cluster_column="who"),
    "proxy": lambda rows: survey.sensitivity(
        rows, metric="mean", method="proxy", proxy_column="use", cluster_column="who"
    ),
    "share by proxy": lambda rows: survey.sensitivity(
        rows, metric="top_box", threshold=8, method="proxy", proxy_column="use"
    ),
    "change": lambda rows: survey.change(
        rows, period_column="month", before=1, after=2, segment_columns=["plan"], weight_column="w"
    ),
    "control_chart": lambda rows: survey.control_chart(rows, period_column="month"),
    "double_sample": lambda rows: survey.double_sample(rows, follow_up_column="again", cluster_column="who"),
    "wave_contrast": lambda rows: survey.wave_contrast(rows, wave_column="plan", n_invited=N),
    "response_curve": lambda rows: survey.response_curve(
        rows, proxy_column="use", proxy_kind="behaviour", weight_column="w", cluster_column="who"
    ),
    "contact_fatigue": lambda rows: survey.contact_fatigue(
        rows, arm_column="plan", prior_column="prior", customer_column="who"
    ),
}


@pytest.fixture(scope="module")
def expected():
    return {name: call(ROWS).table for name, call in CALLS.items()}


@pytest.mark.parametrize("engine", ENGINES[1:])
@pytest.mark.parametrize("name", CALLS)
def test_every_engine_gives_the_numbers_of_pandas(name, engine, expected, tmp_path):
    table = CALLS[name](on_engine(engine, ROWS, tmp_path)).table
    assert table.columns.tolist() == expected[name].columns.tolist()
    for column in table.columns:
        if pd.api.types.is_numeric_dtype(table[column]):
            np.testing.assert_allclose(
                table[column].astype(float), expected[name][column].astype(float), rtol=1e-7, atol=1e-9
            )
        else:
            assert table[column].astype(str).tolist() == expected[name][column].astype(str).tolist()


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_tally_responses_counts_the_same_everywhere(engine, tmp_path):
    roles = {"covariate_columns": ["plan"], "id_column": "id", "weight_column": "w"}
    roles |= {"sent_column": "sent_at", "answered_column": "answered_at"}
    tally = survey.tally_responses(on_engine(engine, ROWS, tmp_path), **roles)
    pd.testing.assert_frame_equal(tally, survey.tally_responses(ROWS, **roles), check_dtype=False)


def test_no_function_changes_its_input():
    before = ROWS.copy(deep=True)
    for call in CALLS.values():
        call(ROWS)
    pd.testing.assert_frame_equal(before, ROWS)
