"""Make data/simulated/gesture-effects.csv: what seven measures truly do to leaving within a year.

    python tests/recovery/gesture_effects.py

The claimed world is simulated with and without each measure, the same 40,000 customers with the same luck;
some minutes, so the chapter *What is better experience worth?* reads the table. The seed is arbitrary and
was used once.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from cxmeasure import lantern

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "data" / "simulated" / "gesture-effects.csv"
SIZE, SEED, MONTHS, GROUPS = 40_000, 18, 12, 20
CARD = {"touch_genuine": 0.0, "touch_automated": 0.0, "touch_error": 0.0, "trust_gain": 0.0}
# Measure, its arm, and the parameters that take it away.
MEASURES = (
    ("welcome", "welcome", {"welcome_gain": 0.0}),
    ("proof e-mail", "proof e-mail", {"touch_proof": 0.0}),
    ("name card", "handwritten, name", CARD),
    ("home run", "home run", {"touch_home_run": 0.0, "trust_gain": 0.0}),
    ("community", "community", {"community_tickets": 0.0}),
    ("plan advice", "plan advice", {"exit_advice": 0.0}),
    ("off-scope help", "off-scope help", {"touch_help": 0.0, "trust_gain": 0.0}),
)


def company(changes: dict[str, float] | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return assignments and the hidden probability of leaving, by customer and month."""
    found = lantern.simulate(
        "claimed", size=SIZE, seed=SEED, tables=["experiments", "truth_customer"], parameters=changes
    )
    states = found["truth_customer"][["customer_id", "month", "exit_probability"]]
    return found["experiments"], states


def gone(treated: pd.DataFrame, states: pd.DataFrame) -> float:
    """Return the share gone within a year of assignment, from the probabilities of those still there."""
    rows = states.merge(treated, on="customer_id")
    age = rows["month"] - rows["since"]
    rows = rows[age.between(0, MONTHS - 1)]
    monthly = rows.groupby(age)["exit_probability"].mean()
    return 1 - float(np.prod(1 - monthly))


def effect(treated: pd.DataFrame, with_it: pd.DataFrame, without: pd.DataFrame) -> float:
    """Return by how much the measure changes the share gone."""
    return gone(treated, with_it) - gone(treated, without)


def rows() -> pd.DataFrame:
    """Return the true effect of each measure and its Monte Carlo error (jackknife over groups)."""
    experiments, with_it = company(None)
    at = experiments["assigned_at"]
    experiments = experiments.assign(since=(at.dt.year - 2023) * 12 + at.dt.month)
    experiments = experiments[experiments["since"] <= 36 - MONTHS + 1]
    found = []
    for name, arm, changes in MEASURES:
        is_treated = (experiments["experiment"] == name) & (experiments["arm"] == arm)
        treated = experiments.loc[is_treated, ["customer_id", "since"]]
        without = company(changes)[1]
        whole = effect(treated, with_it, without)
        group = treated["customer_id"] % GROUPS
        parts = np.array([effect(treated[group != g], with_it, without) for g in range(GROUPS)])
        error = np.sqrt((GROUPS - 1) / GROUPS * ((parts - parts.mean()) ** 2).sum())
        print(name, len(treated), round(whole, 5), round(error, 5), flush=True)
        found.append({"measure": name, "n_treated": len(treated), "truth": whole, "monte_carlo_error": error})
    return pd.DataFrame(found)


if __name__ == "__main__":
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    rows().round(5).to_csv(TARGET, index=False)
