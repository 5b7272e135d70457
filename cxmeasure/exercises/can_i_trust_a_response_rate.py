"""Answers of the chapter *Can I trust a 20 % response rate?*."""

from functools import cache

import numpy as np
import pandas as pd

from cxmeasure import lantern, survey
from cxmeasure.exercises.checking import Exercise

_FIRM = {"promoter": 0.25, "passive": 0.30, "detractor": 0.45}
_U = {"promoter": 0.32, "passive": 0.12, "detractor": 0.32}
_SLIDERS = {"promoter": 0.38, "passive": 0.28, "detractor": 0.34}
_LOPSIDED = {"promoter": 0.36, "passive": 0.18, "detractor": 0.24}
_ENDS = ["estimate", "conf_low", "conf_high"]


def _split(shares: dict[str, float], rates: dict[str, float]) -> dict[str, float]:
    table = survey.nps_bias(shares=shares, rates=rates).table
    return {str(term): float(value) for term, value in zip(table["term"], table["estimate"], strict=True)}


@cache
def _invited(world: str) -> pd.DataFrame:
    rows = lantern.load("invitations", world).query("kind == 'relationship'")
    answers = lantern.load("answers", world)[["invitation_id", "ltr"]]
    calls = lantern.load("followup_sample", world)[["invitation_id", "drawn", "ltr"]]
    people = lantern.load("customers", world)[["customer_id", "digital"]]
    rows = rows.merge(answers, how="left", on="invitation_id").merge(people, how="left", on="customer_id")
    calls = calls.rename(columns={"ltr": "follow_up_ltr"})
    rows = rows.merge(calls, how="left", on="invitation_id")
    rows = rows.astype({"ltr": float, "follow_up_ltr": float})
    rows = rows.assign(
        has_answered=rows["ltr"].notna(),
        drawn=rows["drawn"].eq(True),
        lives=np.where(rows["digital"], "online", "offline"),
    )
    return pd.DataFrame(rows)


def _weighted(world: str, term: str = "weighted") -> float:
    summary = survey.nonresponse_weights(
        _invited(world),
        covariate_columns=["lives"],
        method="post-stratify",
        responded_column="has_answered",
        score_column="ltr",
    ).summary.table
    return float(summary.set_index("term")["estimate"].astype(float).to_dict()[term])


def _doubled(world: str, term: str = "double sample", cluster: str | None = "customer_id") -> list[float]:
    table = survey.double_sample(_invited(world), cluster_column=cluster).table
    return [float(value) for value in table.loc[table["term"] == term, _ENDS].iloc[0]]


def _thrown_together(world: str) -> list[float]:
    rows = _invited(world)
    everybody = rows.assign(ltr=rows["ltr"].fillna(rows["follow_up_ltr"])).dropna(subset=["ltr"])
    table = survey.metric(everybody, cluster_column="customer_id").table
    return [float(value) for value in table[_ENDS].iloc[0]]


EXERCISES = {
    "1": Exercise(
        answer=lambda: _split(_FIRM, _U)["observed"],
        tolerance=0.05,
        mistakes={
            "That is the true score, of everybody.": lambda: _split(_FIRM, _U)["true"],
            "The amplification multiplies the true score; it isn't added to it.": lambda: (
                _split(_FIRM, _U)["true"] + _split(_FIRM, _U)["amplification"]
            ),
            "The score moved the wrong way: amplification moves it away from zero.": lambda: (
                _split(_FIRM, _U)["true"] / _split(_FIRM, _U)["amplification"]
            ),
        },
    ),
    "2": Exercise(
        answer=lambda: [_split(_SLIDERS, _LOPSIDED)[term] for term in ("tilt", "observed")],
        tolerance=0.05,
        mistakes={
            "The tilt is right; the true score must be amplified before the tilt is added.": lambda: [
                _split(_SLIDERS, _LOPSIDED)["tilt"],
                _split(_SLIDERS, _LOPSIDED)["true"] + _split(_SLIDERS, _LOPSIDED)["tilt"],
            ],
            "The first number is the bias; the tilt is a little less.": lambda: [
                _split(_SLIDERS, _LOPSIDED)["bias"],
                _split(_SLIDERS, _LOPSIDED)["observed"],
            ],
        },
    ),
    "3": Exercise(
        answer=lambda: _weighted("null"),
        tolerance=0.05,
        mistakes={
            "That is the score without weights.": lambda: _weighted("null", "unweighted"),
            "That is the world *tilted*.": lambda: _weighted("tilted"),
        },
    ),
    "4": Exercise(
        answer=lambda: _doubled("claimed"),
        tolerance=0.05,
        mistakes={
            "The estimate is right; the interval takes each invitation for another customer.": lambda: (
                _doubled("claimed", cluster=None)
            ),
            "The calls are thrown in with the answers; each of them stands for many silent ones.": lambda: (
                _thrown_together("claimed")
            ),
            "That is the score of the respondents alone.": lambda: _doubled("claimed", "respondents"),
            "That is the world *tilted*.": lambda: _doubled("tilted"),
        },
    ),
}
