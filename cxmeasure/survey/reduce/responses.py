"""A user's invitations → one row a cell of covariates: how many were asked, how many answered."""

from collections.abc import Iterable, Sequence
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd

from cxmeasure import _arguments
from cxmeasure._frames import Kind, adopt, as_number, collect, listed, refuse_if_empty
from cxmeasure.errors import ArgumentError, DataError
from cxmeasure.survey.reduce.answers import group_keys, is_bad_weight, refuse_bad_weights
from cxmeasure.survey.reduce.kinds import N_ROWS, Kinds, kinds_of

_COUNTS = {"n": "n_invited", "s": "n_responded"}
_WEIGHTS = {"w": "weight_invited", "ws": "weight_responded", "w2": "weight_squares"}


def tally_responses(
    invitations: Any,
    *,
    covariate_columns: Sequence[str],
    responded_column: str = "has_answered",
    weight_column: str | None = None,
    id_column: str | None = None,
    sent_column: str | None = None,
    answered_column: str | None = None,
) -> pd.DataFrame:
    """Count invitations and responses in each cell of covariates, in the engine where they are.

    All that `response_propensity`, `r_indicator` and their kin need of a million invitations is this small
    table: give it to them with ``invited_column="n_invited", responded_column="n_responded"``.

    Parameters
    ----------
    invitations : frame or str
        One row an invitation.
    covariate_columns : sequence of str
        What is known of everybody invited; each combination of values is a cell.
    responded_column : str
        Whether the invitation was answered: true or false, or 1 or 0.
    weight_column : str, optional
        Design weights of zero or more.
    id_column : str, optional
        The invitation's key: a key that stands twice is refused.
    sent_column, answered_column : str, optional
        Timestamps, both or neither: an answer from before the invitation is refused.

    Returns
    -------
    pandas.DataFrame
        One row a cell, sorted: the covariates, ``n_invited``, ``n_responded``, and with weights
        ``weight_invited``, ``weight_responded`` and ``weight_squares`` (Σw²).

    Raises
    ------
    ArgumentError, TableError, DataError
        If nobody was invited, a key stands twice, an answer is older than its invitation, a response is
        missing, or a covariate is missing for respondents only.

    Examples
    --------
    >>> import pandas as pd
    >>> sent = pd.DataFrame({"plan": ["a", "a", "b"], "has_answered": [True, False, False]})
    >>> tally_responses(sent, covariate_columns=["plan"])
      plan  n_invited  n_responded
    0    a          2            1
    1    b          1            0
    """
    covariates = _covariates(covariate_columns)
    if (sent_column is None) != (answered_column is None):
        raise ArgumentError("sent_column and answered_column go together; give both or neither.")
    if id_column is not None:
        _refuse_twice(invitations, id_column)
    if sent_column is not None and answered_column is not None:
        _refuse_early(invitations, sent_column, answered_column)
    cells = tally_cells(
        invitations, by=covariates, responded_column=responded_column, weight_column=weight_column
    )
    names = dict(zip(group_keys(covariates), covariates, strict=True)) | _COUNTS
    names |= _WEIGHTS if weight_column is not None else {}
    return cells[list(names)].rename(columns=names)


def tally_cells(
    invitations: Any,
    *,
    by: Sequence[str],
    responded_column: str | None,
    weight_column: str | None = None,
    invited_column: str | None = None,
    stratum_column: str | None = None,
    kinds: Kinds | None = None,
) -> pd.DataFrame:
    """Return one row a cell (in `group_keys`, and ``stratum``): n, s, Σw, Σw², and both of respondents.

    The columns are ``n s w ws w2 w2s``; with `invited_column` a row stands for so many invitations, of
    which `responded_column` answered. Without `responded_column` everybody did. With `kinds` of the rows, by
    these columns, and no weights, those are counted instead.
    """
    roles = _roles(by, responded_column, weight_column, invited_column, stratum_column)
    keys = [role for role in roles if role.startswith("by_") or role == "stratum"]
    if kinds is not None and weight_column is None:
        roles["rows"] = (N_ROWS, "number")
        invitations = kinds.counted()
    frame = adopt(invitations, roles, name="invitations")
    if {"n", "weight", "rows"}.isdisjoint(roles):
        # Neither counts nor weights: equal rows are counted before anything is computed of them.
        frame = frame.group_by(*roles).agg(nw.len().alias("rows"))
        roles["rows"] = ("", "number")
    sums = [nw.col(name).sum() for name in _SUMS]
    flagged = _flagged(frame, roles)
    tally = collect(flagged.group_by(*keys).agg(*sums) if keys else flagged.select(*sums))
    _refuse_bad(tally, responded_column, weight_column)
    tally[["n", "s"]] = tally[["n", "s"]].round().astype("int64")
    for key, column in zip(keys, by, strict=False):
        _refuse_one_sided(tally, key, column)
    tally = tally.sort_values(keys, kind="stable", ignore_index=True) if keys else tally
    return tally[[*keys, "n", "s", "w", "ws", "w2", "w2s"]]


def tell_apart(
    invitations: Any, *, by: Sequence[str], responded_column: str | None, weight_column: str | None
) -> Kinds | None:
    """Return the kinds of invitations by these columns, where it is quicker to go by them; see `kinds_of`."""
    adopt(invitations, _roles(by, responded_column, weight_column), name="invitations")
    return kinds_of(invitations, [*by, *([] if responded_column is None else [responded_column])])


