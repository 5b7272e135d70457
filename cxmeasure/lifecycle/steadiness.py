"""Whether segments are there again in another sample, and tell anything, or are decoration."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from cxmeasure import _arguments
from cxmeasure._stats import intervals, resample
from cxmeasure._stats.agreement import Codes, Trial, adjusted_rand, codes_of
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import ArgumentError, EstimationError
from cxmeasure.lifecycle.reduce.labelled import labelled_customers
from cxmeasure.results import Estimates

Assign = Callable[[pd.DataFrame, pd.DataFrame], Any]
POOR: Final = 0.65
_FOLDS: Final = 5
_FEWEST: Final = 20
_ROUNDING: Final = 1e-9


def segment_stability(
    customers: Any,
    *,
    outcome_column: str,
    segment_column: str | None = None,
    again_column: str | None = None,
    assign: Assign | None = None,
    feature_columns: Sequence[str] = (),
    covariate_columns: Sequence[str] = (),
    n_resamples: int = 100,
    n_permutations: int = 199,
    rng: np.random.Generator | None = None,
    conf_level: float = 0.95,
) -> Estimates:
    """Estimate how steady segments are, and how much of an outcome they tell that was not seen.

    Parameters
    ----------
    customers : frame or str
        One row a customer. Only the columns asked for are read, all rows of them.
    outcome_column : str
        What matters, known only after the segments: left or not, spent, satisfied. Numbers or flags.
    segment_column : str, optional
        The segment, where it is given: made by somebody, or by `rfm_segments`.
    again_column : str, optional
        The segment of the same customers a second time: a later month, another analyst.
    assign : callable, optional
        How segments are made, instead of `segment_column`: ``assign(train, rows)`` learns from the frame
        `train` and returns a segment for each row of the frame `rows`. Both hold `feature_columns`.
    feature_columns : sequence of str
        What `assign` makes segments from, as numbers or flags; not the outcome.
    covariate_columns : sequence of str
        Plain facts, numbers or text, beside which the segments have to tell something more.
    n_resamples, n_permutations : int
        Resamples of customers for the steadiness; shufflings of the labels for the null.
    rng : numpy.random.Generator, optional
        Randomness of resamples, shufflings and folds; by default fresh.
    conf_level : float
        Level of the intervals, in 0–1.

    Returns
    -------
    Estimates
        Three terms. ``steadiness``: adjusted Rand index between the segments and those made again, from
        resamples (`assign`) or another time (`again_column`); missing where nothing could be made again.
        ``gain``: the share of the outcome's scatter that the segments predict in customers held out, with
        the p-value against shuffled labels; and with covariates ``gain_beyond_covariates``. ``note`` is
        the verdict: predicts, hardly predicts (beats the shuffled, but the interval reaches zero), or
        decoration. ``details["shuffled"]``: mean, and upper end, of the gains of labels that know nothing;
        ``details["segments"]``: size and mean outcome of each.

    Raises
    ------
    ArgumentError
        If both or neither of `segment_column` and `assign` are given, or another choice cannot be used.
    TableError, DataError
        If a column is missing, of the wrong type, or has missing values.
    EstimationError
        If there are too few customers, one segment only, or an outcome that does not vary.

    Notes
    -----
    Beside covariates it is not labels but what the covariates leave of the outcome that is shuffled
    (Freedman & Lane 1983); without, that is the same.

    Of resamples the interval is their middle `conf_level`, the spread of one making to the next; the
    others are Wald's. Labels that know nothing gain a little less than zero, the price of a mean for each. A
    segmentation that gains no more than shuffled labels is decoration, however steady: one can cut
    customers by the first letter of their name and find the same groups for ever.

    References
    ----------
    Hubert & Arabie (1985), Journal of Classification 2:193–218, doi:10.1007/BF01908075;
    Dolnicar & Leisch (2010), Marketing Letters 21:83–101, doi:10.1007/s11002-009-9083-4 (resamples);
    Steinley (2004), Psychological Methods 9:386–396, doi:10.1037/1082-989X.9.3.386 (below .65 is poor);
    Freedman & Lane (1983), Journal of Business & Economic Statistics 1:292–298,
    doi:10.1080/07350015.1983.10509354;
    Ojala & Garriga (2010), Journal of Machine Learning Research 11:1833–1863 (no DOI; shuffled labels).

    Examples
    --------
    Two labels of 400 customers: the plan moves what they spend, the letter of their name does not.

    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> customers = pd.DataFrame({"plan": ["basic", "full"] * 200, "letter": list("AABB") * 100})
    >>> customers["spent"] = (customers["plan"] == "full") * 2 + rng.normal(size=400)
    >>> for label in ("plan", "letter"):
    ...     result = segment_stability(
    ...         customers, outcome_column="spent", segment_column=label, rng=np.random.default_rng(1)
    ...     )
    ...     print(result.table.loc[1, "note"], "·", result.table["estimate"].round(1)[1])
    predicts · 0.6
    decoration: tells no more than shuffled labels · -0.0
    """
    conf_level = _arguments.share(conf_level, name="conf_level")
    n_resamples = _arguments.whole(n_resamples, name="n_resamples", at_least=10)
    n_permutations = _arguments.whole(n_permutations, name="n_permutations", at_least=19)
    rng = _generator(rng)
    columns = _columns(
        outcome_column, segment_column, again_column, assign, feature_columns, covariate_columns
    )
    read = labelled_customers(customers, columns)
    outcome = read["outcome"].iloc[:, 0].to_numpy(dtype=float)
    if len(outcome) < _FEWEST:
        raise EstimationError(
            f"{len(outcome)} customers are too few to hold some out; give {_FEWEST} or more."
        )
    if np.ptp(outcome) == 0:
        raise EstimationError(f"All customers have the same {outcome_column!r}; there is nothing to predict.")
    features = read["features"]
    labels = read["segment"].iloc[:, 0] if assign is None else _made(assign, features, features)
    codes = codes_of(labels)
    if codes.max() == 0:
        raise EstimationError("All customers are in one segment; there is nothing to tell apart.")
    if assign is not None:
        steady = _made_again(assign, features, codes, n_resamples, rng, conf_level)
    else:
        steady = _said_again(codes, read["again"], n_resamples, rng, conf_level)
    rows, shuffled = [steady], []
    fold = rng.permutation(len(outcome)) % _FOLDS
    for term, covariates in _sets_of(read["covariates"]).items():
        trial = Trial(outcome, covariates, fold.astype(np.int64))
        null = trial.shuffled(codes, n_permutations, rng)
        rows.append({"term": term} | _gained(trial.held_out(codes).gain(), null, conf_level))
        shuffled.append({"term": term, "mean": null.mean(), "upper": np.quantile(null, conf_level)})
    segments = pd.DataFrame({"segment": np.asarray(labels, dtype=str), "outcome": outcome})
    return Estimates(
        table=pd.DataFrame(rows).assign(n=len(outcome)),
        estimand="How alike segments are when made again, and the share of the scatter of "
        f"{outcome_column!r} that they tell of customers not seen",
        method="Adjusted Rand index (Hubert & Arabie 1985, doi:10.1007/BF01908075); gain held out in five "
        "folds, against shuffled labels (Ojala & Garriga 2010)",
        assumptions=(
            "Customers are independent of one another.",
            "The outcome came after all that the segments were made from.",
            "Covariates and segments add up; what they do together is not counted.",
        ),
        conf_level=conf_level,
        details={"shuffled": pd.DataFrame(shuffled), "segments": _profile(segments, conf_level)},
    )


def _columns(
    outcome: str,
    segment: str | None,
    again: str | None,
    assign: Assign | None,
    features: Sequence[str],
    covariates: Sequence[str],
) -> dict[str, Sequence[str]]:
    if (segment is None) == (assign is None):
        raise ArgumentError(
            "Give segment_column=, where the segments are in the table, or assign=, how they are made: "
            f"one of the two; received segment_column={segment!r} and assign={assign!r}."
        )
    if assign is not None and (again is not None or not features):
        raise ArgumentError(
            "assign= makes segments from feature_columns=, again and again: give at least one of these, and "
            "no again_column=."
        )
    return {
        "outcome": [outcome],
        "segment": [] if segment is None else [segment],
        "again": [] if again is None else [again],
        "features": _arguments.names(features, name="feature_columns"),
        "covariates": _arguments.names(covariates, name="covariate_columns"),
    }


def _made(assign: Assign, train: pd.DataFrame, rows: pd.DataFrame) -> Sequence[object]:
    labels = np.asarray(assign(train.copy(), rows.copy()))
    if labels.shape != (len(rows),):
        raise ArgumentError(
            f"assign= returned an array of shape {labels.shape} for {len(rows):,} rows; it must return one "
            "segment a row."
        )
    return list(labels)


def _made_again(
    assign: Assign, features: pd.DataFrame, codes: Codes, n: int, rng: np.random.Generator, conf_level: float
) -> dict[str, Any]:
    size = len(features)
    found = np.array(
        [
            adjusted_rand(
                codes, codes_of(_made(assign, features.iloc[rng.integers(0, size, size)], features))
            )
            for _ in range(n)
        ]
    )
    low, high = resample.percentile(found[:, None], conf_level)
    return _steady(found.mean(), found.std(ddof=1), float(low[0]), float(high[0]))


def _said_again(
    codes: Codes, again: pd.DataFrame, n: int, rng: np.random.Generator, conf_level: float
) -> dict[str, Any]:
    if again.empty:
        nothing = "labels as given: nothing to make again"
        return {"term": "steadiness", "unit": "adjusted Rand", "note": nothing}
    other, size = codes_of(again.iloc[:, 0].tolist()), len(codes)
    draws = rng.integers(0, size, (n, size))
    found = np.array([adjusted_rand(codes[draw], other[draw]) for draw in draws])
    error, z = found.std(ddof=1), intervals.z_value(conf_level)
    at = adjusted_rand(codes, other)
    return _steady(at, error, at - z * error, at + z * error)


def _steady(at: float, error: float, low: float, high: float) -> dict[str, Any]:
    note = f"unsteady: below {POOR}" if at < POOR else "steady"
    return {
        "term": "steadiness",
        "estimate": at,
        "std_error": error,
        "conf_low": low,
        "conf_high": high,
        "unit": "adjusted Rand",
        "note": note,
    }


def _gained(gain: tuple[float, float], null: Floats, conf_level: float) -> dict[str, Any]:
    at, error = gain
    z = intervals.z_value(conf_level)
    # A label that follows from the covariates gains exactly nothing, but for rounding, shuffled or not.
    p_value = (1 + int((null >= at - _ROUNDING).sum())) / (1 + len(null))
    is_decoration = p_value > 1 - conf_level or at <= _ROUNDING
    note = "predicts" if at > z * error else "hardly predicts: more than shuffled labels, by next to nothing"
    return {
        "estimate": at,
        "std_error": error,
        "p_value": p_value,
        "conf_low": at - z * error,
        "conf_high": at + z * error,
        "unit": "share",
        "note": "decoration: tells no more than shuffled labels" if is_decoration else note,
    }


def _sets_of(covariates: pd.DataFrame) -> dict[str, Floats]:
    """Return the covariates beside which the segments are tried: none, then all as numbers."""
    sets = {"gain": np.empty((len(covariates), 0))}
    if covariates.shape[1]:
        numbers = pd.get_dummies(covariates, drop_first=True, dtype=float)
        sets["gain_beyond_covariates"] = numbers.to_numpy(dtype=float)
    return sets


def _profile(segments: pd.DataFrame, conf_level: float) -> pd.DataFrame:
    """Return each segment's size and mean outcome, with Wald's interval."""
    each = segments.groupby("segment")["outcome"].agg(["size", "mean", "sem"]).reset_index()
    reach = intervals.z_value(conf_level) * each["sem"]
    each = each.assign(conf_low=each["mean"] - reach, conf_high=each["mean"] + reach).drop(columns="sem")
    return each.rename(columns={"size": "n", "mean": "outcome_mean"})


def _generator(rng: np.random.Generator | None) -> np.random.Generator:
    if rng is not None and not isinstance(rng, np.random.Generator):
        raise ArgumentError(f"rng={rng!r} is no generator; give np.random.default_rng(2026), or nothing.")
    return np.random.default_rng() if rng is None else rng
