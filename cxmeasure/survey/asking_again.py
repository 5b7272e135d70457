"""What do those say who did not answer at first? Double sampling, and the late as a stand-in."""

from typing import Any

import numpy as np
import pandas as pd

from cxmeasure import _arguments
from cxmeasure._stats import intervals
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import ArgumentError
from cxmeasure.results import Estimates
from cxmeasure.survey.moments import Definition, defined
from cxmeasure.survey.reduce import PARTS, tally_followups
from cxmeasure.survey.scoring import metric as score_of

_EDGES = {"net share": (-1.0, 1.0), "share": (0.0, 1.0)}


def double_sample(
    invitations: Any,
    *,
    responded_column: str = "has_answered",
    score_column: str = "ltr",
    drawn_column: str = "drawn",
    follow_up_column: str = "follow_up_ltr",
    cluster_column: str | None = None,
    metric: str = "nps",
    scale: tuple[float, float] | None = None,
    threshold: float | None = None,
    conf_level: float = 0.95,
) -> Estimates:
    """Estimate the score of everybody invited from respondents and a random sample of the silent.

    Parameters
    ----------
    invitations : frame or str
        One row an invitation.
    responded_column, score_column : str
        Whether it was answered, and the score then.
    drawn_column, follow_up_column : str
        Whether a silent one was drawn at random for the follow-up, and the score given there: missing where
        the person was not reached.
    cluster_column : str, optional
        The customer, where one was invited several times.
    metric, scale, threshold
        As in `metric`; a mean needs a `scale` with two ends.
    conf_level : float
        Level of the intervals, in 0–1.

    Returns
    -------
    Estimates
        The terms ``respondents`` (the naive score), ``double sample`` (those reached speak for all the
        silent), and ``lowest`` and ``highest`` (those drawn but never reached gave the worst, or the best,
        score). Besides the usual columns ``response_rate`` and ``reach``.

    Raises
    ------
    ArgumentError, TableError, DataError
        If a respondent was drawn, a follow-up score was given by somebody not drawn, or nobody was reached.

    Notes
    -----
    Hansen & Hurwitz's estimator, w₁ȳ₁ + w₂ȳ₂, with the variance of two phases, linearised over customers.
    ``double sample`` is unbiased if being reached has nothing to do with the score. If it has, the
    truth lies between ``lowest`` and ``highest``, and nothing narrower is known.

    References
    ----------
    Hansen & Hurwitz (1946), Journal of the American Statistical Association 41:517–529,
    doi:10.1080/01621459.1946.10501894.

    Examples
    --------
    By hand: 100 answered with +50, 100 did not; 20 of those were called and said −50 on balance: 0.

    >>> import numpy as np
    >>> import pandas as pd
    >>> sent = pd.DataFrame({
    ...     "has_answered": [True] * 100 + [False] * 100,
    ...     "ltr": [10.0] * 75 + [3.0] * 25 + [np.nan] * 100,
    ...     "drawn": [False] * 100 + [True] * 20 + [False] * 80,
    ...     "follow_up_ltr": [np.nan] * 100 + [10.0] * 5 + [3.0] * 15 + [np.nan] * 80,
    ... })
    >>> double_sample(sent).table[["term", "estimate", "std_error"]].head(2).round(2)
                term  estimate  std_error
    0    respondents      50.0       8.70
    1  double sample       0.0      11.47
    """
    definition = defined(metric, scale, threshold)
    conf_level = _arguments.share(conf_level, name="conf_level")
    coding = definition.coding
    ends = _EDGES.get(definition.family, (coding.low, coding.high))
    if not (ends[0] > -1e300 and ends[1] < 1e300):
        raise ArgumentError(f"metric={metric!r} has no worst answer without scale=(lowest, highest).")
    sums, products, _, customers = tally_followups(
        invitations,
        coding,
        responded_column=responded_column,
        score_column=score_column,
        drawn_column=drawn_column,
        follow_up_column=follow_up_column,
        cluster_column=cluster_column,
    )
    gram = products.to_numpy()
    found = [_respondents(sums, gram)]
    found += [_two_phases(sums, gram, end) for end in (None, *ends)]
    estimates, errors = np.array(found).T
    # The smaller of the two samples decides how far a variance over n, not n − 1, falls short.
    fewest = min(float(customers), float(sums["reached"]) if sums["n2"] else float(customers))
    sizes = np.array([float(sums["n1"]), fewest, fewest, fewest])
    errors = errors * np.sqrt(np.where(sizes > 1, sizes / np.maximum(sizes - 1, 1), np.nan))
    half = intervals.z_value(conf_level) * errors
    silent, drawn = float(sums["n2"]), float(sums["drawn"])
    table = pd.DataFrame(
        {
            "term": ["respondents", "double sample", "lowest", "highest"],
            "n": [int(sums["n1"]), *[int(sums["n1"] + sums["reached"])] * 3],
            "estimate": estimates * definition.factor,
            "std_error": errors * definition.factor,
            "conf_low": np.maximum(estimates - half, ends[0]) * definition.factor,
            "conf_high": np.minimum(estimates + half, ends[1]) * definition.factor,
            "unit": definition.unit,
            "note": [
                "of those who answered only",
                _few(sums),
                *["those not reached at their worst or best"] * 2,
            ],
            "response_rate": sums["n1"] / (sums["n1"] + silent),
            "reach": sums["reached"] / drawn if drawn else np.nan,
        }
    )
    return Estimates(
        table=table,
        estimand=f"{definition.label} of everybody invited",
        method="Double sampling (Hansen & Hurwitz 1946), linearised over "
        + ("customers" if cluster_column is not None else "invitations"),
        assumptions=(
            "Those drawn are a random sample of the invitations that were not answered.",
            "For 'double sample': whether somebody drawn is reached has nothing to do with the score.",
            "A score given at the follow-up is the one that would have been given at first.",
        ),
        conf_level=conf_level,
    )


