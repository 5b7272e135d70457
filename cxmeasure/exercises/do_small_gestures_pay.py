"""Answers of the chapter *Do small gestures pay?*."""

from functools import cache

import numpy as np
import pandas as pd
import statsmodels.formula.api as smf

from cxmeasure import lantern
from cxmeasure.exercises.checking import Exercise

_MOOD, _DAYS = 1.2, 75
_CARDS, _CARD_COST, _GIFT_COST = 12, 1.30, 48.0


def _truth(name: str, world: str = "claimed") -> float:
    return float(lantern.truth(world)["value"].to_dict()[name])


def _left() -> list[float]:
    half_life = _truth("affect_half_life")
    return [float(_MOOD * 2 ** (-_DAYS / half_life)), float(_MOOD * half_life / np.log(2))]


def _turns(kinds: tuple[str, ...] = ("touch_genuine", "touch_automated")) -> list[float]:
    harm = -_truth("touch_error")
    return [_truth(kind) / (_truth(kind) + harm) for kind in kinds]


@cache
def _first_year(world: str, *, days: int = 365) -> pd.DataFrame:
    answers = lantern.load("answers", world).dropna(subset=["ltr"]).astype({"ltr": float})
    drawn = lantern.load("experiments", world).query("experiment == 'proof e-mail'")
    rows: pd.DataFrame = answers.merge(drawn[["customer_id", "arm", "assigned_at"]], on="customer_id")
    since = (rows["answered_at"] - pd.to_datetime(rows["assigned_at"])).dt.days
    rows = rows.assign(touched=rows["arm"].ne("control") * 1.0)
    return rows.loc[since.between(0, days - 1)]


def _gain(world: str, *, days: int = 365, is_clustered: bool = True) -> list[float]:
    rows = _first_year(world, days=days)
    model = smf.ols("ltr ~ touched", rows)
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": rows["customer_id"]})
    if not is_clustered:
        fit = model.fit()
    low, high = fit.conf_int().loc["touched"]
    return [float(fit.params["touched"]), float(low), float(high)]


def _cards_over_gift(world: str, *, is_by_euro: bool = True, is_adapting: bool = True) -> float:
    tiring = _truth("adaptation", world) if is_adapting else 0.0
    cards = _truth("touch_genuine", world) * float(np.exp(-tiring * np.arange(_CARDS)).sum())
    price = _GIFT_COST / (_CARDS * _CARD_COST) if is_by_euro else 1.0
    return cards / _truth("touch_home_run", world) * price


def _both(*, is_by_euro: bool = True, is_adapting: bool = True) -> list[float]:
    return [
        _cards_over_gift(world, is_by_euro=is_by_euro, is_adapting=is_adapting)
        for world in ("claimed", "reversed")
    ]


EXERCISES = {
    "1": Exercise(
        answer=_left,
        tolerance=0.01,
        mistakes={
            "The area goes on after the half-life: divide by the natural logarithm of 2.": lambda: [
                _left()[0],
                _MOOD * _truth("affect_half_life"),
            ],
            "An effect that halves does not fall in a straight line.": lambda: [0.0, _left()[1]],
        },
    ),
    "2": Exercise(
        answer=_turns,
        tolerance=0.006,
        mistakes={
            "That is the share of right names; the share of errors is asked for.": lambda: [
                1 - share for share in _turns()
            ],
            "That is gain over harm; divide by their sum.": lambda: [
                _truth(kind) / -_truth("touch_error") for kind in ("touch_genuine", "touch_automated")
            ],
        },
    ),
    "3": Exercise(
        answer=lambda: _gain("null"),
        tolerance=0.006,
        mistakes={
            "That is the claimed world.": lambda: _gain("claimed"),
            "The estimate is right; a customer may answer several times, so the interval is wider.": lambda: (
                _gain("null", is_clustered=False)
            ),
            "That is the first quarter; the first year is asked for.": lambda: _gain("null", days=90),
        },
    ),
    "4": Exercise(
        answer=_both,
        tolerance=0.02,
        mistakes={
            "That leaves the cost out: divide each effect by what it costs.": lambda: _both(is_by_euro=False),
            "In the reversed world later cards count less.": lambda: _both(is_adapting=False),
        },
    ),
}
