"""One call of ours or of a peer, in the environment that has it; prints one line of JSON.

python peer_calls.py '{"call": "rake_rimpy", "folder": …, "times": 3}'. What a peer needs before it can start,
such as reading a file, is not timed; what it prints is not shown.
"""

import contextlib
import io
import json
import resource
import sys
import time
import warnings
from pathlib import Path

warnings.simplefilter("ignore")
LOOKED_UP = ["six_cells_risq"]
"""What is stored and not computed here has no time."""
MARGINS = ["plan", "region", "age"]
TARGETS = {
    "plan": {"basic": 40, "plus": 40, "pro": 20},
    "region": dict.fromkeys("NESW", 25),
    "age": {"18-34": 30, "35-54": 30, "55+": 40},
}


def _sent(job):
    import pandas as pd

    return pd.read_parquet(Path(job["folder"]) / "customers.parquet", columns=[*MARGINS, "has_answered"])


def _log(job):
    import pandas as pd

    rows = pd.read_csv(Path(job["folder"]) / "log.csv", parse_dates=["ts"], date_format="ISO8601")
    return rows.sort_values(["customer_id", "ts"], ignore_index=True)


def _drivers(job):
    import numpy as np
    import pandas as pd

    n = job["drivers"]
    rng = np.random.default_rng(7)
    rated = 7 + rng.standard_normal((5_000, 1)) + 1.2 * rng.standard_normal((5_000, n))
    rows = pd.DataFrame(np.clip(np.round(rated), 0, 10), columns=[f"d{i:02d}" for i in range(n)])
    overall = rows.to_numpy() @ rng.random(n) + 2 * rng.standard_normal(5_000)
    return rows, rows.assign(overall=overall)


def rake_ours(job):
    from cxmeasure import survey

    rows = _sent(job)
    return lambda: survey.nonresponse_weights(rows, covariate_columns=MARGINS, population=TARGETS)


def rake_ours_polars(job):
    import polars as pl

    from cxmeasure import survey

    rows = pl.from_pandas(_sent(job))
    return lambda: survey.nonresponse_weights(rows, covariate_columns=MARGINS, population=TARGETS)


def rake_rimpy(job):
    import rimpy

    rows = _sent(job)
    return lambda: rimpy.rake(rows, TARGETS)


def rake_rimpy_polars(job):
    import polars as pl
    import rimpy

    rows = pl.from_pandas(_sent(job))
    return lambda: rimpy.rake(rows, TARGETS)


def rake_svy(job):
    import polars as pl
    import svy

    rows = pl.from_pandas(_sent(job)).with_columns(w=pl.lit(1.0))
    return lambda: svy.Sample(rows, svy.Design(wgt="w")).weighting.rake(shares=TARGETS, tol=1e-8)


def rake_weightipy(job):
    import weightipy

    rows = _sent(job)
    return lambda: weightipy.weight_dataframe(rows, weightipy.scheme_from_dict(TARGETS, name="w"))


def rake_ipfn(job):
    import pandas as pd
    from ipfn import ipfn

    rows = _sent(job).assign(total=1.0)
    margins = [
        pd.Series({k: v / 100 * len(rows) for k, v in TARGETS[name].items()}, name="total").rename_axis(name)
        for name in MARGINS
    ]
    return lambda: ipfn.ipfn(rows.copy(), margins, [[name] for name in MARGINS]).iteration()


def rake_balance(job):
    import numpy as np
    import pandas as pd
    from balance.weighting_methods.rake import rake

    rows = _sent(job)[MARGINS]
    cells = pd.MultiIndex.from_product([TARGETS[name] for name in MARGINS], names=MARGINS).to_frame(
        index=False
    )
    share = np.prod([cells[name].map(TARGETS[name]).to_numpy(float) for name in MARGINS], axis=0)
    ones = pd.Series(np.ones(len(rows)))
    return lambda: rake(rows, ones, cells, pd.Series(share), variables=MARGINS, transformations=None)


