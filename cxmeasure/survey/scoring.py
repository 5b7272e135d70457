"""How high is the score, and how sure is that? NPS, CSAT, CES, top box and mean."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from cxmeasure import _arguments
from cxmeasure._frames import framed
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import ArgumentError, DataError
from cxmeasure.results import Estimates
from cxmeasure.survey.grouping import grouping, regrouped
from cxmeasure.survey.moments import Definition, Moments, corrected, defined, limits, moments
from cxmeasure.survey.reduce import tally_answers

_TOO_FEW = 10
_REFERENCES = {
    (
        "net share",
        "score",
    ): "Tango (1998), doi:10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B",
    ("net share", "adjusted-wald"): "Rocks (2016), arXiv:1601.07235",
    ("share", "score"): "Wilson (1927), doi:10.1080/01621459.1927.10502953",
    ("share", "adjusted-wald"): "Agresti & Coull (1998), doi:10.1080/00031305.1998.10480550",
}


def metric(
    answers: Any,
    *,
    score_column: str = "ltr",
    metric: str = "nps",
    by: Sequence[str] = (),
    weight_column: str | None = None,
    cluster_column: str | None = None,
    population_size: float | Mapping[Any, float] | None = None,
    against: object = None,
    method: str | None = None,
    scale: tuple[float, float] | None = None,
    threshold: float | None = None,
    conf_level: float = 0.95,
) -> Estimates:
    """Estimate a score of the people who answered, with an interval, for each group.

    Parameters
    ----------
    answers : frame, str, Series or one-dimensional array
        One row an answer. A bare Series or array is taken as the scores.
    score_column : str
        The score. Missing scores are left out and counted in ``n_missing``.
    metric : {"nps", "csat", "ces", "top_box", "mean"}
        ``nps`` needs whole scores 0–10, ``csat`` 1–5 (top two count), ``ces`` 1–7 (mean),
        ``top_box`` a `threshold`, ``mean`` nothing.
    by : sequence of str
        Columns that make the groups.
    weight_column : str, optional
        Weights of zero or more. Only their ratios matter.
    cluster_column : str, optional
        Whose answer it is, where one customer may give several.
    population_size : number, or mapping of group to number, optional
        How many customers there are, where so many of them answered that it matters: the variance is
        multiplied by 1 − n/N. It says something about those N only.
    against : object, optional
        A value of the single column of `by`: adds the difference of each other group from that one, as the
        term ``nps difference`` (or whichever metric).
    method : {"score", "adjusted-wald", "wald"}, optional
        The interval: by default ``score``; with clusters ``adjusted-wald``; for a mean there is only
        ``wald`` (Student's t).
    scale : (float, float), optional
        Lowest and highest possible score, for ``csat``, ``ces``, ``top_box`` and ``mean``; with ``csat``
        give the `threshold` too.
    threshold : float, optional
        Lowest score that counts, for ``csat`` and ``top_box``.
    conf_level : float
        Level of the interval, in 0–1.

    Returns
    -------
    Estimates
        One row a group. Besides the usual columns: ``n_missing``, and ``n_effective``, the number of
        equal and independent answers worth as much: with weights Kish's (Σw)²/Σw²; with clusters the variance
        of one answer over the clustered variance of the score, shrunk for few clusters; at most n.

    Raises
    ------
    ArgumentError, TableError, DataError
        If a choice is unknown, a column is missing or of the wrong type, or a score or weight cannot be
        used.

    Notes
    -----
    `std_error` is the multinomial one for shares and net shares (divisor n) and the sample one for means
    (divisor n − 1). With weights it is linearised, and the score and adjusted-Wald intervals use the
    weighted shares of `n_effective` answers, which is an approximation. With clusters it is linearised
    over clusters, with the factor m/(m − 1). A difference has Newcombe's interval (MOVER), which
    combines the two intervals, and takes the groups for different customers.

    The interval is about the people who answered, and others like them. What those think who did not
    answer is another question.

    References
    ----------
    Rocks (2016), The American Statistician 70:365–372, arXiv:1601.07235 (NPS);
    Tango (1998), Statistics in Medicine 17:891–908 (the score interval of a net share);
    Kish (1965), Survey Sampling (effective number; book, no DOI);
    Korn & Graubard (1998), Survey Methodology 24:193–201 (effective number with clusters, no DOI);
    Newcombe (1998), Statistics in Medicine 17:873–890 (differences).

    Examples
    --------
    50 promoters, 30 passives, 20 detractors. R's package NPS gives 0.30 with a Wald interval of
    0.1469 to 0.4531.

    >>> import pandas as pd
    >>> scores = pd.Series([10] * 50 + [8] * 30 + [3] * 20)
    >>> metric(scores, method="wald").table[["n", "estimate", "conf_low", "conf_high"]].round(2)
         n  estimate  conf_low  conf_high
    0  100      30.0     14.69      45.31

    The default is the score interval, which also holds when n is small.

    >>> metric(scores).table[["estimate", "conf_low", "conf_high"]].round(2)
       estimate  conf_low  conf_high
    0      30.0     13.96      44.34
    """
    definition = defined(metric, scale, threshold)
    is_clustered = cluster_column is not None
    usual = ["adjusted-wald", "score", "wald"] if is_clustered else ["score", "adjusted-wald", "wald"]
    methods = ["wald"] if definition.family == "mean" else usual
    method = _arguments.choice(method or methods[0], methods, name="method")
    conf_level = _arguments.share(conf_level, name="conf_level")
    groups = grouping(by, "n_missing", "n_effective")
    tally = tally_answers(
        framed(answers, score_column),
        definition.coding,
        score_column=score_column,
        by=groups,
        weight_column=weight_column,
        cluster_column=cluster_column,
    )
    keys = regrouped(tally, groups)
    found = moments(tally, definition.family)
    if population_size is not None:
        found = corrected(found, _population(population_size, keys, found.n))
    table = _table(tally, keys, found, definition, metric, method, conf_level)
    if against is not None:
        table = pd.concat([table, _differences(table, groups, against, metric)], ignore_index=True)
    return Estimates(
        table=table,
        estimand=f"{definition.label} of the customers who answered: {definition.reads}",
        method=_method_line(definition.family, method),
        assumptions=_assumptions(
            is_weighted=weight_column is not None,
            is_clustered=is_clustered,
            is_finite=population_size is not None,
        ),
        conf_level=conf_level,
    )


def _population(given: float | Mapping[Any, float], keys: pd.DataFrame, n: Floats) -> Floats:
    if isinstance(given, Mapping):
        groups = [key if len(key) > 1 else key[0] for key in keys.itertuples(index=False, name=None)]
        absent = [group for group in groups if group not in given]
        if absent:
            raise ArgumentError(
                f"population_size has no number for the group {absent[0]!r}; give one for each."
            )
        sizes = np.array([given[group] for group in groups], dtype=float)
    elif keys.shape[1] and len(keys) > 1:
        raise ArgumentError(
            "population_size is one number but there are groups; give a mapping, group to number."
        )
    else:
        sizes = np.full(len(n), given, dtype=float)
    if not (sizes >= n).all():
        worst = int(np.argmax(n - sizes))
        raise DataError(
            f"population_size={sizes[worst]:,.0f} is less than the {n[worst]:,.0f} answers; "
            "it counts the customers there are, not the answers."
        )
    return sizes


def _table(
    tally: pd.DataFrame,
    keys: pd.DataFrame,
    found: Moments,
    definition: Definition,
    metric: str,
    method: str,
    conf_level: float,
) -> pd.DataFrame:
    low, high = limits(found, definition, method, conf_level)
    table = keys.assign(term=metric, n=tally["n"])
    table["estimate"] = found.estimate * definition.factor
    table["std_error"] = np.sqrt(found.variance) * definition.factor
    table["conf_low"], table["conf_high"] = low, high
    table["unit"] = definition.unit
    few = f"fewer than {_TOO_FEW} answers"
    notes = [(found.n == 0, "no answers"), (found.n < _TOO_FEW, few)]
    if "clusters" in tally:
        notes.insert(1, ((tally["clusters"] < 2).to_numpy(), "one customer only: no interval"))
    table["note"] = np.select([each for each, _ in notes], [said for _, said in notes], "")
    table["n_missing"] = tally["n_missing"]
    table["n_effective"] = np.minimum(found.effective, found.n)
    return table


def _differences(table: pd.DataFrame, groups: Sequence[str], against: object, metric: str) -> pd.DataFrame:
    """Return each group's difference from one of them, with Newcombe's interval."""
    if len(groups) != 1:
        raise ArgumentError(
            f"against={against!r} needs one column in by=, whose value it is; received {len(groups)}."
        )
    is_base = (table[groups[0]] == against).to_numpy()
    if not is_base.any():
        known = ", ".join(repr(value) for value in table[groups[0]].head(6))
        raise ArgumentError(f"against={against!r} is no value of {groups[0]!r}; it holds {known}.")
    base, rest = table[is_base].iloc[0], table[~is_base].reset_index(drop=True)
    gap = rest["estimate"] - base["estimate"]
    error = np.hypot(rest["std_error"], base["std_error"])
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = gap / error
    below = np.hypot(rest["estimate"] - rest["conf_low"], base["conf_high"] - base["estimate"])
    above = np.hypot(rest["conf_high"] - rest["estimate"], base["estimate"] - base["conf_low"])
    few = rest["note"].ne("") | bool(base["note"])
    return rest.assign(
        term=f"{metric} difference",
        n=rest["n"] + base["n"],
        estimate=gap,
        std_error=error,
        statistic=statistic,
        p_value=2 * special.ndtr(-np.abs(statistic)),
        conf_low=gap - below,
        conf_high=gap + above,
        note=np.where(few, f"against {against}; too few answers on one side", f"against {against}"),
        n_missing=rest["n_missing"] + base["n_missing"],
        n_effective=np.nan,
    )


def _method_line(family: str, method: str) -> str:
    if family == "mean":
        return "Mean with Student's t interval"
    name = {"score": "score interval", "adjusted-wald": "adjusted-Wald interval", "wald": "Wald interval"}[
        method
    ]
    reference = _REFERENCES.get((family, method))
    return f"{name} ({reference})" if reference else f"{name}; too narrow below some 100 answers"


def _assumptions(*, is_weighted: bool, is_clustered: bool, is_finite: bool) -> tuple[str, ...]:
    said = [
        "Customers answer independently of one another; several answers of one customer need not be."
        if is_clustered
        else "The answers are independent of one another: one answer a customer.",
        "It speaks for customers like those who answered, not for those who did not.",
    ]
    if is_weighted:
        said.append("The weights are taken as known, and weighted answers as so many equal ones (Kish).")
    if is_finite:
        said.append("Those who answered are a simple random sample of the customers there are.")
    return tuple(said)
