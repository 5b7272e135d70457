"""Answers of the chapter *Does calling back detractors work?*."""

from functools import cache

import pandas as pd
import statsmodels.formula.api as smf
from scipy.stats import binom
from statsmodels.duration.survfunc import SurvfuncRight

from cxmeasure import lantern
from cxmeasure.exercises.checking import Exercise


@cache
def _cases(world: str, *, same_month: bool = False) -> pd.DataFrame:
    """Return the cases with the customer's first answer in a later month."""
    answers = lantern.load("answers", world).astype({"ltr": float}).sort_values("answered_at")
    cases = lantern.load("followups", world).merge(answers[["invitation_id", "ltr"]], on="invitation_id")
    after = cases["opened_at"].dt.to_period("M").dt.to_timestamp() + pd.offsets.MonthBegin(1)
    cases["after"] = cases["opened_at"] if same_month else after
    later = answers[["customer_id", "answered_at", "ltr"]]
    later = later.rename(columns={"answered_at": "next_at", "ltr": "next_ltr"})
    cases = pd.merge_asof(
        cases.sort_values("after"),
        later,
        left_on="after",
        right_on="next_at",
        by="customer_id",
        direction="forward",
    )
    return cases.assign(gain=cases["next_ltr"] - cases["ltr"])


def _row(cases: pd.DataFrame, formula: str, term: str) -> list[float]:
    known = cases.dropna(subset=["next_ltr"])
    fit = smf.ols(formula, known).fit(cov_type="cluster", cov_kwds={"groups": known["customer_id"]})
    low, high = fit.conf_int().loc[term]
    return [float(fit.params[term]), float(low), float(high)]


def _gain(world: str, *, called: bool = True, same_month: bool = False) -> list[float]:
    cases = _cases(world, same_month=same_month)
    return _row(cases[cases["called_back"] == called], "gain ~ 1", "Intercept")


def _same_agent(
    against: str, unit: float, *, period: str = "randomised", world: str = "claimed"
) -> list[float]:
    cases = _cases(world)
    cases = cases[cases["period"] == period]
    arm = f"C(arm, Treatment('{against}'))"
    return [x / unit for x in _row(cases, f"next_ltr ~ {arm} + ltr", f"{arm}[T.same agent]")]


def _slope() -> float:
    return float(lantern.truth()["value"].to_dict()["ltr_slope"])


def _weekly(world: str) -> tuple[pd.Series, pd.Series]:
    cases = _cases(world)
    cases = cases[cases["called_back"]]
    report = cases["opened_at"].dt.to_period("W").dt.to_timestamp() + pd.Timedelta(days=7)
    is_closed = cases["closed_at"] <= report
    hours = (cases["closed_at"].where(is_closed, report) - cases["opened_at"]).dt.total_seconds() / 3600
    return hours, is_closed


def _median(world: str) -> float:
    return float(SurvfuncRight(*_weekly(world)).quantile(0.5))


def _median_of_closed(world: str) -> float:
    hours, is_closed = _weekly(world)
    return float(hours[is_closed].median())


def _teams(world: str) -> pd.DataFrame:
    cases = _cases(world)
    cases = cases[cases["called_back"]]
    hours = (cases["closed_at"] - cases["opened_at"]).dt.total_seconds() / 3600
    in_time = hours <= 48
    teams = cases.assign(in_time=in_time).groupby("branch_id")["in_time"].agg(["size", "mean"])
    low, high = (_limit(end, teams["size"], float(in_time.mean())) for end in (0.001, 0.999))
    return teams.assign(is_outside=(teams["mean"] < low) | (teams["mean"] > high))


def _limit(end: float, size: pd.Series, share: float) -> pd.Series:
    """Return a limit of the funnel, interpolated between whole cases."""
    cases = binom.ppf(end, size, share)
    beyond = (binom.cdf(cases, size, share) - end) / binom.pmf(cases, size, share)
    return pd.Series((cases - beyond) / size, index=size.index)


def _outside(world: str) -> list[float]:
    teams = _teams(world)
    return [float(share) for share in teams.loc[teams["is_outside"], "mean"].sort_values()]


def _extreme(world: str, *, slowest: bool) -> list[float]:
    ranked, count = _teams(world)["mean"].sort_values(), len(_outside(world))
    return [float(share) for share in (ranked.head(count) if slowest else ranked.tail(count))]


EXERCISES = {
    "1": Exercise(
        answer=lambda: _gain("null"),
        tolerance=0.006,
        mistakes={
            "Those are the cases of the claimed world.": lambda: _gain("claimed"),
            "Those are the cases that nobody called.": lambda: _gain("null", called=False),
            "Some of the next answers are of the month of the case itself; take later months.": lambda: _gain(
                "null", same_month=True
            ),
        },
    ),
    "2": Exercise(
        answer=lambda: _same_agent("other agent", _slope()),
        tolerance=0.006,
        mistakes={
            "Those are points of the answer; units of k_w are asked for.": lambda: _same_agent(
                "other agent", 1.0
            ),
            "That is the same agent compared with silence.": lambda: _same_agent("none", _slope()),
            "That is the reversed world.": lambda: _same_agent("other agent", _slope(), world="reversed"),
        },
    ),
    "3": Exercise(
        answer=lambda: _median("null"),
        tolerance=0.1,
        mistakes={
            "That is the median of the closed cases; the open ones take longer.": lambda: _median_of_closed(
                "null"
            ),
            "That is the claimed world.": lambda: _median("claimed"),
        },
    ),
    "4": Exercise(
        answer=lambda: _outside("reversed"),
        tolerance=0.006,
        mistakes={
            "Those are the slowest teams; a team can be outside because it is fast.": lambda: _extreme(
                "reversed", slowest=True
            ),
            "Those are the fastest teams; the slow ones can be outside as well.": lambda: _extreme(
                "reversed", slowest=False
            ),
        },
    ),
}
