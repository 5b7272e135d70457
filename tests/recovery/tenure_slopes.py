"""Make data/simulated/tenure-slopes.csv: the slope of leaving on tenure in three companies of 40,000.

    python tests/recovery/tenure_slopes.py

Too slow for a page (some minutes), so the chapter *Why do customers cancel?* reads the table. Seeds are
arbitrary and were each used once.
"""

from pathlib import Path

import pandas as pd

from cxmeasure import lantern, lifecycle

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "data" / "simulated" / "tenure-slopes.csv"
SIZE = 40_000
WORLDS = (
    ("as claimed", "claimed", 11, 0.0),
    ("no effect", "null", 13, 0.0),
    ("loyal", "claimed", 12, -0.3),
)
RECORDS = ["renewal_month", "price_rise", "rival_promo", "tenure_years"]
STATES = ["z", "habit", "attachment"]
MODELS = (
    ("records", RECORDS, False),
    ("records, frailty", RECORDS, True),
    ("feelings known", RECORDS + STATES, False),
    ("feelings known, frailty", RECORDS + STATES, True),
)


def months(world: str, seed: int, slope: float) -> pd.DataFrame:
    """Return the customer-months of one company with its hidden states."""
    company = lantern.simulate(
        world,
        size=SIZE,
        seed=seed,
        tables=["panel_month", "truth_customer"],
        parameters={"exit_tenure": slope} if slope else None,
    )
    panel = company["panel_month"]
    panel = panel.assign(tenure_years=panel["tenure_m"] / 12, price_rise=0.9 * (panel["month"] == 20))
    return panel.merge(
        company["truth_customer"][["customer_id", "month", *STATES]], on=["customer_id", "month"]
    )


def rows() -> pd.DataFrame:
    """Fit every model in every company."""
    found = []
    for world, base, seed, slope in WORLDS:
        data = months(base, seed, slope)
        for model, columns, has_frailty in MODELS:
            fit = lifecycle.leaving_hazard(
                data, covariate_columns=columns, has_frailty=has_frailty, n_nodes=9
            ).table.set_index("term")
            slopes = fit.loc["tenure_years", ["estimate", "conf_low", "conf_high"]]
            found.append(
                {"world": world, "model": model, "n_customers": SIZE, **slopes, "truth": slope,
                 "frailty_sd": fit["estimate"].get("frailty_sd")}
            )  # fmt: skip
    return pd.DataFrame(found)


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    rows().to_csv(TARGET, index=False, float_format="%.3f", lineterminator="\n")