def _few(sums: pd.Series) -> str:
    return "fewer than 30 reached" if sums["reached"] < 30 else ""


def _error(weights: dict[str, float], gram: Floats) -> float:
    """Return the root of Σ (Σ weight × part)² over customers."""
    vector = np.array([weights.get(part, 0.0) for part in PARTS])
    return float(np.sqrt(max(vector @ gram @ vector, 0.0)))


def _respondents(sums: pd.Series, gram: Floats) -> tuple[float, float]:
    mean = sums["f1"] / sums["n1"]
    return mean, _error({"f1": 1.0, "n1": -mean}, gram) / sums["n1"]


def _two_phases(sums: pd.Series, gram: Floats, end: float | None) -> tuple[float, float]:
    """Return estimate and error with those not reached left out, or all at `end`."""
    n1, n2 = sums["n1"], sums["n2"]
    total = n1 + n2
    if end is None:
        size, unseen, of_size = sums["reached"], sums["f2"], "reached"
    else:
        size, unseen, of_size = sums["drawn"], sums["f2"] + end * (sums["drawn"] - sums["reached"]), "drawn"
    mean = unseen / size if size else 0.0
    estimate = (sums["f1"] + n2 * mean) / total
    blow_up = n2 / size if size else 0.0
    weights = {"f1": 1.0, "n1": -estimate, "n2": mean - estimate, "f2": blow_up, of_size: -blow_up * mean}
    if end is not None:
        weights["drawn"] = blow_up * (end - mean)
        weights["reached"] = -blow_up * end
    return estimate, _error(weights, gram) / total


