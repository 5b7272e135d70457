"""What flags do to a score: all answers, those kept, and the share of each suspicion."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from cxmeasure._stats import intervals
from cxmeasure.errors import DataError
from cxmeasure.results import Estimates
from cxmeasure.survey.moments import Definition, limits, moments
from cxmeasure.survey.reduce import FLAGGED, PREFIX

_MOMENTS = ["n", "n_missing", "w", "w2", "wf", "wff", "w2f", "w2ff"]


def with_and_without(
    cells: pd.DataFrame,
    made: list[str],
    definition: Definition,
    patterns: pd.DataFrame,
    conf_level: float,
) -> Estimates:
    """Return the score of all and of the kept answers, and how many have each flag.

    `cells` has a row a combination of the flags `made`, with the sums of `tally_answers`.
    """
    flags = [PREFIX + name for name in made]
    cells = cells.assign(**{FLAGGED: cells[flags].any(axis=1)})
    kept = ~cells[FLAGGED].to_numpy(bool)
    if not cells.loc[kept, "n"].sum():
        raise DataError(
            f"All {int(cells['n'].sum()):,} answers are flagged; there is no score without them. "
            "Loosen the limits, or ask for fewer flags."
        )
    table = pd.concat(
        [
            _scores(cells, kept, definition, conf_level),
            _shares(cells, [*made, "flagged"], conf_level),
        ],
        ignore_index=True,
    )
    details = {"flags": _flags(cells, made, definition)}
    return Estimates(
        table=table,
        estimand=f"{definition.label} of those who answered, with and without the answers under suspicion",
        method="Flags by fixed limits; the difference of nested scores linearised",
        assumptions=(
            "A flag is a suspicion: honest answers are flagged too, careless ones are missed.",
            "Answers are independent of one another, but for duplicates; limits are taken as given.",
            "The score of the kept is one of people whose answers were not flagged.",
        ),
        conf_level=conf_level,
        details=details | ({"patterns": patterns} if len(patterns) else {}),
    )


def _scores(
    cells: pd.DataFrame, kept: npt.NDArray[np.bool_], definition: Definition, conf_level: float
) -> pd.DataFrame:
    """Return the score of all, of the kept, and the difference, whose two sides share answers."""
    sums = pd.DataFrame([cells[_MOMENTS].sum(), cells[kept][_MOMENTS].sum()])
    sums = sums.assign(centre=float(cells["centre"].iloc[0]))
    found = moments(sums, definition.family)
    low, high = limits(found, definition, "wald" if definition.family == "mean" else "score", conf_level)
    total, rest = sums["w"].to_numpy(float)
    mean, mean_kept = found.mean
    # An answer weighs a·f + b in the difference.
    a = np.where(kept, 1 / rest - 1 / total, -1 / total)
    b = np.where(kept, mean / total - mean_kept / rest, mean / total)
    w2, w2f, w2ff = (cells[name].to_numpy(float) for name in ("w2", "w2f", "w2ff"))
    error = float(np.sqrt(max((a**2 * w2ff + 2 * a * b * w2f + b**2 * w2).sum(), 0.0)))
    gap, half = mean_kept - mean, intervals.z_value(conf_level) * error
    statistic = gap / error if error > 0 else np.nan
    factor = definition.factor
    return pd.DataFrame(
        {
            "term": ["all", "kept", "kept less all"],
            "n": sums["n"].iloc[[0, 1, 0]].astype(int).tolist(),
            "estimate": [*(found.estimate * factor), gap * factor],
            "std_error": [*(np.sqrt(found.variance) * factor), error * factor],
            "statistic": [np.nan, np.nan, statistic],
            "p_value": [np.nan, np.nan, 2 * special.ndtr(-abs(statistic))],
            "conf_low": [*low, (gap - half) * factor],
            "conf_high": [*high, (gap + half) * factor],
            "unit": definition.unit,
            "note": "",
        }
    )


def _shares(cells: pd.DataFrame, made: list[str], conf_level: float) -> pd.DataFrame:
    rows = (cells["n"] + cells["n_missing"]).to_numpy(float)
    count = np.array([rows[cells[PREFIX + name].to_numpy(bool)].sum() for name in made])
    total = np.full(len(made), rows.sum())
    share = count / total
    low, high = intervals.wilson(count, total, conf_level)
    return pd.DataFrame(
        {
            "term": [name.replace("_", " ") for name in made],
            "n": int(rows.sum()),
            "estimate": share,
            "std_error": np.sqrt(share * (1 - share) / total),
            "conf_low": low,
            "conf_high": high,
            "unit": "share",
            "note": "",
        }
    )


def _flags(cells: pd.DataFrame, made: list[str], definition: Definition) -> pd.DataFrame:
    """Return for each flag how many rows have it, have it alone, and the scores with and without them."""
    flags = cells[[PREFIX + name for name in made]].to_numpy(bool)
    rows, w, wf = (cells[name].to_numpy(float) for name in ("n", "w", "wf"))
    rows = rows + cells["n_missing"].to_numpy(float)
    alone = flags & (flags.sum(axis=1) == 1)[:, None]
    centre = float(cells["centre"].iloc[0])
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = (wf @ flags) / (w @ flags) + centre
        outside = (wf @ ~flags) / (w @ ~flags) + centre
    return pd.DataFrame(
        {
            "flag": [name.replace("_", " ") for name in made],
            "n_flagged": (rows @ flags).astype(int),
            "n_by_this_alone": (rows @ alone).astype(int),
            "score_of_flagged": inside * definition.factor,
            "score_of_others": outside * definition.factor,
        }
    )