def _from_cells(rows):
    from cxmeasure import survey

    def both():
        cells = survey.tally_responses(rows, covariate_columns=MARGINS)
        counts = {"invited_column": "n_invited", "responded_column": "n_responded"}
        survey.response_propensity(cells, covariate_columns=MARGINS, **counts)
        table = survey.r_indicator(cells, covariate_columns=MARGINS, **counts).table
        return float(table["estimate"].iloc[0])

    return both


def propensity_ours(job):
    return _from_cells(_sent(job))


def propensity_ours_polars(job):
    import polars as pl

    return _from_cells(pl.from_pandas(_sent(job)))


def propensity_statsmodels(job):
    import numpy as np
    import pandas as pd
    import statsmodels.api as sm

    rows = _sent(job)

    def fitted():
        x = pd.get_dummies(rows[MARGINS], drop_first=True).to_numpy(float)
        fit = sm.GLM(
            rows["has_answered"].to_numpy(float), sm.add_constant(x), family=sm.families.Binomial()
        ).fit()
        return 1 - 2 * np.std(fit.predict(), ddof=1)

    return fitted


def loaded_only(job):
    rows = _sent(job)
    return lambda: len(rows)


_CELLS = [("basic", "email", 900, 72), ("plus", "email", 600, 66), ("pro", "email", 300, 51)]
_CELLS += [("basic", "app", 500, 75), ("plus", "app", 400, 80), ("pro", "app", 300, 90)]


def six_cells_ours(job):
    import pandas as pd

    from cxmeasure import survey

    cells = pd.DataFrame(_CELLS, columns=["seg", "ch", "n", "s"])
    return lambda: (
        survey.r_indicator(cells, covariate_columns=["seg", "ch"], invited_column="n", responded_column="s")
        .table["estimate"]
        .iloc[0]
    )


def six_cells_balance(job):
    import pandas as pd
    from balance import Sample

    people = [(seg, ch, i < s) for seg, ch, n, s in _CELLS for i in range(n)]
    rows = pd.DataFrame(people, columns=["seg", "ch", "y"]).reset_index(names="id")
    target = Sample.from_frame(rows[["id", "seg", "ch"]], id_column="id")
    sample = Sample.from_frame(rows[rows["y"]][["id", "seg", "ch"]], id_column="id").set_target(target)
    return lambda: float(sample.adjust(method="rake").weights().r_indicator())


def six_cells_risq(job):
    """The R code of the RISQ project: what it gave, stored beside the tests."""
    stored = json.loads((Path(__file__).parents[1] / "reference" / "survey.json").read_text(encoding="utf-8"))
    return lambda: next(case["expected"]["R"] for case in stored if case["id"] == "risq_cells_logit")


def importance_ours(job):
    from cxmeasure import touchpoints

    _, rows = _drivers(job)
    names = list(rows.columns[:-1])
    return lambda: touchpoints.importance(rows, outcome="overall", drivers=names, n_boot=0)


def importance_ours_matrix(job):
    from cxmeasure import touchpoints

    _, rows = _drivers(job)
    matrix, names = rows.corr(), list(rows.columns[:-1])
    return lambda: touchpoints.importance(correlations=matrix, outcome="overall", drivers=names)


def importance_pingouin(job):
    import pingouin

    drivers, rows = _drivers(job)
    return lambda: pingouin.linear_regression(drivers, rows["overall"], relimp=True)


def importance_dominance(job):
    import numpy as np

    # It was written for an older numpy, and draws in a notebook that is not there.
    np.bool8 = np.bool_
    import bokeh.io

    bokeh.io.output_notebook = lambda: None
    from dominance_analysis import Dominance

    _, rows = _drivers(job)

    def shares():
        found = Dominance(data=rows, target="overall", objective=1, top_k=job["drivers"])
        return found.incremental_rsquare()

    return shares


