"""Equations 1 to 8: what contacts do to minds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.optimize import curve_fit, minimize_scalar

if TYPE_CHECKING:
    from tests.recovery.conftest import Tables, Truth


@pytest.fixture(scope="module")
def lived(claimed: Tables) -> pd.DataFrame:
    """Events with what they delivered and did, and the touchpoint's variance."""
    rows = claimed["truth_event"].merge(
        claimed["events"][["event_id", "touchpoint_id", "failed"]], on="event_id"
    )
    hidden = claimed["truth_touchpoint"][["touchpoint_id", "mu", "R", "w"]]
    product = claimed["touchpoints"][["touchpoint_id", "is_product_use"]]
    rows = rows.merge(hidden, on="touchpoint_id").merge(product, on="touchpoint_id")
    return rows.assign(gap=rows["signal"] - rows["belief_before"])


@pytest.fixture(scope="module")
def diary(claimed: Tables, lived: pd.DataFrame) -> pd.DataFrame:
    """Diary entries about Lantern's own contacts, with the hidden row of each."""
    own = claimed["diary"].dropna(subset=["event_id"]).astype({"event_id": "int64"})
    return own.drop(columns=["customer_id", "satisfaction", "touchpoint_id"]).merge(lived, on="event_id")


def ols(y: pd.Series, columns: pd.DataFrame) -> pd.DataFrame:
    fit = sm.OLS(y.astype(float), sm.add_constant(columns.astype(float))).fit()
    return pd.DataFrame({"estimate": fit.params, "std_error": fit.bse})


def test_the_campaign_that_promises_more_raises_expectations(claimed: Tables, claimed_truth: Truth) -> None:
    """Right: first beliefs by arm. Naive: perceptions after ten contacts, under half: experience corrects."""
    people = claimed["truth_person"].merge(claimed["customers"][["customer_id", "campaign_arm"]])
    arm = (people["campaign_arm"] == "promise").rename("promise").to_frame()
    claimed_truth.found("promise_gain", *ols(people["prior_product"], arm).loc["promise"], at_most=0.01)
    later = claimed["truth_customer"].query("month >= 12").merge(people[["customer_id", "campaign_arm"]])
    means = later.groupby("campaign_arm")["product_belief"].mean()
    print(f"later difference {means['promise'] - means['plain']:.3f}")
    assert means["promise"] - means["plain"] < 0.175


def test_losses_count_more_than_gains(lived: pd.DataFrame, diary: pd.DataFrame, claimed_truth: Truth) -> None:
    """Right: satisfaction on signal, gap above and gap below zero. Naive: the same on diary ratings.

    Noise in the ratings blurs the kink: the ratio of slopes falls to below 1.6.
    """
    rows = lived[~lived["failed"]].iloc[:300_000]
    ratio, error = _kink(rows["satisfaction"], rows["signal"], rows["gap"])
    claimed_truth.found("loss_aversion", ratio, error, at_most=0.05)
    asked = diary.dropna(subset=["expectation_before"]).query("not failed")
    gap = asked["performance"] - asked["expectation_before"]
    change = asked["perception_after"] - asked["expectation_before"]
    naive, _ = _kink(change, 0.0 * asked["performance"] + asked["contact_number"], gap)
    print(f"ratio from diary changes {naive:.2f}")
    assert naive < 1.6


def _kink(y: pd.Series, level: pd.Series, gap: pd.Series) -> tuple[float, float]:
    design = sm.add_constant(
        pd.DataFrame({"level": level, "gain": gap.clip(lower=0), "loss": gap.clip(upper=0)})
    )
    fit = sm.OLS(y, design.astype(float)).fit()
    gain, loss = fit.params["gain"], fit.params["loss"]
    v = fit.cov_params().loc[["gain", "loss"], ["gain", "loss"]].to_numpy()
    slope = np.array([-loss / gain**2, 1 / gain])
    return float(loss / gain), float(np.sqrt(slope @ v @ slope))