def wave_contrast(
    answers: Any,
    *,
    wave_column: str,
    score_column: str = "ltr",
    metric: str = "nps",
    n_invited: int | None = None,
    weight_column: str | None = None,
    cluster_column: str | None = None,
    scale: tuple[float, float] | None = None,
    threshold: float | None = None,
    conf_level: float = 0.95,
) -> Estimates:
    """Compare early and late answers, and say what follows if the silent are like the latest.

    Parameters
    ----------
    answers : frame or str
        One row an answer.
    wave_column : str
        The wave in which it came, in sorting order: 1 before the reminder, 2 after it.
    score_column, metric, weight_column, cluster_column, scale, threshold, conf_level
        As in `metric`.
    n_invited : int, optional
        How many were invited: adds the term ``everybody, if the silent are like the last wave``.

    Returns
    -------
    Estimates
        A row a wave, the term the metric; then the difference of each from the first; then, with
        `n_invited`, the extrapolation.

    Raises
    ------
    ArgumentError, TableError, DataError
        If there is one wave only, or fewer invited than answered, or as in `metric`.

    Notes
    -----
    The extrapolation is Armstrong & Overton's last-wave method. It moves the score in the right direction at
    best: the late are people who answered. Where who answers depends on the score itself it closes a part of
    the gap, and nobody can say which.

    References
    ----------
    Armstrong & Overton (1977), Journal of Marketing Research 14:396–402, doi:10.1177/002224377701400320.

    Examples
    --------
    By hand: 60 answers with +50, then 40 with 0, and 100 silent ones like those: (60 × 50 + 140 × 0)/200.

    >>> import pandas as pd
    >>> answers = pd.DataFrame({
    ...     "wave": [1] * 60 + [2] * 40,
    ...     "ltr": [10] * 45 + [3] * 15 + [10] * 20 + [3] * 20,
    ... })
    >>> wave_contrast(answers, wave_column="wave", n_invited=200).table["estimate"].tolist()
    [50.0, 0.0, -50.0, 15.0]
    """
    definition = defined(metric, scale, threshold)
    choices: dict[str, Any] = {"score_column": score_column, "metric": metric, "by": [wave_column]}
    choices |= {"weight_column": weight_column, "cluster_column": cluster_column, "scale": scale}
    choices |= {"threshold": threshold, "conf_level": conf_level}
    waves = score_of(answers, **choices).table
    if len(waves) < 2:
        raise ArgumentError(
            f"{wave_column!r} has one wave only; a contrast needs two, such as before and after a reminder."
        )
    table = score_of(answers, **choices, against=waves[wave_column].iloc[0]).table
    if n_invited is not None:
        row = _extrapolated(
            waves, definition, _arguments.whole(n_invited, name="n_invited", at_least=1), conf_level
        )
        table = pd.concat([table, row], ignore_index=True)
    return Estimates(
        table=table,
        estimand=f"{definition.label} of those who answered, by wave",
        method="Differences with Newcombe's interval; last wave for the silent (Armstrong & Overton 1977)",
        assumptions=(
            "The extrapolation takes the silent for people like the last who answered; they did not answer.",
            "The answers of different waves are independent of one another.",
        ),
        conf_level=conf_level,
    )


def _extrapolated(
    waves: pd.DataFrame, definition: Definition, n_invited: int, conf_level: float
) -> pd.DataFrame:
    n, last = waves["n"].to_numpy(float), len(waves) - 1
    if n_invited < n.sum():
        raise ArgumentError(
            f"n_invited={n_invited:,} is less than the {n.sum():,.0f} who answered; count everybody invited."
        )
    share = n / n_invited
    share[last] += 1 - n.sum() / n_invited
    estimate = float(share @ waves["estimate"])
    spread = share @ (waves["estimate"] - estimate) ** 2 / n_invited
    error = float(np.sqrt(share**2 @ waves["std_error"] ** 2 + spread))
    half = intervals.z_value(conf_level) * error
    return pd.DataFrame(
        {
            waves.columns[0]: pd.Series([None], dtype=object),
            "term": "everybody, if the silent are like the last wave",
            "n": int(n.sum()),
            "estimate": estimate,
            "std_error": error,
            "conf_low": estimate - half,
            "conf_high": estimate + half,
            "unit": definition.unit,
            "note": "an assumption, not a finding",
            "n_missing": 0,
        }
    )