_PATHS = [(["a"], 2, 8), (["a", "b"], 3, 7), (["b", "c"], 4, 6), (["a", "b", "c"], 3, 3), (["c"], 2, 9)]


def _visits():
    """Paths of three touchpoints, each so often won and so often lost, a hundred times over."""
    rows, who = [], 0
    for steps, won, lost in _PATHS:
        for is_won, n in ((True, 100 * won), (False, 100 * lost)):
            for _ in range(n):
                rows += [(who, place, step, is_won) for place, step in enumerate(steps)]
                who += 1
    return rows


def _exact():
    """Return the removal effects of the chain of these paths, solved by hand as linear equations."""
    import numpy as np

    names, moves = ["a", "b", "c"], np.zeros((4, 5))  # from start, a, b, c; to a, b, c, won, lost
    for steps, won, lost in _PATHS:
        at = 0
        for step in steps:
            moves[at, names.index(step)] += won + lost
            at = names.index(step) + 1
        moves[at, 3] += won
        moves[at, 4] += lost
    chance = moves / moves.sum(axis=1, keepdims=True)

    def converts(without=None):
        q, r = chance[:, :3].copy(), chance[:, 3]
        if without is not None:
            q[:, without] = 0
            r = np.where(np.arange(4) == without + 1, 0, r)
        inner = np.linalg.solve(np.eye(3) - q[1:], r[1:])
        return q[0] @ inner + r[0]

    return [1 - converts(i) / converts() for i in range(3)]


def removal_ours(job):
    import pandas as pd

    from cxmeasure import touchpoints

    rows = pd.DataFrame(_visits(), columns=["customer_id", "ts", "touchpoint", "converted"])

    def distance():
        found = touchpoints.removal_effects(rows, n_boot=0, n_null=0).table.set_index("term")["estimate"]
        return max(abs(found[name] - exact) for name, exact in zip("abc", _exact(), strict=True))

    return distance


def removal_mam(job):
    import pandas as pd
    from mam import MAM

    rows = pd.DataFrame(_visits(), columns=["user", "place", "channel", "is_won"])
    rows["at"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rows["place"], unit="h")
    last = rows["place"] == rows.groupby("user")["place"].transform("max")
    rows["conversion"] = rows["is_won"] & last

    def distance():
        model = MAM(
            rows, "format_1",
            channels_colname="channel", journey_with_conv_colname="conversion",
            datetime_colname="at", user_id_colname="user",
        )  # fmt: skip
        found = model.run_markov().to_dict()
        effects = dict(zip(found["channels"], found["attribution"], strict=True))
        # It says what part of the successes is whose, so the exact effects are set to the same sum.
        exact = [effect / sum(_exact()) * sum(effects.values()) for effect in _exact()]
        far = max(abs(effects[name] - due) for name, due in zip("abc", exact, strict=True))
        return float(far / sum(effects.values()))

    return distance


def removal_channelattribution(job):
    import types

    import pandas as pd

    # It imports a drawing library that this comparison does not draw with.
    for name in ("matplotlib", "matplotlib.pyplot"):
        sys.modules[name] = types.ModuleType(name)
    import ChannelAttribution

    # It wants paths already counted, which ours does itself.
    rows = [{"path": " > ".join(steps), "won": 100 * won, "lost": 100 * lost} for steps, won, lost in _PATHS]
    counted = pd.DataFrame(rows)

    def distance():
        found = ChannelAttribution.markov_model(
            counted, "path", "won", var_null="lost", order=1, out_more=True
        )
        effects = found["removal_effects"].set_index("channel_name")["removal_effect"]
        return float(max(abs(effects[name] - exact) for name, exact in zip("abc", _exact(), strict=True)))

    return distance


