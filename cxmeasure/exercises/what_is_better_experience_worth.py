"""Answers of the chapter *What is better experience worth?*."""

from functools import cache

import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
from scipy.stats import t
from statsmodels.stats.meta_analysis import combine_effects

from cxmeasure import lantern, lifecycle, survey, touchpoints
from cxmeasure.exercises.checking import Exercise

_REACH = {
    "welcome": 10_000,
    "proof e-mail": 10_000,
    "name card": 10_000,
    "home run": 1_000,
    "off-scope help": 1_000,
    "community": 10_000,
    "plan advice": 2_000,
}


def _size(share: float, *, power: float = 0.8) -> float:
    table = survey.sample_size(metric="share", difference=0.01, share=share, power=power).table
    return float(table["estimate"].to_numpy(float)[0])


@cache
def _kept(margin: float) -> tuple[float, float]:
    """Return what a customer between renewals brings from now on, and its standard error."""
    panel = lantern.load("panel_month")
    states = ["between renewals", "up for renewal"]
    state = panel["renewal_month"].map({True: states[1], False: states[0]})
    following = state.groupby(panel["customer_id"]).shift(-1).where(~panel["exit_next"], "left")
    moves = pd.crosstab(state, following).reindex(columns=[*states, "left"])
    moves.loc["left"] = [0, 0, 1]
    reward = dict.fromkeys(states, margin * panel["spend"].mean())
    worth = lifecycle.episode_value(moves, reward=reward, discount_per_period=0.01, leaving=["left"]).table
    row = worth[(worth["term"] == "value") & (worth["episode"] == states[0])]
    return float(row["estimate"].iloc[0]), float(row["std_error"].iloc[0])


@cache
def _costs() -> dict[str, float]:
    price = lantern.load("costs").set_index("name")
    unit, fixed = price["unit_cost"].to_dict(), price["fixed_cost"].to_dict()
    units = {
        "welcome": (10_000, "Welcome call"),
        "proof e-mail": (120_000, "Proof-of-route e-mail"),
        "name card": (60_000, "Handwritten name card"),
        "off-scope help": (1_000, "Care-agent hour"),
        "community": (12, "Community moderator"),
        "plan advice": (2_000 / 3, "Care-agent hour"),
    }
    found = {option: count * unit[name] + fixed[name] for option, (count, name) in units.items()}
    found["home run"] = 1_000 * float(lantern.load("touches").query("kind == 'home run'")["cost"].mean())
    return {option: float(found[option]) for option in _REACH}


def _needed(margin: float) -> float:
    return _costs()["name card"] / (_REACH["name card"] * _kept(margin)[0])


def _ends(letter: str, performance: str, *, is_next: bool = True) -> list[float]:
    firms = lantern.load("firms120")
    index = firms.filter(regex=f"_{letter}$").mean(axis=1)
    parts = [part.index for _, part in firms.groupby("sector")]
    z = np.array([np.arctanh(index[rows].corr(firms.loc[rows, performance])) for rows in parts])
    fit = combine_effects(z, np.array([1 / (len(rows) - 3) for rows in parts]), method_re="iterated")
    error = fit.sd_eff_w_re
    spread = t.ppf(0.975, len(parts) - 2) * np.sqrt(max(fit.tau2, 0) + error**2) if is_next else 1.96 * error
    return [float(np.tanh(fit.mean_effect_re + side * spread)) for side in (-1, 1)]


def _tests(world: str) -> pd.DataFrame:
    exits = lantern.load("exits", world).rename(columns={"date": "left_at"})
    rows = lantern.load("experiments", world).merge(exits, on="customer_id", how="left")
    rows = rows[rows["assigned_at"] < "2025-01-01"]
    days = (rows["left_at"] - rows["assigned_at"]).dt.days
    rows = rows.assign(gone=days.between(0, 365) * 1.0, area=(rows["customer_id"] - 1) // 100)
    found = {}
    for option in _REACH:
        is_card = option == "name card"
        arms = ("handwritten, name", "printed, no name") if is_card else (option, "control")
        test = rows[(rows["experiment"] == option) & rows["arm"].isin(arms)]
        test = test.assign(treated=(test["arm"] == arms[0]) * 1.0)
        unit = test["area"] if option == "community" else test["customer_id"]
        fit = smf.ols("gone ~ treated", test).fit(cov_type="cluster", cov_kwds={"groups": unit})
        found[option] = {"change": -fit.params["treated"], "change_std_error": fit.bse["treated"]}
    return pd.DataFrame(found).T


@cache
def _knowing(world: str, term: str = "value of perfect information") -> float:
    value, error = _kept(0.40)
    tests = _tests(world)
    none = pd.DataFrame(0.0, index=tests.index, columns=tests.index)
    options = tests.assign(
        evidence="experiment", reach=pd.Series(_REACH, dtype=float), slope=1.0, value=value,
        value_std_error=error, cost=pd.Series(_costs()),
    )  # fmt: skip
    ranking = touchpoints.investment_ranking(
        options.rename_axis("option").reset_index(),
        errors=["change", "value"],
        slope_covariance=none,
        rng=np.random.default_rng(18),
    )
    return float(ranking.details["choice"].set_index("term")["estimate"].to_dict()[term])


EXERCISES = {
    "1": Exercise(
        answer=lambda: _size(0.055),
        tolerance=6,
        mistakes={
            "That is both arms together; one arm is asked for.": lambda: 2 * _size(0.055),
            "That takes one half for the share; leaving is much rarer.": lambda: _size(0.5),
            "That is for a power of one half.": lambda: _size(0.055, power=0.5),
        },
    ),
    "2": Exercise(
        answer=lambda: _needed(0.60),
        tolerance=0.0003,
        mistakes={
            "That is at a margin of 40 %.": lambda: _needed(0.40),
            "That counts all revenue as margin.": lambda: _needed(1.0),
        },
    ),
    "3": Exercise(
        answer=lambda: _ends("a", "performance_self"),
        tolerance=0.006,
        mistakes={
            "That is the interval of the mean of the sectors, not of the next one.": lambda: _ends(
                "a", "performance_self", is_next=False
            ),
            "Those are the informants' practices and the ledger.": lambda: _ends("b", "performance_ledger"),
        },
    ),
    "4": Exercise(
        answer=lambda: _knowing("null"),
        tolerance=100,
        mistakes={
            "That is the claimed world.": lambda: _knowing("claimed"),
            "That is the return of the best choice.": lambda: _knowing("null", "best choice"),
        },
    ),
}
