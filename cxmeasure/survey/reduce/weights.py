"""Weights found on cells → a column of the user's own rows, in the user's engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from cxmeasure._frames import as_number, opened
from cxmeasure.errors import ArgumentError
from cxmeasure.results import NativeFrame
from cxmeasure.survey.reduce.kinds import Kinds


@dataclass(frozen=True, slots=True)
class Term:
    """Numbers by the values of some columns: the factor of a margin, or a part of a linear predictor."""

    columns: tuple[str, ...]
    numbers: Mapping[tuple[Any, ...], float]


def weigh_rows(
    rows: Any,
    terms: Sequence[Term],
    *,
    is_logit: bool,
    responded_column: str | None,
    weight_column: str | None,
    cap: float,
    scale: float,
    weight_name: str,
    kinds: Kinds | None = None,
) -> NativeFrame:
    """Return the rows that answered with their weight: base × min(factor, cap) × scale.

    The factor is the product of the terms, or, for a logit, one over the propensity of their sum. Eager
    tables come back eager, lazy ones lazy, in the engine they came from; a path comes back as DuckDB's.
    With `kinds` of the rows the factor is computed once for each of them.
    """
    frame = opened(rows, name="invitations")
    schema = frame.collect_schema()
    if weight_name in schema:
        raise ArgumentError(
            f"weight_name={weight_name!r} is a column of the table already; choose another name."
        )
    parts = [_looked_up(term, schema) for term in terms]
    if is_logit:
        factor = (nw.sum_horizontal(*parts) * -1).exp() + 1
    else:
        factor = parts[0]
        for part in parts[1:]:
            factor = factor * part
    # An expression used twice is computed twice.
    capped = nw.when(factor > cap).then(nw.lit(cap)).otherwise(factor) if np.isfinite(cap) else factor
    number: nw.Expr | nw.Series[Any] = capped * scale if kinds is None else kinds.spread(capped * scale)
    weight = number if weight_column is None else nw.col(weight_column).cast(nw.Float64) * number
    frame = frame.with_columns(weight.alias(weight_name))
    if responded_column is not None:
        frame = frame.filter(as_number(nw.col(responded_column)) == 1)
    weighed: NativeFrame = frame.to_native()
    return weighed


def _looked_up(term: Term, schema: Mapping[str, nw.dtypes.DType]) -> nw.Expr:
    """Return the term's number for each row: of the cases one holds."""
    found: nw.Expr = nw.lit(0.0)
    for values, number in term.numbers.items():
        holds = _equals(term.columns[0], values[0], schema) if values else nw.lit(True)
        for column, value in zip(term.columns[1:], values[1:], strict=True):
            holds = holds & _equals(column, value, schema)
        found = nw.when(holds).then(nw.lit(float(number))).otherwise(found)
    return found


def _equals(column: str, value: Any, schema: Mapping[str, nw.dtypes.DType]) -> nw.Expr:
    if value is None or value != value:  # NaN is a missing category
        missing = nw.col(column).is_null()
        return missing | nw.col(column).is_nan() if schema[column].is_float() else missing
    plain = value.item() if isinstance(value, np.generic) else value
    return (nw.col(column) == nw.lit(plain)).fill_null(False)