def _roles(
    by: Sequence[str],
    responded_column: str | None,
    weight_column: str | None,
    invited_column: str | None = None,
    stratum_column: str | None = None,
) -> dict[str, tuple[str, Kind]]:
    answered: Kind = "flag" if invited_column is None else "number"
    roles: dict[str, tuple[str, Kind]] = {}
    if responded_column is not None:
        roles["s"] = (responded_column, answered)
    roles |= {key: (column, "any") for key, column in zip(group_keys(by), by, strict=True)}
    for role, column in (("n", invited_column), ("weight", weight_column)):
        roles |= {role: (column, "number")} if column is not None else {}
    return roles | ({"stratum": (stratum_column, "any")} if stratum_column is not None else {})


_SUMS = ("rows", "n", "s", "w", "ws", "w2", "w2s", "n_unknown", "n_impossible", "n_bad_weight")


def _flagged(frame: nw.LazyFrame[Any], roles: Iterable[str]) -> nw.LazyFrame[Any]:
    """Return the columns to add up; ``rows`` is how many of the table a row stands for."""
    rows = nw.col("rows").cast(nw.Float64) if "rows" in roles else nw.lit(1.0)
    n = nw.col("n") if "n" in roles else rows
    s = nw.col("s").cast(nw.Float64) * rows if "s" in roles else n
    weight = nw.col("weight") if "weight" in roles else nw.lit(1.0)
    is_impossible = (s < 0) | (s > n) | (s != s.round(0)) | (n != n.round(0)) | n.is_null()
    return frame.with_columns(
        rows=rows,
        n=n,
        s=s,
        n_unknown=as_number(s.is_null()) * rows,
        n_impossible=as_number(is_impossible.fill_null(False)) * rows,
        n_bad_weight=as_number(is_bad_weight(weight)) if "weight" in roles else nw.lit(0),
        w=n * weight,
        ws=s * weight,
        w2=n * weight * weight,
        w2s=s * weight * weight,
    )


def _refuse_bad(tally: pd.DataFrame, responded_column: str | None, weight_column: str | None) -> None:
    refuse_if_empty(int(tally["rows"].fillna(0).sum()), name="invitations")
    if unknown := int(tally["n_unknown"].sum()):
        raise DataError(
            f"{responded_column!r} is missing for {unknown:,} of the invitations; "
            "say of each whether it was answered."
        )
    if impossible := int(tally["n_impossible"].sum()):
        raise DataError(
            f"{responded_column!r} holds impossible values in {impossible:,} of the rows; give true or false "
            "(or 1 or 0) an invitation, or whole numbers of at most those invited."
        )
    if tally["n"].sum() == 0:
        raise DataError("Nobody was invited: the counts of invitations add up to zero.")
    refuse_bad_weights(
        int(tally["n_bad_weight"].sum()), int(tally["w"].sum() > 0), weight_column, row="invitation"
    )


def _refuse_one_sided(tally: pd.DataFrame, key: str, column: str) -> None:
    without = tally[tally[key].isna()]
    if len(without) and without["n"].sum() > 0:
        n, answered = int(without["n"].sum()), int(without["s"].sum())
        everyone, answers = int(tally["n"].sum()), int(tally["s"].sum())
        side = {0: "nonrespondents", n: "respondents"}.get(answered)
        if side and n > 1 and 0 < answers < everyone:
            raise DataError(
                f"{column!r} is missing for {n:,} invitations, all of them {side}: what is known of one side "
                "only cannot say who answers. Take it from records that cover everyone, or leave it out."
            )


def _covariates(columns: Sequence[str]) -> list[str]:
    covariates = _arguments.names(columns, name="covariate_columns")
    clash = [column for column in covariates if column in (*_COUNTS.values(), *_WEIGHTS.values())]
    if clash:
        raise ArgumentError(
            f"covariate_columns={covariates!r}: the result has a column {clash[0]!r} of its own; "
            "rename yours first."
        )
    return covariates


def _refuse_twice(invitations: Any, id_column: str) -> None:
    frame = adopt(invitations, {"id": (id_column, "key")}, name="invitations")
    counted = frame.with_columns(rows=nw.lit(1)).group_by("id").agg(nw.col("rows").sum())
    twice = collect(counted.filter(nw.col("rows") > 1).sort("id"))
    if len(twice):
        raise DataError(
            f"{id_column!r} holds {listed(twice['id'].tolist())} more than once; "
            "keep one row an invitation, the final one."
        )


def _refuse_early(invitations: Any, sent_column: str, answered_column: str) -> None:
    roles: dict[str, tuple[str, Kind]] = {
        "sent": (sent_column, "time"),
        "answered": (answered_column, "time"),
    }
    frame = adopt(invitations, roles, name="invitations")
    early = as_number((nw.col("answered") < nw.col("sent")).fill_null(False))
    if n_early := int(collect(frame.select(early=early.sum()))["early"].fillna(0).iloc[0]):
        raise DataError(
            f"{n_early:,} of the invitations were answered ({answered_column!r}) before they were sent "
            f"({sent_column!r}); check clocks and joins."
        )
