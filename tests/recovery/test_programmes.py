"""Experiments, touches, word of mouth and branches: equations 6, 15 and 17."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy.optimize import curve_fit
from scipy.special import expit

from cxmeasure.lantern import simulate

if TYPE_CHECKING:
    from tests.recovery.conftest import Tables, Truth

HALF_LIFE = 30.0


def left_at_month_end(touches: pd.DataFrame, kind: pd.Series) -> pd.DataFrame:
    """How much of a unit impulse of each kind is left at the end of each month, by customer."""
    starts = pd.Series(pd.date_range("2023-01-01", periods=37, freq="MS"))
    parts = []
    for month in range(1, 37):
        end = starts[month]
        before = touches["ts"] < end
        left = 2.0 ** (-(end - touches.loc[before, "ts"]).dt.total_seconds() / 86_400 / HALF_LIFE)
        rows = pd.DataFrame({"customer_id": touches["customer_id"], "kind": kind, "left": left})[before]
        table = rows.pivot_table(index="customer_id", columns="kind", values="left", aggfunc="sum")
        parts.append(table.assign(month=month))
    return pd.concat(parts).fillna(0.0).reset_index()


def test_touches_leave_what_their_kind_leaves(claimed: Tables, claimed_truth: Truth) -> None:
    """Right: affect on what is left of each kind of touch. Naive: one effect for every named card.

    Pooling misspelt names with the others gives the net effect, 5 % x .22 below that of a right name.
    Affect differs by tenure, and touches come early: without tenure the estimates are too small.
    """
    touches = claimed["touches"]
    plan = claimed["experiments"].query("experiment == 'name card'").set_index("customer_id")["arm"]
    arm = touches["customer_id"].map(plan).fillna("")
    named = (touches["kind"] == "name card") & ~arm.str.contains("no name")
    kind = pd.Series("plain", index=touches.index).where(touches["kind"] == "name card", touches["kind"])
    kind = kind.mask(named & touches["automated"], "printed").mask(
        named & ~touches["automated"], "handwritten"
    )
    kind = kind.mask(named & touches["name_error"], "misspelt")
    rows = claimed["truth_customer"][["customer_id", "month", "affect"]]
    enrolled = claimed["experiments"].query("experiment in ('name card', 'proof e-mail', 'off-scope help')")
    rows = rows[rows["customer_id"].isin(enrolled["customer_id"])]
    rows = rows.merge(left_at_month_end(touches, kind), how="left", on=["customer_id", "month"]).fillna(0.0)
    names = {
        "handwritten": "touch_genuine", "printed": "touch_automated", "misspelt": "touch_error",
        "proof e-mail": "touch_proof", "off-scope help": "touch_help",
    }  # fmt: skip
    first = rows["customer_id"].map(claimed["truth_customer"].groupby("customer_id")["month"].min())
    tenure = pd.get_dummies((rows["month"] - first).clip(upper=18), dtype=float)
    design = pd.concat([rows[[*names, "plain", "home run"]], tenure], axis=1)
    fit = sm.OLS(rows["affect"], design).fit(cov_type="cluster", cov_kwds={"groups": rows["customer_id"]})
    for column, name in names.items():
        claimed_truth.found(name, fit.params[column], fit.bse[column], at_most=0.03)
    assert abs(fit.params["plain"]) < 4 * fit.bse["plain"]
    p = claimed_truth.values
    rate = touches.loc[named, "name_error"].mean()
    net = (1 - rate) * p["touch_genuine"] + rate * p["touch_error"]
    print(f"misspelt {rate:.3f}, net effect of a handwritten card {net:.4f}; break-even {0.12 / 0.22:.3f}")
    assert abs(rate - p["touch_error_rate"]) < 4 * np.sqrt(0.05 * 0.95 / named.sum())


def test_the_community_lowers_tickets_by_twelve_percent(claimed: Tables, claimed_truth: Truth) -> None:
    """Right: neighbourhoods with and without, after the start, adjusted for before. Naive: before and after.

    Tickets fall anyway as seasons and failures change; before against after is off by several points.
    """
    plan = claimed["experiments"].query("experiment == 'community'")
    area = claimed["customers"][["customer_id", "neighbourhood_id"]].merge(
        plan[["customer_id", "arm", "assigned_at"]]
    )
    launch = area.groupby("neighbourhood_id")["assigned_at"].min().dt.to_period("M")
    rows = claimed["panel_month"][["customer_id", "month", "tickets", "tenure_m"]].merge(
        area, on="customer_id"
    )
    began = rows["neighbourhood_id"].map(12 * (launch.dt.year - 2023) + launch.dt.month)
    rows = rows.assign(after=rows["month"] >= began, on=rows["arm"] == "community")
    cells = (
        rows.groupby(["neighbourhood_id", "on", "month", "after"])["tickets"]
        .agg(["sum", "size"])
        .reset_index()
    )
    design = pd.get_dummies(cells["month"], dtype=float).assign(
        on=cells["on"].astype(float), effect=(cells["on"] & cells["after"]).astype(float)
    )
    fit = sm.GLM(cells["sum"], design, family=sm.families.Poisson(), offset=np.log(cells["size"])).fit(
        cov_type="cluster", cov_kwds={"groups": cells["neighbourhood_id"]}
    )
    change = np.expm1(fit.params["effect"])
    claimed_truth.found(
        "community_tickets", change, np.exp(fit.params["effect"]) * fit.bse["effect"], at_most=0.02
    )
    treated = rows[rows["on"]].groupby("after")["tickets"].mean()
    naive = treated[True] / treated[False] - 1
    print(f"before and after {naive:.3f}")
    assert abs(naive - change) > 0.02


def test_talk_follows_attachment_and_the_square_of_satisfaction(
    claimed: Tables, claimed_truth: Truth
) -> None:
    """Right: Poisson with the square, recorded or not. Naive: recorded ones only, low by log(.6) = -.51."""
    talk = claimed["mentions"]
    when = (12 * (talk["ts"].dt.year - 2023) + talk["ts"].dt.month).rename("month")
    counts = talk.assign(month=when, n=1).pivot_table(
        index=["customer_id", "month"], columns="sign", values="n", aggfunc="sum", fill_value=0
    )
    counts = counts.reset_index()
    on_record = talk[talk["recorded"]].groupby(["customer_id", when]).size().rename("on_record").reset_index()
    rows = claimed["truth_customer"][["customer_id", "month", "z", "attachment"]]
    rows = rows.merge(counts, how="left").merge(on_record, how="left").fillna(0)
    design = sm.add_constant(rows[["attachment", "z"]].assign(square=rows["z"] ** 2))
    family = sm.families.Poisson()
    good = sm.GLM(rows["positive"], design[["const", "attachment", "square"]], family=family).fit()
    bad = sm.GLM(rows["negative"], design[["const", "z", "square"]], family=family).fit()
    claimed_truth.found(
        "talk_good_attachment", good.params["attachment"], good.bse["attachment"], at_most=0.03
    )
    claimed_truth.found("talk_square", good.params["square"], good.bse["square"], at_most=0.005)
    claimed_truth.found("talk_square", bad.params["square"], bad.bse["square"], at_most=0.005)
    claimed_truth.found("talk_bad_satisfaction", bad.params["z"], bad.bse["z"], at_most=0.01)
    claimed_truth.found("talk_good", good.params["const"], good.bse["const"], at_most=0.02)
    share = rows["on_record"].sum() / (rows["positive"] + rows["negative"]).sum()
    claimed_truth.found("mention_recorded", share, np.sqrt(share * (1 - share) / len(talk)), at_most=0.003)
    assert np.log(share) < -0.48


def test_referrals_are_traced_through_the_leak(claimed: Tables, claimed_truth: Truth) -> None:
    """Right: recorded share divided by the record rate, .12. Naive: the recorded share, about .07."""
    people = claimed["customers"].merge(claimed["truth_person"][["customer_id", "referrer_id", "fit"]])
    true = people["referrer_id"].notna().mean()
    recorded = (people["channel_recorded"] == "referral").mean()
    edges = claimed["referrals"].query("converted")
    rate = edges["recorded"].mean()
    claimed_truth.found("referral_recorded", rate, np.sqrt(rate * (1 - rate) / len(edges)), at_most=0.01)
    print(f"reproduction number {true:.4f}, recorded share {recorded:.4f}, corrected {recorded / 0.6:.4f}")
    assert abs(true - 0.12) < 0.02
    assert recorded < 0.085
    assert abs(recorded / 0.6 - true) < 0.006


def test_referred_customers_are_like_their_referrers(claimed: Tables, claimed_truth: Truth) -> None:
    """Right: fit net of living online. Naive: mean satisfaction of both, whose slope is below .25."""
    people = claimed["truth_person"][["customer_id", "fit", "referrer_id"]].merge(
        claimed["customers"][["customer_id", "digital"]]
    )
    own = people["fit"] - claimed_truth.values["digital_fit"] * people["digital"]
    pairs = people.assign(own=own).dropna(subset=["referrer_id"]).astype({"referrer_id": "int64"})
    other = people.assign(own=own).set_index("customer_id").loc[pairs["referrer_id"]]
    likeness = np.corrcoef(pairs["own"], other["own"])[0, 1]
    # Those who refer fit better and vary less or more than others do: take the slope.
    slope = sm.OLS(pairs["own"].to_numpy(), sm.add_constant(other["own"].to_numpy())).fit()
    claimed_truth.found("referral_likeness", slope.params[1], slope.bse[1], at_most=0.02)
    felt = claimed["truth_customer"].groupby("customer_id")["z"].mean()
    both = pd.DataFrame(
        {"x": felt.loc[pairs["referrer_id"]].to_numpy(), "y": felt.loc[pairs["customer_id"]].to_numpy()}
    )
    naive = sm.OLS(both["y"], sm.add_constant(both["x"])).fit().params["x"]
    print(f"correlation of fit {likeness:.3f}, slope of satisfaction {naive:.3f}")
    assert naive < 0.25


def test_branch_satisfaction_tips_at_half(claimed: Tables, claimed_truth: Truth) -> None:
    """Right: a logistic curve in adoption with a level for each branch. Naive: a straight line fits worse.

    In the null world the line is the truth, and the curve gains nothing.
    """
    right, line, location, error = tipping(claimed["branch_month"])
    claimed_truth.found("adoption_gain_location", location, error, at_most=0.03)
    print(f"sum of squares: curve {right:.2f}, line {line:.2f}")
    assert line > 1.2 * right
    flat = simulate("null", size=1, seed=4545, tables=["branch_month"])["branch_month"]
    curve, straight, _, _ = tipping(flat)
    assert straight < 1.05 * curve


def tipping(rows: pd.DataFrame) -> tuple[float, float, float, float]:
    """Residual sums of squares of curve and line, and the location of the curve with its error."""
    branch = rows.groupby("branch_id")
    y = rows["sat_mean"] - branch["sat_mean"].transform("mean")
    share = rows["adoption_share"].to_numpy()

    def curve(adopted: np.ndarray, size: float, location: float, scale: float) -> np.ndarray:
        level = pd.Series(size * expit((adopted - location) / scale))
        return (level - level.groupby(rows["branch_id"].to_numpy()).transform("mean")).to_numpy()

    best, cov = curve_fit(curve, share, y, (0.5, 0.45, 0.08), bounds=([0, 0.05, 0.02], [3, 0.95, 1.0]))
    within = rows["adoption_share"] - branch["adoption_share"].transform("mean")
    straight = sm.OLS(y, within).fit()
    return (
        float(((y - curve(share, *best)) ** 2).sum()),
        float(straight.ssr),
        float(best[1]),
        float(cov[1, 1] ** 0.5),
    )