def test_satisfaction_with_a_contact_weighs_signal_and_gap(lived: pd.DataFrame, claimed_truth: Truth) -> None:
    """Right: both weights. Naive: the gap alone takes the signal's weight too, above .80 for .55."""
    rows = lived.iloc[:200_000]
    both = ols(rows["satisfaction"], rows[["signal", "gap_value"]])
    claimed_truth.found("event_signal", *both.loc["signal"], at_most=0.005)
    claimed_truth.found("event_gap", *both.loc["gap_value"], at_most=0.005)
    naive = ols(rows["satisfaction"], rows[["gap_value"]]).loc["gap_value", "estimate"]
    assert naive > 0.80


@pytest.mark.parametrize(("number", "gain"), [(1, 0.379), (2, 0.280), (3, 0.225), (5, 0.168), (8, 0.131)])
def test_the_gain_falls_as_customers_learn(lived: pd.DataFrame, number: int, gain: float) -> None:
    """Right: change of belief on the valued gap by number of the contact, at weight 1; P_0 = .60, R = 1.

    The catalogue has no contact with R = 1 exactly: the gain at R = 1 is read off a line in 1 / R.
    """
    rows = lived.query("is_product_use and contact_number == @number and w == 1 and not failed")
    gains = rows.groupby("R").apply(
        lambda part: pd.Series(_slope(part["belief_after"] - part["belief_before"], part["gap_value"]))
    )
    line = np.polyfit(gains.index, gains[0], 1)
    print(f"gain at contact {number}: {np.polyval(line, 1.0):.3f}, by equation 4 about {gain}")
    assert abs(np.polyval(line, 1.0) - gain) < 0.02


def _slope(y: pd.Series, x: pd.Series) -> list[float]:
    return [float((x * y).sum() / (x**2).sum())]


def test_noise_in_the_rating_before_makes_the_diary_gain_too_large(diary: pd.DataFrame) -> None:
    """Naive: change of the rating on its surprise, in the diary.

    The rating before stands on both sides, so its noise adds var(noise) / var(surprise) to the gain.
    """
    asked = diary.dropna(subset=["expectation_before"]).query("contact_number >= 6")
    surprise = asked["performance"] - asked["expectation_before"]
    naive = ols(asked["perception_after"] - asked["expectation_before"], surprise.to_frame("x")).loc["x"]
    true = ols(asked["belief_after"] - asked["belief_before"], asked["gap"].to_frame("x")).loc["x"]
    print(f"diary {naive['estimate']:.3f}, true {true['estimate']:.3f}")
    assert naive["estimate"] > true["estimate"] + 0.01


def test_moments_of_truth_are_found_from_the_first_contact(claimed: Tables, lived: pd.DataFrame) -> None:
    """Right: w = K R / ((1 - K) P) at the first contact. Naive: mean satisfaction ranks something else."""
    first = lived.query("contact_number == 1 and not failed")
    gains = first.groupby("touchpoint_id")[["gain", "R", "w"]].mean()
    uncertainty = 0.60 + 0.01
    weight = gains["gain"] * gains["R"] / ((1 - gains["gain"]) * uncertainty)
    assert (weight - gains["w"]).abs().max() < 0.02
    assert set(weight.nlargest(5).index) == set(claimed["truth_touchpoint"].nlargest(5, "w")["touchpoint_id"])
    liked = first.groupby("touchpoint_id")["satisfaction"].mean()
    assert set(liked.nlargest(5).index) != set(weight.nlargest(5).index)


def test_fit_moves_the_product_signal(claimed: Tables, lived: pd.DataFrame, claimed_truth: Truth) -> None:
    """Right: product signal on fit. Naive: satisfaction with all contacts on fit, under half of it."""
    rows = lived.merge(claimed["truth_person"][["customer_id", "fit"]], on="customer_id")
    product = rows[rows["is_product_use"]].iloc[:150_000]
    columns = product[["fit", "mu", "failed"]]
    claimed_truth.found("fit_gain", *ols(product["signal"], columns).loc["fit"], at_most=0.01)
    naive = ols(rows["satisfaction"], rows[["fit"]]).loc["fit", "estimate"]
    assert naive < 0.275


