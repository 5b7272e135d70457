"""What would everybody invited have said? Weights that make respondents look like them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cxmeasure import _arguments
from cxmeasure._frames import listed
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import ArgumentError, DataError
from cxmeasure.results import Scores
from cxmeasure.survey.answering import INTERCEPT, designed, fit_logit, labelled
from cxmeasure.survey.calibrating import Margin, post_stratified, raked
from cxmeasure.survey.clustering import customers
from cxmeasure.survey.grouping import regrouped
from cxmeasure.survey.moments import Definition, defined
from cxmeasure.survey.reduce import (
    Kinds,
    Term,
    group_keys,
    tally_answers,
    tally_cells,
    tell_apart,
    weigh_rows,
)
from cxmeasure.survey.weighed import Customers, Found, described, scored, summed_up

_METHODS = ("rake", "post-stratify", "inverse-propensity")
Population = Mapping[str, Mapping[Any, float]] | pd.DataFrame


def nonresponse_weights(
    invitations: Any,
    *,
    covariate_columns: Sequence[str],
    method: str = "rake",
    responded_column: str | None = None,
    population: Population | None = None,
    weight_column: str | None = None,
    interactions: Sequence[tuple[str, str]] = (),
    trim: float | None = None,
    score_column: str | None = None,
    metric: str = "nps",
    threshold: float | None = None,
    cluster_column: str | None = None,
    weight_name: str = "weight",
    conf_level: float = 0.95,
) -> Scores:
    """Weight respondents so that they look like the population in the covariates.

    Parameters
    ----------
    invitations : frame or str
        One row an invitation with `responded_column`, or one row a respondent without it.
    covariate_columns : sequence of str
        Categories known of respondents and of the population.
    method : {"rake", "post-stratify", "inverse-propensity"}
        ``rake`` fits the margin of each covariate, ``post-stratify`` every combination of them,
        ``inverse-propensity`` weights by one over the modelled chance of an answer and needs
        `responded_column`.
    responded_column : str, optional
        Whether the invitation was answered.
    population : mapping or DataFrame, optional
        For ``rake`` and ``post-stratify``: ``{"plan": {"basic": 800, "pro": 1200}}``, totals (or shares) by
        covariate; to post-stratify by several covariates a DataFrame with them and a column ``total``. By
        default those invited.
    weight_column : str, optional
        Design weights to begin with.
    interactions : sequence of pairs of str
        For ``inverse-propensity``: pairs of covariates whose effects depend on one another.
    trim : float, optional
        Largest adjustment, as a multiple of the average one. Trimmed weights no longer fit the margins;
        ``details["margins"]`` shows by how much.
    score_column : str, optional
        A score, to be estimated with these weights in the summary.
    metric, threshold
        Which metric of the score, as in `metric`.
    cluster_column : str, optional
        Whose invitation it is, where one customer may have several: the errors of both scores are then those
        of sums over customers (one row a customer and cell is taken out of the engine).
    weight_name : str
        Name of the new column.
    conf_level : float
        Level of the intervals, in 0–1.

    Returns
    -------
    Scores
        ``rows``: the respondents in the caller's engine, with the column of weights. ``summary``: the terms
        ``design effect`` (Kish), ``n effective``, ``largest weight`` over the mean, and with a score
        ``unweighted`` and ``weighted``; ``summary.details`` has ``margins`` and ``cells``.

    Raises
    ------
    ArgumentError, TableError, DataError, EstimationError
        If a population category has no respondent or a respondent no population, the margins contradict
        one another, or raking does not converge; the message names the category.

    Notes
    -----
    The standard error of the weighted score knows that the weights were fitted: it is linearised, on the
    residuals of the score from the covariates (Deville & Särndal 1992), for respondents drawn with
    replacement. Taking the weights as fixed makes it too large (raking) or simply wrong. With
    `cluster_column` the larger of the errors over customers and over answers is given. The design effect
    and the effective number of the first rows are Kish's, of weights alone.

    Weighting repairs what the covariates explain, and nothing else: where the satisfied answer more than
    the dissatisfied within every cell, the weighted score is as tilted as the plain one.

    References
    ----------
    Deville & Särndal (1992), Journal of the American Statistical Association 87:376–382,
    doi:10.1080/01621459.1992.10475217; Kish (1992), Journal of Official Statistics 8:183–200 (no DOI).

    Examples
    --------
    R's survey package (postStratify, svymean) gives 17.5 with a standard error of 22.440223.

    >>> import pandas as pd
    >>> answers = pd.DataFrame({
    ...     "ltr": [10, 9, 10, 8, 7, 6, 3, 10, 9, 0, 10, 8, 9, 5, 2, 10, 7, 9, 6, 10],
    ...     "seg": ["A"] * 12 + ["B"] * 8,
    ... })
    >>> scores = nonresponse_weights(
    ...     answers, covariate_columns=["seg"], method="post-stratify",
    ...     population={"seg": {"A": 80, "B": 120}}, score_column="ltr",
    ... )
    >>> scores.summary.table[["term", "estimate", "std_error"]].tail(2).round(4)
             term  estimate  std_error
    3  unweighted      20.0    20.0000
    4    weighted      17.5    22.4402
    >>> scores.rows["weight"].round(4).unique().tolist()
    [6.6667, 15.0]
    """
    method = _arguments.choice(method, _METHODS, name="method")
    conf_level = _arguments.share(conf_level, name="conf_level")
    covariates = _checked(covariate_columns, method, responded_column, population, interactions, trim)
    kinds = tell_apart(
        invitations, by=covariates, responded_column=responded_column, weight_column=weight_column
    )
    if method == "inverse-propensity":
        found = _by_propensity(invitations, covariates, str(responded_column), weight_column, interactions)
    else:
        found = _by_margins(
            invitations, covariates, method, responded_column, weight_column, population, kinds
        )
    found = found.trimmed(trim)
    table = summed_up(found)
    if score_column is not None:
        definition = defined(metric, None, threshold)
        tally = tally_answers(
            invitations,
            definition.coding,
            score_column=score_column,
            by=covariates,
            weight_column=weight_column,
            responded_column=responded_column,
        )
        grouped = None
        if cluster_column is not None:
            grouped = _by_customer(
                invitations, found, definition, covariates, score_column, responded_column, weight_column,
                cluster_column,
            )  # fmt: skip
        table = pd.concat(
            [table, scored(found, tally, covariates, definition, conf_level, grouped)], ignore_index=True
        )
    rows = weigh_rows(
        invitations,
        found.terms,
        is_logit=method == "inverse-propensity",
        responded_column=responded_column,
        weight_column=weight_column,
        cap=found.cap,
        scale=found.scale,
        weight_name=weight_name,
        kinds=kinds,
    )
    return Scores(
        rows, described(table, found, method, conf_level, trim, is_clustered=cluster_column is not None)
    )


def _by_customer(
    invitations: Any,
    found: Found,
    definition: Definition,
    covariates: list[str],
    score_column: str,
    responded_column: str | None,
    weight_column: str | None,
    cluster_column: str,
) -> Customers:
    """Return the sums of each customer in each cell, and of the customers altogether."""
    shared: dict[str, Any] = {"weight_column": weight_column, "responded_column": responded_column}
    scores: dict[str, Any] = {"score_column": score_column, **shared}
    by = [*covariates, cluster_column]
    parts = [tally_answers(invitations, definition.coding, by=by, **scores)[[*group_keys(by), "w", "wf"]]]
    if found.fit is not None:
        cells = tally_cells(invitations, by=by, **shared)[[*group_keys(by), "w", "ws"]]
        parts.append(cells.rename(columns={"w": "invited", "ws": "responded"}))
    rows = pd.concat(parts, ignore_index=True)
    place = found.covariates.assign(_place=np.arange(len(found.covariates)))
    rows["place"] = regrouped(rows, by)[covariates].merge(place, on=covariates, how="left")["_place"]
    rows = rows[rows["place"].notna()]
    codes = customers(rows[f"by_{len(covariates)}"], cluster_column)
    whole = tally_answers(invitations, definition.coding, by=[], cluster_column=cluster_column, **scores)
    return Customers(rows.fillna(0.0), codes, whole)


def _checked(
    covariate_columns: Sequence[str],
    method: str,
    responded_column: str | None,
    population: Population | None,
    interactions: Sequence[tuple[str, str]],
    trim: float | None,
) -> list[str]:
    covariates = _arguments.names(covariate_columns, name="covariate_columns")
    if not covariates:
        raise ArgumentError("covariate_columns=[] names none; give at least one that is known of all.")
    if method == "inverse-propensity" and (responded_column is None or population is not None):
        raise ArgumentError(
            "method='inverse-propensity' needs the invitations, with responded_column=, and no population=."
        )
    if method != "inverse-propensity" and interactions:
        raise ArgumentError("interactions= belongs to method='inverse-propensity'; post-stratify instead.")
    if responded_column is None and population is None:
        raise ArgumentError(
            "Nothing to weight to: give population=, or the invitations with responded_column=."
        )
    if trim is not None and not (isinstance(trim, int | float) and trim > 1):
        raise ArgumentError(f"trim={trim!r} is out of range; give a number above 1, such as 4.")
    return covariates


def _by_propensity(
    invitations: Any,
    covariates: list[str],
    responded_column: str,
    weight_column: str | None,
    interactions: Sequence[tuple[str, str]],
) -> Found:
    design = designed(
        invitations,
        covariate_columns=covariates,
        responded_column=responded_column,
        interactions=interactions,
        weight_column=weight_column,
    )
    empty = design.cells["s"].to_numpy() == 0
    fit = fit_logit(design)
    if (fit.propensity[empty] < 1e-12).any():
        cell = design.covariates[empty].iloc[0].to_dict()
        raise DataError(
            f"Nobody answered among those with {_named(cell)}: no weight can speak for them. "
            "Merge them with a neighbouring category."
        )
    coefficients = np.nan_to_num(fit.coefficient, nan=0.0).tolist()
    by_name = dict(zip(design.names, coefficients, strict=True))
    terms = [Term((), {(): by_name.pop((INTERCEPT, ""))})]
    for columns in [(column,) for column in covariates] + [tuple(pair) for pair in interactions]:
        values = design.covariates[list(columns)].drop_duplicates().astype(object)
        labels = [labelled(design.covariates[column]) for column in columns]
        lookup = {}
        for at, value in zip(values.index, values.itertuples(index=False, name=None), strict=True):
            label = ":".join(names[codes[at]] for codes, names in labels)
            lookup[value] = by_name.get((":".join(columns), label), 0.0)
        terms.append(Term(columns, lookup))
    weight = design.cells["w"].to_numpy(float)
    margins = tuple(_margin(design.covariates, (column,), weight) for column in covariates)
    matrix = design.matrix[:, fit.kept]
    return Found(design.covariates, design.cells, 1 / fit.propensity, tuple(terms), matrix, margins, fit)


def _margin(known: pd.DataFrame, columns: tuple[str, ...], weight: Floats) -> Margin:
    """Return the margin of those invited in one covariate, or in every combination of several."""
    if len(columns) == 1:
        codes, labels = labelled(known[columns[0]])
    else:
        codes = np.arange(len(known), dtype=np.intp)
        labels = [_named(row) for row in known.to_dict("records")]
    totals = np.bincount(codes, weights=weight, minlength=len(labels)).astype(float)
    return Margin(columns, codes, tuple(labels), totals)


def _named(values: Mapping[Any, Any]) -> str:
    return ", ".join(f"{column} = {value}" for column, value in values.items())


def _given(margin: Margin, population: Population) -> Margin:
    """Return the margin with the totals of `population`, matched by the text of its categories."""
    if isinstance(population, pd.DataFrame):
        absent = [column for column in (*margin.columns, "total") if column not in population.columns]
        if absent:
            raise ArgumentError(
                f"population has no column {absent[0]!r}; it needs the covariates and 'total', "
                f"and has {listed(list(population.columns))}."
            )
        columns = list(margin.columns)
        table = population.groupby(columns, dropna=False, sort=False)["total"].sum().reset_index()
        records = table[columns].to_dict("records")
        names = [_named(row) if len(columns) > 1 else str(row[columns[0]]) for row in records]
        totals = dict(zip(names, table["total"].tolist(), strict=True))
    elif isinstance(population, Mapping) and len(margin.columns) == 1 and margin.columns[0] in population:
        totals = {str(key): value for key, value in population[margin.columns[0]].items()}
    else:
        raise ArgumentError(
            f"population says nothing of {margin.name!r}; give {{{margin.name!r}: {{category: total}}}}, "
            "or to post-stratify by several covariates a DataFrame with 'total'."
        )
    bad = {name: value for name, value in totals.items() if not (np.isfinite(value) and value >= 0)}
    if bad:
        raise DataError(f"population of {margin.name!r}: the totals {bad} must be finite and zero or more.")
    labels = (*margin.labels, *(name for name in totals if name not in margin.labels))
    targets = np.array([float(totals.get(label, 0)) for label in labels])
    return Margin(margin.columns, margin.codes, labels, targets)


def _by_margins(
    invitations: Any,
    covariates: list[str],
    method: str,
    responded_column: str | None,
    weight_column: str | None,
    population: Population | None,
    kinds: Kinds | None,
) -> Found:
    cells = tally_cells(
        invitations,
        by=covariates,
        responded_column=responded_column,
        weight_column=weight_column,
        kinds=kinds,
    )
    known = regrouped(cells, covariates)
    cells = cells.drop(columns=group_keys(covariates))
    if cells["ws"].sum() == 0:
        raise DataError(
            f"Nobody of the {int(cells['n'].sum()):,} invited answered; there is nobody to weight."
        )
    sets = [(column,) for column in covariates] if method == "rake" else [tuple(covariates)]
    margins = [_margin(known, columns, cells["w"].to_numpy(float)) for columns in sets]
    if population is not None:
        margins = [_given(margin, population) for margin in margins]
    answered = (cells["ws"] > 0).to_numpy()
    known, cells = known[answered].reset_index(drop=True), cells[answered].reset_index(drop=True)
    margins = [margin.of(answered) for margin in margins]
    base = cells["ws"].to_numpy(float)
    fitted = raked(base, margins) if method == "rake" else post_stratified(base, margins[0])
    terms, factor = [], np.ones(len(base))
    for margin, factors in zip(margins, fitted, strict=True):
        values = known[list(margin.columns)].astype(object).itertuples(index=False, name=None)
        terms.append(
            Term(margin.columns, {value: factors[c] for value, c in zip(values, margin.codes, strict=True)})
        )
        factor = factor * factors[margin.codes]
    design = np.hstack([np.eye(len(margin.targets))[margin.codes] for margin in margins])
    return Found(known, cells, factor, tuple(terms), design, tuple(margins))