def transitions_ours(job):
    from cxmeasure.touchpoints.reduce.paths import tally_moves

    rows = _log(job).assign(converted=False)
    asked = {
        "customer_column": "customer_id", "journey_column": None, "touchpoint_column": "event",
        "order_columns": ["ts"], "converted_column": "converted", "order": 1,
    }  # fmt: skip
    return lambda: tally_moves(rows, **asked)


def transitions_retentioneering(job):
    from retentioneering import Eventstream

    rows = _log(job)[["customer_id", "ts", "event"]]

    def matrix():
        stream = Eventstream(
            rows, {"path_cols": ["customer_id"], "event_col": "event", "timestamp_col": "ts"}
        )
        return stream.transition_graph_data("count")

    return matrix


def transitions_pm4py(job):
    import pm4py

    rows = _log(job)

    def graph():
        log = pm4py.format_dataframe(
            rows[["customer_id", "ts", "event"]],
            case_id="customer_id",
            activity_key="event",
            timestamp_key="ts",
        )
        return pm4py.discover_dfg(log)

    return graph


def states_ours(job):
    from cxmeasure import lifecycle

    rows = _log(job)
    return lambda: lifecycle.occupancy(lifecycle.assign_episodes(rows))


def states_retentioneering(job):
    from retentioneering import Eventstream

    rows = _log(job)[["customer_id", "ts", "event"]]

    def daily():
        stream = Eventstream(
            rows, {"path_cols": ["customer_id"], "event_col": "event", "timestamp_col": "ts"}
        )
        return stream.to_daily_states()

    return daily


def _cdnow(job):
    import pandas as pd

    return pd.read_csv(Path(job["folder"]) / "cdnow.csv", parse_dates=["ts"], date_format="ISO8601")


def summary_ours(job):
    from cxmeasure import lifecycle

    rows = _cdnow(job)
    return lambda: lifecycle.summarise_purchases(rows, observed_until="1998-06-30")


def summary_lifetimes(job):
    from lifetimes.utils import summary_data_from_transaction_data

    rows = _cdnow(job)
    return lambda: summary_data_from_transaction_data(
        rows, "customer_id", "ts", observation_period_end="1998-06-30", freq="W"
    )


def fit_ours(job):
    from cxmeasure import lifecycle

    rows = lifecycle.summarise_purchases(_cdnow(job), observed_until="1998-06-30")
    return lambda: lifecycle.probability_alive(rows)


def fit_lifetimes(job):
    from lifetimes import BetaGeoFitter
    from lifetimes.utils import summary_data_from_transaction_data

    rows = summary_data_from_transaction_data(
        _cdnow(job), "customer_id", "ts", observation_period_end="1998-06-30", freq="W"
    )

    def fit():
        model = BetaGeoFitter().fit(rows["frequency"], rows["recency"], rows["T"])
        return model.conditional_probability_alive(rows["frequency"], rows["recency"], rows["T"])

    return fit


def main(job):
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        call = globals()[job["call"]](job)
        if job["call"] in LOOKED_UP:
            return {"result": call()}
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        seconds, cpu, result = [], [], None
        for place in range(job["times"] + 1):
            begin, worked = time.perf_counter(), time.process_time()
            result = call()
            # The first of each imports what is imported late, and does not count; the slow run once more.
            if place:
                seconds.append(time.perf_counter() - begin)
                cpu.append(time.process_time() - worked)
                if seconds[0] > 20:
                    break
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    scale = 1e6 if sys.platform == "darwin" else 1e3
    found = {"seconds": seconds, "cpu": cpu, "peak_mb": after / scale, "more_mb": (after - before) / scale}
    if isinstance(result, float | str):
        found["result"] = float(result) if not isinstance(result, str) else result
    return found


if __name__ == "__main__":
    try:
        print(json.dumps(main(json.loads(sys.argv[1]))))
    except Exception as error:  # noqa: BLE001 - what fails is reported, not mended
        print(
            json.dumps(
                {"error": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:300]}
            )
        )