def test_affect_fades_with_one_half_life(claimed: Tables, claimed_truth: Truth) -> None:
    """Right: treated less control, each with the days since the gesture.

    Naive: a straight line through the same differences; it says that all is gone after three months.
    """
    plan = claimed["experiments"].query("experiment == 'home run'")
    touched = claimed["touches"].query("kind == 'home run'").set_index("customer_id")["ts"]
    states = claimed["truth_customer"][["customer_id", "month", "affect"]]
    rows = states.merge(plan[["customer_id", "arm", "assigned_at"]])
    began = 12 * (rows["assigned_at"].dt.year - 2023) + rows["assigned_at"].dt.month
    rows = rows.assign(after=rows["month"] - began).query("0 <= after <= 3")
    ends = pd.Series(pd.date_range("2023-01-01", periods=37, freq="MS"))[rows["month"]].set_axis(rows.index)
    waited = (ends - rows["customer_id"].map(touched)).dt.total_seconds() / 86_400
    level = (
        rows.groupby(["after", "arm"])["affect"]
        .mean()
        .reset_index()
        .pivot_table(index="after", columns="arm", values="affect")
    )
    spread = (
        rows.groupby(["after", "arm"])["affect"]
        .sem()
        .reset_index()
        .pivot_table(index="after", columns="arm", values="affect")
    )
    difference, error = level["home run"] - level["control"], np.hypot(spread["home run"], spread["control"])

    def faded(after: np.ndarray, size: float, half: float) -> np.ndarray:
        return size * (2 ** (-waited / half)).groupby(rows["after"]).mean().to_numpy()[after.astype(int)]

    (size, half), cov = curve_fit(faded, np.arange(4), difference, (1.0, 20.0), error, absolute_sigma=True)
    claimed_truth.found("affect_half_life", half, np.sqrt(cov[1, 1]), at_most=1.0)
    claimed_truth.found("touch_home_run", size, np.sqrt(cov[0, 0]), at_most=0.03)
    line = np.polyfit(np.arange(4), difference, 1)
    print(f"a straight line reaches zero after {-line[1] / line[0]:.1f} months")
    assert -line[1] / line[0] < 3.2
    assert difference.iloc[3] > 4 * error.iloc[3]


def test_journey_memory_weighs_mean_peak_end_and_breaks(claimed: Tables, claimed_truth: Truth) -> None:
    """Right: all four. Naive: breaks alone, above -.25 for -.30: longer journeys break more."""
    rows = claimed["truth_journey"].merge(claimed["journeys"][["journey_id", "n_breaks", "n_steps"]])
    rows = rows.dropna(subset=["remembered"])
    fit = ols(rows["remembered"], rows[["mean", "peak", "end", "n_breaks"]])
    for column, name in {"mean": "mean", "peak": "peak", "end": "end", "n_breaks": "break"}.items():
        claimed_truth.found(f"journey_{name}", *fit.loc[column], at_most=0.02)
    alone = ols(rows["remembered"], rows[["n_breaks"]]).loc["n_breaks", "estimate"]
    print(f"breaks alone {alone:.3f}")
    assert alone > -0.25


def test_rated_steps_make_the_peak_look_weaker(
    claimed: Tables, diary: pd.DataFrame, claimed_truth: Truth
) -> None:
    """Naive: mean, peak and end of the steps a diarist wrote down; the peak's weight shrinks below .225."""
    steps = diary.merge(claimed["events"][["event_id", "journey_id", "seq"]], on="event_id")
    steps = steps.dropna(subset=["journey_id"]).sort_values(["journey_id", "seq"])
    rated = (0.6 * steps["valence"]).groupby(steps["journey_id"])
    peak = rated.apply(lambda part: part.iloc[int(part.abs().to_numpy().argmax())])
    seen = pd.DataFrame({"mean": rated.mean(), "peak": peak, "end": rated.last()})
    rows = claimed["truth_journey"].merge(
        seen, left_on="journey_id", right_index=True, suffixes=("_true", "")
    )
    rows = rows.dropna(subset=["remembered"])
    naive = ols(rows["remembered"], rows[["mean", "peak", "end"]]).loc["peak", "estimate"]
    print(f"peak from diary ratings {naive:.3f}")
    assert naive < 0.225 < claimed_truth.values["journey_peak"]


