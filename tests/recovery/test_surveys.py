"""Equations 11 to 14 and 20: who answers, what asking does, whether following up helps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

if TYPE_CHECKING:
    from tests.recovery.conftest import Tables, Truth

RESPONSE = {
    "square": "response_square",
    "z": "response_slope",
    "fatigue": "response_fatigue",
    "digital": "response_digital",
    "minutes": "response_minutes",
    "reminder": "response_reminder",
    "in_app_digital": "response_inapp_digital",
    "in_app_other": "response_inapp_other",
}


def sent(company: Tables) -> pd.DataFrame:
    """Return delivered invitations with everything equation 11 needs."""
    rows = company["invitations"].merge(company["truth_invitation"][["invitation_id", "z", "propensity"]])
    rows = rows[rows["disposition"] != "undelivered"]
    rows = rows.merge(company["customers"][["customer_id", "digital", "throttle_arm"]])
    in_app = rows["channel"] == "in-app"
    return rows.assign(
        answered=rows["disposition"].isin(["complete", "partial"]),
        square=rows["z"] ** 2 - 1,
        fatigue=np.log1p(rows["n_prior_90d"]),
        minutes=np.log(rows["length_min"]),
        reminder=rows["reminder_planned"],
        in_app_digital=in_app & rows["digital"],
        in_app_other=in_app & ~rows["digital"],
    )


def logit(rows: pd.DataFrame, columns: list[str], offset: pd.Series | None = None) -> pd.DataFrame:
    design = sm.add_constant(rows[columns].astype(float))
    fit = sm.Logit(rows["answered"].astype(float), design, offset=offset).fit(disp=0)
    return pd.DataFrame({"estimate": fit.params, "std_error": fit.bse})


@pytest.fixture(scope="module")
def invitations(claimed: Tables) -> pd.DataFrame:
    return sent(claimed).merge(claimed["truth_person"][["customer_id", "readiness", "style"]])


@pytest.fixture(scope="module")
def right(invitations: pd.DataFrame) -> pd.DataFrame:
    return logit(invitations, list(RESPONSE), offset=invitations["readiness"])


@pytest.mark.parametrize("column", RESPONSE)
def test_a_logit_given_satisfaction_and_readiness_finds_the_response_curve(
    right: pd.DataFrame, claimed_truth: Truth, column: str
) -> None:
    claimed_truth.found(RESPONSE[column], *right.loc[column], at_most=0.02)


def test_people_who_differ_in_readiness_make_fatigue_look_weaker(
    invitations: pd.DataFrame, right: pd.DataFrame
) -> None:
    """Naive: the same logit without readiness. The slope shrinks by 3 to 20 %, as every coefficient does."""
    naive = logit(invitations, list(RESPONSE)).loc["fatigue", "estimate"]
    print(f"fatigue without readiness {naive:.3f}")
    assert 0.80 < naive / right.loc["fatigue", "estimate"] < 0.97


def test_quiet_periods_drawn_by_lot_raise_response(invitations: pd.DataFrame) -> None:
    """Longer quiet periods, fewer earlier invitations, more answers: arm by arm."""
    arms = invitations.groupby("throttle_arm")[["answered", "n_prior_90d"]].mean()
    print(arms.round(3))
    assert arms["answered"].is_monotonic_increasing
    assert arms["n_prior_90d"].is_monotonic_decreasing


def test_the_tilted_world_has_a_slope_that_recorded_traits_do_not_show(tilted: Tables) -> None:
    """Right: z in the logit. Naive: the records explain answering, so weights by them repair too little."""
    rows = sent(tilted)
    fit = logit(rows, list(RESPONSE))
    estimate, error = fit.loc["z"]
    print(f"slope {estimate:.3f} ({error:.3f})")
    assert abs(estimate - 0.35) < 4 * error + 0.10 * 0.35  # without readiness it shrinks by some 8 %
    gap = np.average(rows["z"], weights=rows["answered"]) - rows["z"].mean()
    columns = ["digital", "fatigue", "minutes", "reminder", "in_app_digital", "in_app_other"]
    design = sm.add_constant(rows[columns].astype(float))
    chance = sm.Logit(rows["answered"].astype(float), design).fit(disp=0).predict(design)
    left = np.average(rows["z"], weights=rows["answered"] / chance) - rows["z"].mean()
    print(f"respondents are {gap:.3f} above everyone, weighted {left:.3f}")
    assert left > 0.7 * gap > 0.1


def test_in_the_mar_world_records_explain_who_answers(mar: Tables) -> None:
    """Right: weights from the records. Naive: respondents as they are, off by more than .04."""
    rows = sent(mar)
    columns = ["digital", "fatigue", "minutes", "reminder", "in_app_digital", "in_app_other"]
    gap = np.average(rows["z"], weights=rows["answered"]) - rows["z"].mean()
    design = sm.add_constant(rows[columns].astype(float))
    chance = sm.Logit(rows["answered"].astype(float), design).fit(disp=0).predict(design)
    left = np.average(rows["z"], weights=rows["answered"] / chance) - rows["z"].mean()
    print(f"respondents are {gap:.3f} above everyone, weighted {left:.3f}")
    assert gap > 0.04
    assert abs(left) < gap / 2
    assert abs(left) < 0.03


def test_answers_follow_satisfaction_and_style(
    invitations: pd.DataFrame, claimed: Tables, claimed_truth: Truth
) -> None:
    """Right: the answers everyone gives or would give. Naive: respondents only, whose spread is larger."""
    truth = claimed["truth_invitation"][["invitation_id", "ltr_if_asked"]]
    rows = invitations.merge(truth).query("-0.9 < z < 0.9")
    design = sm.add_constant(rows[["z", "style"]])
    fit = sm.OLS(rows["ltr_if_asked"], design).fit(
        cov_type="cluster", cov_kwds={"groups": rows["customer_id"]}
    )
    print(fit.params.round(3).to_dict())
    # Clipping at 10 and rounding bend the line a little even in the middle of the scale.
    assert abs(fit.params["z"] - claimed_truth.values["ltr_slope"]) < 0.10
    assert abs(fit.params["const"] - claimed_truth.values["ltr_mean"]) < 0.10
    answered = claimed["answers"].query("kind == 'relationship'")["ltr"]
    assert answered.var() > 1.1 * truth["ltr_if_asked"].var()


def test_evaluative_wording_raises_ratings(claimed: Tables, null: Tables) -> None:
    """Randomised wording moves rated satisfaction; in the null world it moves nothing."""
    for company, is_real in ((claimed, True), (null, False)):
        rows = company["answers"].dropna(subset=["csat"])
        arm = rows["wording_arm"] == "evaluative"
        a, b = rows.loc[arm, "csat"].astype(float), rows.loc[~arm, "csat"].astype(float)
        score = (a.mean() - b.mean()) / np.sqrt(a.var() / len(a) + b.var() / len(b))
        print(f"wording: z = {score:.1f}")
        assert (score > 4) if is_real else (abs(score) < 4)


def test_asking_for_the_expectation_lowers_the_perception(claimed: Tables, claimed_truth: Truth) -> None:
    """Right: against the hidden belief, by arm. Naive: all diarists as one, half the effect in everyone."""
    rows = claimed["diary"].dropna(subset=["event_id"]).astype({"event_id": "int64"})
    rows = rows.merge(claimed["truth_event"][["event_id", "belief_after"]])
    off = rows["perception_after"] - rows["belief_after"]
    asked = rows["expectation_before"].notna()
    error = np.sqrt(off[asked].var() / asked.sum() + off[~asked].var() / (~asked).sum())
    difference = off[asked].mean() - off[~asked].mean()
    claimed_truth.found("expectation_asked", difference, error, at_most=0.005)
    assert -0.10 < off.mean() < -0.05


def test_beauty_leaks_into_rated_ease_and_not_into_the_clock(claimed: Tables) -> None:
    """Right: the randomised look raises rated ease and leaves task time alone.

    Naive: rated ease as a measure of ease; it says that tasks have become easier.
    """
    look = claimed["usage"].drop_duplicates("customer_id").set_index("customer_id")["skin_arm"]
    rated = claimed["answers"].dropna(subset=["usable"])
    new = rated["customer_id"].map(look) == "new"
    ease = rated["usable"].astype(float)
    score = (ease[new].mean() - ease[~new].mean()) / np.sqrt(
        ease[new].var() / new.sum() + ease[~new].var() / (~new).sum()
    )
    time = claimed["usage"].groupby("customer_id")["task_time_s"].mean().pipe(np.log)
    on_new = time.index.map(look) == "new"
    slower = (time[on_new].mean() - time[~on_new].mean()) / np.hypot(time[on_new].sem(), time[~on_new].sem())
    print(f"rated ease: z = {score:.1f}; task time: z = {slower:.1f}")
    assert score > 4
    assert abs(slower) < 4


@pytest.fixture(scope="module")
def cases(claimed: Tables) -> pd.DataFrame:
    return with_change(claimed)


def with_change(company: Tables) -> pd.DataFrame:
    """Cases with satisfaction in the month of the case and in the next, in units of k_w."""
    asked = company["invitations"][["invitation_id", "month"]]
    rows = company["followups"].merge(asked, on="invitation_id")
    states = company["truth_customer"][["customer_id", "month", "z"]]
    later = states.assign(month=states["month"] - 1).rename(columns={"z": "z_next"})
    return rows.merge(states, on=["customer_id", "month"]).merge(later, on=["customer_id", "month"])


def test_the_same_agent_adds_what_equation_fourteen_says(cases: pd.DataFrame, claimed_truth: Truth) -> None:
    """Right: arms by lot in year 2. Naive: resolved against not, within an arm: too large for a call."""
    p = claimed_truth.values
    lot = cases.query("period == 'randomised'")
    change = lot["z_next"] - lot["z"]
    means, errors = change.groupby(lot["arm"]).mean(), change.groupby(lot["arm"]).sem()
    difference = means["same agent"] - means["other agent"]
    error = np.hypot(errors["same agent"], errors["other agent"])
    expected = p["gain_same"] + (p["resolve_same"] - p["resolve_other"]) * (
        p["gain_resolved"] - p["loss_unresolved"]
    )
    print(f"same less other agent {difference:.3f} ({error:.3f}), by equation 14 {expected:.3f}")
    assert expected == pytest.approx(0.195)
    assert abs(difference - expected) < 4 * error
    assert error < 0.02
    call = lot["arm"] == "other agent"
    resolved = lot["resolved"]
    gain = change[call & resolved].mean() - change[call & ~resolved].mean()
    wide = np.hypot(change[call & resolved].sem(), change[call & ~resolved].sem())
    assert abs(gain - (p["gain_resolved"] - p["loss_unresolved"])) < 4 * wide


@pytest.mark.parametrize(
    ("arm", "name"),
    [
        ("none", "resolve_none"),
        ("e-mail", "resolve_email"),
        ("other agent", "resolve_other"),
        ("same agent", "resolve_same"),
    ],
)
def test_each_arm_resolves_its_share(cases: pd.DataFrame, claimed_truth: Truth, arm: str, name: str) -> None:
    """Right: arms by lot. Naive: year 1, where agents pick easy cases: other agents seem to resolve more."""
    lot = cases.query("period == 'randomised' and arm == @arm")["resolved"]
    claimed_truth.found(name, lot.mean(), lot.sem(), at_most=0.02)
    if arm == "other agent":
        picked = cases.query("period == 'observational' and called_back")["resolved"].mean()
        print(f"year 1 share resolved {picked:.3f}")
        assert picked > lot.mean() + 0.03


def test_detractors_improve_even_where_nothing_helps(null: Tables) -> None:
    """Naive: the next answer less the low one, above .5 points in the null world. Right: arms by lot."""
    answers = null["answers"].sort_values(["customer_id", "answered_at"])
    following = answers.groupby("customer_id")["ltr"].shift(-1)
    low = answers["invitation_id"].isin(null["followups"]["invitation_id"]) & following.notna()
    gain = (following - answers["ltr"])[low]
    rows = (
        answers[low]
        .assign(gain=gain)
        .merge(null["followups"].query("period == 'randomised'")[["invitation_id", "arm"]])
    )
    called = rows["arm"].isin(["other agent", "same agent"])
    a, b = rows.loc[called, "gain"].astype(float), rows.loc[rows["arm"] == "none", "gain"].astype(float)
    difference, error = a.mean() - b.mean(), np.hypot(a.sem(), b.sem())
    print(f"before and after {gain.mean():.2f}, by lot {difference:.2f} ({error:.2f})")
    assert gain.mean() > 0.5
    assert abs(difference) < 4 * error


def test_calling_non_respondents_finds_those_who_are_missing(
    tilted: Tables, claimed: Tables, claimed_truth: Truth
) -> None:
    """Right: the telephone sample. Naive: respondents alone."""
    sample = claimed["followup_sample"]
    reached = sample["reached"].astype(float)
    claimed_truth.found("reach_rate", reached.mean(), reached.sem(), at_most=0.01)
    assert len(tilted["invitations"]) > 0
    states = sample.merge(claimed["truth_invitation"][["invitation_id", "z"]])
    z = states.groupby("reached")["z"]
    assert abs(z.mean()[True] - z.mean()[False]) < 4 * np.hypot(z.sem()[True], z.sem()[False])
