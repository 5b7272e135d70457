"""One small valid call of every public function that takes a table, and which of its columns hold what."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from cxmeasure import lifecycle, survey, touchpoints

WINGS = (survey, touchpoints, lifecycle)
KINDS = ("key", "group", "score", "number", "weight", "share", "flag", "time", "word")
"""What a column holds: who or which; a group; a 0–10 score; any number; a weight; a number of 0 or 1; true or
false; a timestamp; one of some given words."""


@dataclass(frozen=True)
class Call:
    """A function, the rows it is given, and its arguments: those that name columns, and the others.

    `fixed` are columns read under names of the function's own, `free` those that may hold any type.
    """

    function: Callable[..., Any]
    rows: pd.DataFrame
    columns: Mapping[str, str | Sequence[str]]
    choices: Mapping[str, Any] = field(default_factory=dict)
    fixed: tuple[str, ...] = ()
    free: tuple[str, ...] = ()

    @property
    def used(self) -> list[str]:
        """Return the columns that the call reads."""
        named = [[name] if isinstance(name, str) else list(name) for name in self.columns.values()]
        return list(dict.fromkeys([*(column for names in named for column in names), *self.fixed]))

    def __call__(self, table: Any, names: Mapping[str, str] | None = None, **choices: Any) -> Any:
        """Call the function on `table`, whose columns are called as `names` says."""
        new = names or {}
        columns = {
            argument: new.get(name, name) if isinstance(name, str) else [new.get(each, each) for each in name]
            for argument, name in self.columns.items()
        }
        rng = (
            {"rng": np.random.default_rng(1)} if "rng" in inspect.signature(self.function).parameters else {}
        )
        return self.function(table, **{**columns, **self.choices, **rng, **choices})


_RNG = np.random.default_rng(7)
N = 96
ANSWERS = pd.DataFrame(
    {
        "id": np.arange(N),
        "who": np.arange(N) // 3,
        "plan": _RNG.choice(["a", "b", "c"], N),
        "region": _RNG.choice(["north", "south"], N),
        "month": np.arange(N) % 8 + 1,
        "use": _RNG.integers(0, 12, N).astype(float),
        "more_use": _RNG.integers(0, 12, N).astype(float),
        "w": _RNG.integers(1, 9, N) / 4,
        "prior": _RNG.integers(0, 5, N),
        "score": _RNG.integers(0, 11, N).astype(float),
        "second": _RNG.integers(0, 11, N).astype(float),
        "third": _RNG.integers(0, 11, N).astype(float),
        "has_answered": _RNG.random(N) < 0.5,
        "failed": _RNG.random(N) < 0.5,
        "left": _RNG.random(N) < 0.5,
        "disposition": _RNG.choice(["I", "P", "R", "NC", "UH", "NE"], N),
        "sent_at": pd.Timestamp("2025-01-01"),
        "answered_at": pd.Timestamp("2025-01-01") + pd.to_timedelta(_RNG.integers(1, 900, N), unit="s"),
    }
)
ANSWERS["ltr"] = ANSWERS["score"].where(ANSWERS["has_answered"])
ANSWERS["drawn"] = ~ANSWERS["has_answered"] & (_RNG.random(N) < 0.6)
ANSWERS["again"] = ANSWERS["score"].where(ANSWERS["drawn"] & (_RNG.random(N) < 0.7))
COVARIATES = {"covariate_columns": ["plan", "region"], "responded_column": "has_answered"}

STEPS = pd.DataFrame(
    {
        "customer": np.arange(N) // 4,
        "journey": np.arange(N) // 4,
        "touchpoint": _RNG.choice(["app", "shop", "web"], N),
        "place": np.arange(N) % 4 + 1,
        "rating": _RNG.integers(-3, 4, N).astype(float),
        "remembered": np.repeat(_RNG.integers(0, 11, N // 4), 4).astype(float),
        "converted": np.repeat(_RNG.random(N // 4) < 0.5, 4),
        "before": _RNG.integers(0, 11, N).astype(float),
        "felt": _RNG.integers(0, 11, N).astype(float),
        "after": _RNG.integers(0, 11, N).astype(float),
        "days": _RNG.integers(1, 60, N).astype(float),
    }
).query("journey % 3 > 0 or place < 4", engine="python")
OPTIONS = pd.DataFrame(
    {
        "option": ["app", "shop", "web"],
        "evidence": ["experiment", "association", "association"],
        "reach": [100.0, 50.0, 70.0],
        "change": [0.2, 0.5, 0.1],
        "slope": [0.5, 0.3, 0.6],
        "value": [10.0, 10.0, 10.0],
        "cost": [20.0, 30.0, 10.0],
        "change_std_error": [0.1, 0.1, 0.05],
        "slope_std_error": [0.1, 0.1, 0.05],
    }
)

_DAYS = pd.Timestamp("2024-01-03") + pd.to_timedelta(_RNG.integers(0, 330, N), unit="D")
_SPAN = pd.to_timedelta(_RNG.integers(20, 300, N), unit="D")
STAYS = pd.DataFrame({"customer": np.arange(N), "start": _DAYS, "plan": ANSWERS["plan"]})
STAYS["end"] = (STAYS["start"] + _SPAN).where(STAYS["start"] + _SPAN < "2024-12-20")
STAYS["reason"] = pd.Series(_RNG.choice(["price", "move"], N)).where(STAYS["end"].notna())
LOG = pd.DataFrame(
    {"customer": np.arange(N) // 3, "at": _DAYS, "paid": _RNG.integers(1, 60, N).astype(float)}
).sort_values(["customer", "at"], ignore_index=True)
LOG["event"] = np.resize(["orientation", "start", "renewal", "orientation", "start", "end"], N)
EPISODES = pd.DataFrame(
    {
        "customer": np.repeat(np.arange(N // 2), 2),
        "episode": ["become", "am"] * (N // 2),
        "start": np.resize(pd.to_datetime(["2024-01-31", "2024-03-31", "2024-02-29", "2024-05-31"]), N),
        "plan": np.repeat(ANSWERS["plan"].to_numpy()[: N // 2], 2),
    }
)
_LAST = pd.Series(np.resize(pd.to_datetime(["2024-08-31", None, "2024-10-31", None, "2024-11-30"]), N // 2))
EPISODES["end"] = pd.Series(
    np.where(EPISODES["episode"] == "become", EPISODES["start"].shift(-1), np.repeat(_LAST.to_numpy(), 2))
).astype("datetime64[ns]")
MONTHS = pd.DataFrame(
    {"customer": np.arange(N), "offer": np.arange(N) % 2, "price": _RNG.integers(0, 9, N).astype(float)}
).assign(exit_next=_RNG.random(N) < 0.4)
_RATE, _LEAVES = _RNG.gamma(0.5, 1 / 4, 400), _RNG.beta(0.8, 2.4, 400)
_AT = _RNG.exponential(1, (400, 60)).cumsum(axis=1) / _RATE[:, None]
_THERE = (_AT < 39) & (np.arange(60) < _RNG.geometric(_LEAVES)[:, None])
HISTORIES = pd.DataFrame(
    {"frequency": _THERE.sum(axis=1), "recency": np.where(_THERE, _AT, 0).max(axis=1), "age": 39.0}
)

OF_EPISODES = {
    "customer_column": "customer",
    "episode_column": "episode",
    "start_column": "start",
    "end_column": "end",
    "by": ["plan"],
}
OF_STAYS = {"customer_column": "customer", "start_column": "start", "end_column": "end", "by": ["plan"]}
UNTIL = {"observed_until": "2024-12-31"}
PATH = {"customer_column": "customer", "journey_column": "journey", "order_column": "place"}

KIND_OF = {
    "key": ("id", "who", "customer", "journey", "touchpoint"),
    "group": ("plan", "region", "month", "place", "kind"),
    "score": ("ltr", "score", "again"),
    "number": (
        *("second", "third", "use", "more_use", "prior", "rating", "remembered", "before", "felt", "after"),
        *("days", "paid", "price", "frequency", "recency", "age", "seconds"),
        *("reach", "change", "slope", "value", "cost", "change_std_error", "slope_std_error"),
    ),
    "weight": ("w",),
    "share": ("offer",),
    "flag": ("has_answered", "failed", "left", "drawn", "converted", "exit_next"),
    "time": ("sent_at", "answered_at", "start", "end", "at"),
    "word": ("disposition", "event", "episode", "reason", "option", "evidence"),
}
KIND = {column: kind for kind, columns in KIND_OF.items() for column in columns}

CALLS: dict[str, Call] = {
    "metric": Call(
        survey.metric,
        ANSWERS,
        {"score_column": "ltr", "by": ["plan"], "weight_column": "w", "cluster_column": "who"},
        {"against": "a"},
    ),
    "change": Call(
        survey.change,
        ANSWERS,
        {
            "period_column": "region",
            "segment_columns": ["plan"],
            "score_column": "ltr",
            "weight_column": "w",
        },
        {"before": "north", "after": "south"},
    ),
    "control_chart": Call(survey.control_chart, ANSWERS, {"period_column": "month", "score_column": "score"}),
    "response_rates": Call(
        survey.response_rates,
        ANSWERS,
        {"disposition_column": "disposition", "by": ["plan"], "weight_column": "w"},
    ),
    "response_propensity": Call(survey.response_propensity, ANSWERS, {**COVARIATES, "weight_column": "w"}),
    "r_indicator": Call(survey.r_indicator, ANSWERS, {**COVARIATES, "weight_column": "w"}),
    "partial_r_indicators": Call(survey.partial_r_indicators, ANSWERS, COVARIATES),
    "covariate_balance": Call(survey.covariate_balance, ANSWERS, {**COVARIATES, "weight_column": "w"}),
    "tally_responses": Call(
        survey.tally_responses,
        ANSWERS,
        {
            **COVARIATES,
            "weight_column": "w",
            "id_column": "id",
            "sent_column": "sent_at",
            "answered_column": "answered_at",
        },
    ),
    "nonresponse_weights": Call(
        survey.nonresponse_weights,
        ANSWERS,
        {**COVARIATES, "score_column": "ltr", "cluster_column": "who"},
    ),
    "nps_bias": Call(
        survey.nps_bias,
        ANSWERS,
        {
            "score_column": "score",
            "responded_column": "has_answered",
            "weight_column": "w",
            "cluster_column": "who",
        },
    ),
    "worst_case_bounds": Call(
        survey.worst_case_bounds,
        ANSWERS,
        {"score_column": "ltr", "by": ["plan"], "weight_column": "w", "cluster_column": "who"},
    ),
    "sensitivity": Call(
        survey.sensitivity,
        ANSWERS,
        {"score_column": "ltr", "weight_column": "w", "cluster_column": "who"},
    ),
    "sensitivity by proxy": Call(
        survey.sensitivity,
        ANSWERS,
        {"score_column": "ltr", "proxy_column": "use", "cluster_column": "who"},
        {"metric": "mean", "method": "proxy"},
    ),
    "double_sample": Call(
        survey.double_sample,
        ANSWERS,
        {
            "responded_column": "has_answered",
            "score_column": "ltr",
            "drawn_column": "drawn",
            "follow_up_column": "again",
            "cluster_column": "who",
        },
    ),
    "wave_contrast": Call(
        survey.wave_contrast,
        ANSWERS,
        {"wave_column": "plan", "score_column": "ltr", "weight_column": "w", "cluster_column": "who"},
        {"n_invited": N},
    ),
    "response_curve": Call(
        survey.response_curve,
        ANSWERS,
        {
            "proxy_column": "use",
            "responded_column": "has_answered",
            "weight_column": "w",
            "cluster_column": "who",
        },
        {"proxy_kind": "behaviour"},
    ),
    "contact_fatigue": Call(
        survey.contact_fatigue,
        ANSWERS,
        {
            "responded_column": "has_answered",
            "arm_column": "plan",
            "prior_column": "prior",
            "customer_column": "who",
        },
    ),
    "screen": Call(
        survey.screen,
        ANSWERS,
        {
            "key_columns": ["who"],
            "sent_column": "sent_at",
            "answered_column": "answered_at",
            "duration_column": "use",
            "item_columns": ["score", "second", "third"],
            "score_column": "ltr",
            "weight_column": "w",
        },
        {"longest_run": 3},
    ),
    "scores": Call(
        touchpoints.scores,
        ANSWERS,
        {"score_column": "ltr", "by": ["plan"], "customer_column": "who"},
        {"n_draws": 50, "k": 2},
    ),
    "tally_scores": Call(
        touchpoints.tally_scores,
        ANSWERS,
        {"score_column": "ltr", "by": ["plan"], "customer_column": "who"},
    ),
    "importance": Call(
        touchpoints.importance,
        ANSWERS,
        {
            "outcome": "score",
            "drivers": ["use", "second", "third"],
            "customer_column": "who",
            "weight_column": "w",
        },
        {"n_boot": 4},
    ),
    "importance of an order": Call(
        touchpoints.importance,
        ANSWERS,
        {"outcome": "month", "drivers": ["use", "region"], "customer_column": "who"},
        {"n_boot": 2, "model": "ordinal"},
        free=("use",),
    ),
    "penalty_reward": Call(
        touchpoints.penalty_reward,
        ANSWERS,
        {"outcome": "score", "drivers": ["second", "third"], "customer_column": "who"},
    ),
    "expectation_gap": Call(
        touchpoints.expectation_gap,
        ANSWERS,
        {
            "expectation_column": "second",
            "experience_column": "third",
            "outcome": "score",
            "customer_column": "who",
        },
    ),
    "moments_of_truth": Call(
        touchpoints.moments_of_truth,
        ANSWERS,
        {
            "outcome_column": "left",
            "shortfall_column": "failed",
            "exposure_column": "w",
            "control_columns": ["use"],
            "touchpoint_column": "region",
            "customer_column": "who",
        },
        {"n_draws": 20, "n_splits": 4, "k": 2},
    ),
    "peak_end": Call(
        touchpoints.peak_end,
        STEPS,
        {"remembered_column": "remembered", "rating_column": "rating", **PATH},
    ),
    "emotion_curve": Call(
        touchpoints.emotion_curve, STEPS, {"rating_column": "rating", **PATH}, {"n_boot": 100}
    ),
    "removal_effects": Call(
        touchpoints.removal_effects,
        STEPS,
        {"touchpoint_column": "touchpoint", "converted_column": "converted", **PATH},
        {"n_boot": 4, "n_null": 4},
    ),
    "fade": Call(
        touchpoints.fade,
        STEPS.assign(days=STEPS["days"].where(STEPS["place"] > 1)),
        {"outcome_column": "felt", "days_column": "days", "customer_column": "customer"},
        {"n_boot": 100},
    ),
    "perception_gain": Call(
        touchpoints.perception_gain,
        STEPS,
        {
            "before_column": "before",
            "experience_column": "felt",
            "after_column": "after",
            "number_column": "place",
            "customer_column": "customer",
        },
    ),
    "investment_ranking": Call(
        touchpoints.investment_ranking, OPTIONS, {}, {"n_draws": 100}, tuple(OPTIONS.columns)
    ),
    "assign_episodes": Call(
        lifecycle.assign_episodes,
        LOG,
        {"customer_column": "customer", "time_column": "at", "event_column": "event"},
        UNTIL,
    ),
    "occupancy": Call(lifecycle.occupancy, EPISODES, OF_EPISODES, UNTIL),
    "transitions": Call(lifecycle.transitions, EPISODES, OF_EPISODES, UNTIL),
    "state_probabilities": Call(lifecycle.state_probabilities, EPISODES, OF_EPISODES, UNTIL),
    "time_in_episode": Call(lifecycle.time_in_episode, EPISODES, OF_EPISODES, UNTIL),
    "cumulative_incidence": Call(
        lifecycle.cumulative_incidence,
        STAYS,
        {**OF_STAYS, "reason_column": "reason"},
        {"every": "month"} | UNTIL,
    ),
    "cohort_retention": Call(lifecycle.cohort_retention, STAYS, OF_STAYS, {"cohort": "all"} | UNTIL),
    "leaving_hazard": Call(
        lifecycle.leaving_hazard,
        MONTHS,
        {
            "covariate_columns": ["offer", "price"],
            "customer_column": "customer",
            "left_column": "exit_next",
        },
    ),
    "summarise_purchases": Call(
        lifecycle.summarise_purchases,
        LOG,
        {"customer_column": "customer", "time_column": "at", "value_column": "paid"},
        UNTIL,
    ),
    "rfm_segments": Call(
        lifecycle.rfm_segments,
        LOG,
        {"customer_column": "customer", "time_column": "at", "value_column": "paid"},
        UNTIL,
    ),
    "probability_alive": Call(
        lifecycle.probability_alive,
        HISTORIES,
        {"frequency_column": "frequency", "recency_column": "recency", "age_column": "age"},
    ),
    "segment_stability": Call(
        lifecycle.segment_stability,
        ANSWERS,
        {"outcome_column": "score", "segment_column": "plan", "covariate_columns": ["use"]},
        {"n_resamples": 10, "n_permutations": 19},
        free=("use",),
    ),
}

WITHOUT_TABLE = {
    "sample_size": "plans a survey: it has no table yet",
    "projected_retention": "takes a list of counts",
    "episode_value": "takes a square matrix of moves, or what transitions returns",
}


def public() -> dict[str, Callable[..., Any]]:
    """Return every public function of the three wings by name."""
    found = {name: getattr(wing, name) for wing in WINGS for name in wing.__all__}
    return {name: thing for name, thing in found.items() if inspect.isfunction(thing)}