def test_satisfaction_has_the_weights_of_equation_eight(claimed: Tables, claimed_truth: Truth) -> None:
    """Right: all states and the year. Naive: the calendar year alone, of the wrong sign for drift."""
    rows = claimed["truth_customer"].iloc[:200_000]
    known = (
        rows["satisfaction"]
        - rows["followup_gain"]
        + 0.6 * claimed_truth.values["k_w"] * (rows["month"] == 29)
    )
    columns = rows[["product_belief", "service_belief", "affect", "trust", "journey_memory"]].assign(
        both=rows["product_belief"] * rows["service_belief"],
        years=(rows["month"] - 1) / 12 * claimed_truth.values["k_w"],
    )
    fit = ols(known, columns)
    names = {
        "product_belief": "weight_product", "service_belief": "weight_service", "affect": "weight_affect",
        "both": "weight_both", "trust": "weight_trust", "journey_memory": "weight_journey",
        "years": "drift_per_year",
    }  # fmt: skip
    for column, name in names.items():
        print(name, fit.loc[column].tolist())
        assert abs(fit.loc[column, "estimate"] - claimed_truth.values[name]) < 0.002
    naive = ols(rows["satisfaction"], columns[["years"]]).loc["years", "estimate"]
    print(f"years alone {naive:.3f}")
    assert naive > 0


def test_attachment_and_habit_are_kept_from_month_to_month(claimed: Tables, claimed_truth: Truth) -> None:
    """Right: each on its own past and what feeds it. Naive: habit on its past alone, above .85."""
    rows = (
        claimed["truth_customer"].iloc[:200_000].merge(claimed["truth_person"][["customer_id", "regularity"]])
    )
    earlier = rows.groupby("customer_id")[["attachment", "habit"]].shift().add_suffix("_before")
    rows = rows.join(earlier).dropna(subset=["habit_before"])
    heart = ols(rows["attachment"], rows[["attachment_before", "satisfaction", "trust"]])
    habit = ols(rows["habit"], rows[["habit_before", "satisfaction", "regularity"]])
    assert abs(heart.loc["attachment_before", "estimate"] - claimed_truth.values["attachment_keep"]) < 0.01
    assert abs(habit.loc["habit_before", "estimate"] - claimed_truth.values["habit_keep"]) < 0.01
    naive = ols(rows["habit"], rows[["habit_before"]]).loc["habit_before", "estimate"]
    assert naive > 0.87


def test_touchpoints_combine_as_a_power_mean(claimed: Tables, claimed_truth: Truth) -> None:
    """Right: the exponent by least squares. Naive: the plain mean, which flatters by over .05 of a point."""
    rows = claimed["answers"].dropna(subset=["score_overall"])
    scores = rows[
        [f"score_{area}" for area in ("app", "delivery", "billing", "support", "events")]
    ].to_numpy()
    overall = rows["score_overall"].to_numpy()

    def loss(exponent: float) -> float:
        return float(((overall - np.mean(scores**exponent, axis=1) ** (1 / exponent)) ** 2).sum())

    best = minimize_scalar(loss, bounds=(-6, -0.05), method="bounded")
    step = 0.2
    curvature = (loss(best.x - step) - 2 * best.fun + loss(best.x + step)) / step**2
    error = np.sqrt(2 * best.fun / len(rows) / curvature)
    claimed_truth.found("power_exponent", float(best.x), float(error), at_most=0.15)
    flattery = (scores.mean(axis=1) - overall).mean()
    print(f"plain mean less overall {flattery:.3f}")
    assert flattery > 0.05


def test_records_hold_what_each_channel_lets_through(claimed: Tables, claimed_truth: Truth) -> None:
    """Right: what share of the diary's contacts the records hold, by channel. Naive: one pooled total.

    Pooling two lists over channels of unequal coverage counts too few contacts, by more than 2 %.
    """
    rows = claimed["events"].merge(claimed["touchpoints"][["touchpoint_id", "record_class"]])
    panel = claimed["customers"].query("diary_panel")["customer_id"]
    rows = rows[rows["customer_id"].isin(panel)]
    crm, written = rows["recorded_in"].str.contains("crm"), rows["recorded_in"].str.contains("diary")
    for name, part in rows.assign(crm=crm)[written].groupby("record_class"):
        share = part["crm"].mean()
        error = np.sqrt(share * (1 - share) / len(part))
        claimed_truth.found(f"capture_{str(name).replace(' ', '_')}", share, error, at_most=0.02)
    pooled = crm.sum() * written.sum() / (crm & written).sum()
    print(f"pooled {pooled:.0f} of {len(rows)}")
    assert pooled < 0.99 * len(rows)
