"""The survey wing on trial: each estimator where its assumptions hold, and where one is broken on purpose."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl

import cxmeasure.survey

sys.path.insert(0, str(Path(__file__).parent))
from scenario import Sample, Scenarios


class OnPolars:
    """The wing, with pandas tables handed over as Polars: for small tables the quickest engine by far."""

    def __getattr__(self, name):
        function = getattr(cxmeasure.survey, name)
        return lambda rows, **choices: function(as_polars(rows), **choices)


def as_polars(rows):
    return pl.from_pandas(rows, nan_to_null=True) if isinstance(rows, pd.DataFrame) else rows


survey = OnPolars()
SCENARIOS = Scenarios()
add = SCENARIOS.add
VALUE = {"u": (0.45, 0.10, 0.45), "bell": (0.25, 0.5, 0.25), "lopsided": (0.9, 0.07, 0.03)}


def scores(rng, n, shares):
    return rng.choice([10.0, 8.0, 3.0], n, p=shares)


def nps(shares):
    return 100 * (shares[0] - shares[2])


def families(rng, n_customers, size, shares, alike):
    """Return customers with `size` answers each, every answer the customer's own with the chance `alike`."""
    own = np.repeat(scores(rng, n_customers, shares), size)
    other = scores(rng, n_customers * size, shares)
    who = np.repeat(np.arange(n_customers), size)
    return pd.DataFrame({"ltr": np.where(rng.random(len(who)) < alike, own, other), "who": who})


# metric


def plain_metric(shape, n, **choices):
    def draw(rng):
        answers = pd.DataFrame({"ltr": scores(rng, n, VALUE[shape])})
        return Sample(survey.metric(answers, **choices).table, {"nps": nps(VALUE[shape])})

    return draw


add("metric", "bell, 200 answers", "easy")(plain_metric("bell", 200))
add("metric", "U, 12 answers", "small n")(plain_metric("u", 12))
add("metric", "lopsided, 30 answers", "lopsided")(plain_metric("lopsided", 30))
add("metric", "U, 12 answers, adjusted Wald", "small n")(plain_metric("u", 12, method="adjusted-wald"))


@add("metric", "mean effort of 30 answers, skewed", "small n")
def _(rng):
    shares = np.array([0.02, 0.03, 0.05, 0.1, 0.15, 0.25, 0.4])
    answers = pd.DataFrame({"ces": rng.choice(np.arange(1.0, 8), 30, p=shares)})
    table = survey.metric(answers, score_column="ces", metric="ces").table
    return Sample(table, {"ces": float(shares @ np.arange(1, 8))})


@add("metric", "weights that have nothing to do with the score", "lopsided")
def _(rng):
    answers = pd.DataFrame({"ltr": scores(rng, 100, VALUE["lopsided"]), "w": rng.uniform(0.3, 3, 100)})
    return Sample(survey.metric(answers, weight_column="w").table, {"nps": nps(VALUE["lopsided"])})


@add("metric", "clusters declared, 40 customers of 2", "clustered")
def _(rng):
    answers = families(rng, 40, 2, VALUE["lopsided"], 0.6)
    return Sample(survey.metric(answers, cluster_column="who").table, {"nps": nps(VALUE["lopsided"])})


@add("metric", "60 of 120 customers, finite population", "easy")
def _(rng):
    everybody = scores(rng, 120, VALUE["bell"])
    answers = pd.DataFrame({"ltr": rng.permutation(everybody)[:60]})
    truth = 100 * (np.mean(everybody == 10) - np.mean(everybody == 3))
    return Sample(survey.metric(answers, population_size=120).table, {"nps": truth})


@add("metric", "difference of two groups of 40", "small n")
def _(rng):
    answers = pd.DataFrame(
        {
            "ltr": np.r_[scores(rng, 40, VALUE["bell"]), scores(rng, 40, VALUE["lopsided"])],
            "g": np.repeat(["a", "b"], 40),
        }
    )
    table = survey.metric(answers, by=["g"], against="a").table
    gap = nps(VALUE["lopsided"]) - nps(VALUE["bell"])
    row = table[table["term"] == "nps difference"].iloc[0]
    alarm = not row["conf_low"] <= 0 <= row["conf_high"]
    return Sample(table, {"nps difference": gap}, alarm=alarm)


@add("metric", "difference of two groups of 40 that are alike", "small n")
def _(rng):
    answers = pd.DataFrame({"ltr": scores(rng, 80, VALUE["bell"]), "g": np.repeat(["a", "b"], 40)})
    table = survey.metric(answers, by=["g"], against="a").table
    row = table[table["term"] == "nps difference"].iloc[0]
    return Sample(table, {"nps difference": 0.0}, alarm=not row["conf_low"] <= 0 <= row["conf_high"])


@add("metric", "broken: four like answers a customer, not declared", "assumption broken", holds=False)
def _(rng):
    return Sample(survey.metric(families(rng, 40, 4, VALUE["bell"], 0.9)).table, {"nps": 0.0})


@add("metric", "broken: the satisfied answer more", "assumption broken", holds=False)
def _(rng):
    everybody = scores(rng, 1_000, VALUE["bell"])
    rate = np.select([everybody == 10, everybody == 8], [0.4, 0.2], 0.15)
    answers = pd.DataFrame({"ltr": everybody[rng.random(1_000) < rate]})
    return Sample(survey.metric(answers).table, {"nps": 0.0})


# change

BEFORE, AFTER = (0.5, 0.3, 0.2), (0.3, 0.3, 0.4)
SEGMENTS = (((0.6, 0.25, 0.15), (0.6, 0.25, 0.15)), ((0.5, 0.3, 0.2), (0.55, 0.25, 0.2)),
            ((0.2, 0.3, 0.5), (0.3, 0.3, 0.4)))  # fmt: skip


def period(rng, n, shares, side, size=1):
    segment = np.repeat(rng.choice(3, n, p=shares), size)
    drawn = np.empty(n)
    for each in range(3):
        inside = segment[::size] == each
        drawn[inside] = scores(rng, int(inside.sum()), SEGMENTS[each][side])
    return pd.DataFrame({"ltr": np.repeat(drawn, size), "plan": segment, "t": side})


def kitagawa(n, size=1, before=BEFORE, after=AFTER):
    def draw(rng):
        answers = pd.concat([period(rng, n, before, 0, size), period(rng, n, after, 1, size)])
        m = np.array([[nps(segment[side]) for segment in SEGMENTS] for side in (0, 1)])
        p = np.array([before, after])
        within, mix = p.mean(axis=0) @ (m[1] - m[0]), m.mean(axis=0) @ (p[1] - p[0])
        table = survey.change(answers, period_column="t", before=0, after=1, segment_columns=["plan"]).table
        return Sample(table, {"change": within + mix, "within": within, "mix": mix})

    return draw


add("change", "300 answers a period", "easy")(kitagawa(300))
add("change", "50 answers a period", "small n")(kitagawa(50))
add("change", "the mix stays", "easy")(kitagawa(200, after=BEFORE))
add("change", "broken: every answer three times", "assumption broken", holds=False)(kitagawa(100, size=3))


@add("change", "five segments that score alike, 60 answers a period", "small n")
def _(rng):
    p = np.array([[0.3, 0.2, 0.2, 0.2, 0.1], [0.1, 0.2, 0.2, 0.2, 0.3]])
    segments = [np.r_[np.arange(5), rng.choice(5, 55, p=each)] for each in p]
    answers = pd.DataFrame(
        {"ltr": scores(rng, 120, BEFORE), "plan": np.concatenate(segments), "t": np.repeat([0, 1], 60)}
    )
    table = survey.change(answers, period_column="t", before=0, after=1, segment_columns=["plan"]).table
    return Sample(table, {"change": 0.0, "within": 0.0, "mix": 0.0})


# control_chart


def months(rng, n_months, n, shift=0.0, drift=0.0):
    rows = []
    level = 0.0
    for month in range(n_months):
        level = 0.8 * level + drift * rng.normal()
        moved = np.clip(0.4 + level + (shift if month in (12, 13) else 0.0), 0.02, 0.75)
        rows.append(pd.DataFrame({"month": month, "ltr": scores(rng, n, (moved, 0.25, 0.75 - moved))}))
    return pd.concat(rows, ignore_index=True)


def charted(holds, **world):
    def draw(rng):
        table = survey.control_chart(months(rng, 24, 60, **world), period_column="month").table
        truth = {0: 100 * (0.4 - 0.35)} if holds else {}
        return Sample(table, truth or {0: np.nan}, alarm=bool((table["signal"] != "").any()))

    return draw


add("control_chart", "nothing happens in 24 months", "easy")(charted(True))
add("control_chart", "two months fall by 40 points", "easy")(charted(True, shift=-0.2))
add("control_chart", "broken: each month like the last", "assumption broken", holds=False)(
    charted(False, drift=0.08)
)


# screen


def hurried(rng, *, is_honest):
    """Return answers, a tenth of them in 10 s: by people who click at random, or in a hurry and pleased."""
    fast = rng.random(400) < 0.1
    ltr = scores(rng, 400, VALUE["bell"])
    ltr[fast] = scores(rng, int(fast.sum()), (0.8, 0.1, 0.1) if is_honest else (2 / 11, 2 / 11, 7 / 11))
    return pd.DataFrame({"ltr": ltr, "seconds": np.where(fast, 10, 90) * rng.lognormal(0, 0.3, 400)})


@add("screen", "a tenth click at random, fast", "easy")
def _(rng):
    answers = hurried(rng, is_honest=False)
    table = survey.screen(answers, duration_column="seconds", least_duration=25).summary.table
    return Sample(table, {"kept": 0.0, "kept less all": 100 * 0.1 * 5 / 11, "speeder": 0.1})


@add("screen", "broken: the fast are honest, and pleased", "assumption broken", holds=False)
def _(rng):
    table = survey.screen(
        hurried(rng, is_honest=True), duration_column="seconds", least_duration=25
    ).summary.table
    return Sample(table, {"kept": 7.0, "all": 7.0})


# response_rates


@add("response_rates", "2,000 invitations", "easy")
def _(rng):
    counts = rng.multinomial(2_000, [0.2, 0.02, 0.4, 0.38])
    table = survey.response_rates(dict(zip(["I", "P", "R", "NC"], counts.tolist(), strict=True))).table
    return Sample(table, {"RR1": 0.2, "RR2": 0.22})


@add("response_rates", "40 invitations, few answer", "small n")
def _(rng):
    counts = rng.multinomial(40, [0.08, 0.02, 0.4, 0.5])
    table = survey.response_rates(dict(zip(["I", "P", "R", "NC"], counts.tolist(), strict=True))).table
    return Sample(table, {"RR1": 0.08})


@add("response_rates", "broken: households of four answer together", "assumption broken", holds=False)
def _(rng):
    counts = 4 * rng.multinomial(100, [0.2, 0.02, 0.4, 0.38])
    table = survey.response_rates(dict(zip(["I", "P", "R", "NC"], counts.tolist(), strict=True))).table
    return Sample(table, {"RR1": 0.2})


# response_propensity, r_indicator, partial_r_indicators, covariate_balance


def invited(rng, n, size=1, low=0.15):
    """Return invitations with two covariates; the log odds of an answer are additive in them."""
    plan, region = rng.choice(3, n, p=[0.5, 0.3, 0.2]), rng.choice(2, n)
    odds = np.log(low / (1 - low)) + np.array([0.0, 0.5, 1.0])[plan] + 0.4 * region
    answered = rng.random(n) < 1 / (1 + np.exp(-odds))
    rows = pd.DataFrame({"plan": plan, "region": region, "has_answered": answered, "who": np.arange(n)})
    return rows.loc[np.repeat(rows.index, size)].reset_index(drop=True)


def cells(low=0.15):
    plan, region = (each.ravel() for each in np.meshgrid([0, 1, 2], [0, 1], indexing="ij"))
    share = np.array([0.5, 0.3, 0.2])[plan] * 0.5
    odds = np.log(low / (1 - low)) + np.array([0.0, 0.5, 1.0])[plan] + 0.4 * region
    return plan, region, share, 1 / (1 + np.exp(-odds))


COVARIATES = {"covariate_columns": ["plan", "region"]}


def propensity(n, size=1):
    def draw(rng):
        table = survey.response_propensity(invited(rng, n, size), **COVARIATES).table
        return Sample(table, {"plan=2": 1.0, "region=1": 0.4})

    return draw


add("response_propensity", "2,000 invitations", "easy")(propensity(2_000))
add("response_propensity", "200 invitations", "small n")(propensity(200))
add(
    "response_propensity", "broken: each asked four times, the same answer", "assumption broken", holds=False
)(propensity(300, 4))


def representative(n, size=1):
    def draw(rng):
        _, _, share, p = cells()
        spread = np.sqrt(share @ (p - share @ p) ** 2)
        return Sample(survey.r_indicator(invited(rng, n, size), **COVARIATES).table, {"R": 1 - 2 * spread})

    return draw


add("r_indicator", "2,000 invitations", "easy")(representative(2_000))
add("r_indicator", "300 invitations", "small n")(representative(300))
add("r_indicator", "broken: each asked four times, the same answer", "assumption broken", holds=False)(
    representative(300, 4)
)


def partial(n, size=1):
    def draw(rng):
        plan, _, share, p = cells()
        own = share[plan == 2].sum()
        gap = (share * p)[plan == 2].sum() / own - share @ p
        table = survey.partial_r_indicators(invited(rng, n, size), **COVARIATES).table
        is_it = (table["term"] == "unconditional") & (table["variable"] == "plan")
        is_it &= table["category"].astype(str) == "2"
        return Sample(table[is_it], {"unconditional": float(np.sqrt(own) * gap)})

    return draw


add("partial_r_indicators", "2,000 invitations", "easy")(partial(2_000))
add("partial_r_indicators", "300 invitations", "small n")(partial(300))
add("partial_r_indicators", "broken: each asked four times", "assumption broken", holds=False)(
    partial(300, 4)
)


def balance(n, size=1):
    def draw(rng):
        plan, _, share, p = cells()
        gap = (share * p)[plan == 2].sum() / (share @ p) - share[plan == 2].sum()
        table = survey.covariate_balance(invited(rng, n, size), **COVARIATES).table
        is_it = (table["variable"] == "plan") & (table["category"].astype(str) == "2")
        chosen = table[is_it].iloc[[0]].assign(term="gap")
        return Sample(chosen, {"gap": float(gap)})

    return draw


add("covariate_balance", "2,000 invitations", "easy")(balance(2_000))
add("covariate_balance", "200 invitations", "small n")(balance(200))
add("covariate_balance", "broken: each asked four times", "assumption broken", holds=False)(balance(300, 4))


# nonresponse_weights

PLAN_SHARES = ((0.5, 0.3, 0.2), (0.3, 0.4, 0.3), (0.2, 0.3, 0.5))


def with_scores(rng, n, *, size=1, tilt=0.0, alike=1.0):
    """Return invitations whose score depends on the plan; with `tilt` the pleased answer more in a plan."""
    rows = invited(rng, n, 1, low=0.3)
    own = np.empty(n)
    for each in range(3):
        inside = rows["plan"] == each
        own[inside] = scores(rng, int(inside.sum()), PLAN_SHARES[each])
    if tilt:
        rate = np.clip(0.35 + tilt * (own - 8) / 5, 0.05, 0.95)
        rows["has_answered"] = rng.random(n) < rate
    rows["score"] = own
    rows = rows.loc[np.repeat(rows.index, size)].reset_index(drop=True)
    if alike < 1:
        rows["has_answered"] = rows["has_answered"] & (rng.random(len(rows)) < 0.7)
    return rows.assign(ltr=rows["score"].where(rows["has_answered"]))


def weighted(method, n, *, is_known=True, declares=False, **world):
    margins = {"plan": {0: 0.5, 1: 0.3, 2: 0.2}, "region": {0: 0.5, 1: 0.5}}
    crossed = pd.DataFrame([(i, j, margins["plan"][i] / 2) for i in range(3) for j in range(2)],
                           columns=["plan", "region", "total"])  # fmt: skip

    def draw(rng):
        population = (margins if method == "rake" else crossed) if is_known else None
        population = None if method == "inverse-propensity" else population
        choices = {"cluster_column": "who"} if declares else {}
        table = survey.nonresponse_weights(
            with_scores(rng, n, **world),
            method=method,
            responded_column="has_answered",
            population=population,
            score_column="ltr",
            **COVARIATES,
            **choices,
        ).summary.table
        truth = sum(share * nps(PLAN_SHARES[each]) for each, share in margins["plan"].items())
        return Sample(table, {"weighted": truth})

    return draw


add("nonresponse_weights", "raked to known margins, 600 invited", "easy")(weighted("rake", 600))
add("nonresponse_weights", "raked to known margins, 80 invited", "small n")(weighted("rake", 80))
add("nonresponse_weights", "post-stratified, 600 invited", "easy")(weighted("post-stratify", 600))
add("nonresponse_weights", "inverse propensity, 600 invited", "easy")(weighted("inverse-propensity", 600))
add("nonresponse_weights", "raked, three invitations a customer, declared", "clustered")(
    weighted("rake", 200, size=3, alike=0.5, declares=True)
)
add("nonresponse_weights", "inverse propensity, three a customer, declared", "clustered")(
    weighted("inverse-propensity", 300, size=3, alike=0.5, declares=True)
)
add("nonresponse_weights", "broken: three a customer, not declared", "assumption broken", holds=False)(
    weighted("rake", 200, size=3, alike=0.5)
)
add("nonresponse_weights", "broken: margins estimated from those invited", "assumption broken", holds=False)(
    weighted("rake", 300, is_known=False)
)
add("nonresponse_weights", "broken: the pleased answer more in every plan", "assumption broken", holds=False)(
    weighted("rake", 600, tilt=0.2)
)


# nps_bias

RATES = (0.4, 0.2, 0.3)


def identity(n, size=1, **choices):
    def draw(rng):
        shares = np.array(VALUE["bell"])
        at = rng.choice(3, n, p=shares)
        rows = pd.DataFrame(
            {"ltr": np.array([10.0, 8, 3])[at], "has_answered": rng.random(n) < np.array(RATES)[at]}
        )
        rows["who"] = np.arange(n)
        rows = rows.loc[np.repeat(rows.index, size)]
        rate = float(shares @ RATES)
        observed = 100 * (shares[0] * RATES[0] - shares[2] * RATES[2]) / rate
        truth = {
            "amplification": (RATES[0] + RATES[2]) / 2 / rate,
            "tilt": 100 * (shares[0] + shares[2]) * (RATES[0] - RATES[2]) / 2 / rate,
            "observed": observed,
            "bias": observed - nps(shares),
        }
        return Sample(survey.nps_bias(rows, **choices).table, truth)

    return draw


add("nps_bias", "1,000 invitations", "easy")(identity(1_000))
add("nps_bias", "100 invitations", "small n")(identity(100))
add("nps_bias", "three invitations a customer, declared", "clustered")(identity(150, 3, cluster_column="who"))
add("nps_bias", "broken: three a customer, not declared", "assumption broken", holds=False)(identity(150, 3))


# worst_case_bounds


def bounded(n, size=1, **choices):
    """The hardest truth: everybody silent is a detractor, so that it lies on the lower bound."""

    def draw(rng):
        rows = pd.DataFrame({"ltr": scores(rng, n, (0.5, 0.3, 0.2)), "who": np.arange(n)})
        rows["ltr"] = rows["ltr"].where(rng.random(n) < 0.3)
        rows = rows.loc[np.repeat(rows.index, size)]
        return Sample(survey.worst_case_bounds(rows, **choices).table, {"lowest": 0.3 * 30 - 70})

    return draw


add("worst_case_bounds", "500 invitations, truth on the bound", "easy")(bounded(500))
add("worst_case_bounds", "30 invitations, truth on the bound", "small n")(bounded(30))
add("worst_case_bounds", "three a customer, declared", "clustered")(bounded(100, 3, cluster_column="who"))
add("worst_case_bounds", "broken: three a customer, not declared", "assumption broken", holds=False)(
    bounded(100, 3)
)


# sensitivity


def tilted(n, size=1, *, assumed=0.2, **choices):
    """Everybody's chance of an answer rises with the score: logit = −1.5 + .2 · (y − 7.5)."""

    def draw(rng):
        shares = (0.4, 0.35, 0.25)
        y = scores(rng, n, shares)
        answered = rng.random(n) < 1 / (1 + np.exp(0.5 - 0.2 * (y - 7.5)))
        rows = pd.DataFrame({"ltr": np.where(answered, y, np.nan), "who": np.arange(n)})
        rows = rows.loc[np.repeat(rows.index, size)]
        table = survey.sensitivity(rows, g1=[assumed], g2=[0.0], **choices).table
        return Sample(table, {"nps": nps(shares)})

    return draw


add("sensitivity", "tilt, the right one, 1,000 invitations", "easy")(tilted(1_000))
add("sensitivity", "tilt, the right one, 80 invitations", "small n")(tilted(80))
add("sensitivity", "tilt, three a customer, declared", "clustered")(tilted(200, 3, cluster_column="who"))


def much_alike(rng, rows, size=3, share=0.8):
    """Return rows in families of `size`, each the same as its family's first with the chance `share`.

    What holds of a row drawn alone holds of one of a family; only families are independent.
    """
    place = np.arange(len(rows))
    first = place - place % size
    at = np.where(rng.random(len(rows)) < share, first, place)
    return rows.iloc[at].reset_index(drop=True).assign(who=place // size)


@add("sensitivity", "tilt, 200 customers of three, much alike", "clustered")
def _(rng):
    shares = (0.4, 0.35, 0.25)
    y = scores(rng, 600, shares)
    answered = rng.random(600) < 1 / (1 + np.exp(0.5 - 0.2 * (y - 7.5)))
    rows = much_alike(rng, pd.DataFrame({"ltr": np.where(answered, y, np.nan)}))
    return Sample(
        survey.sensitivity(rows, g1=[0.2], g2=[0.0], cluster_column="who").table, {"nps": nps(shares)}
    )


add("sensitivity", "broken: tilt, three a customer, not declared", "assumption broken", holds=False)(
    tilted(200, 3)
)
add("sensitivity", "broken: tilt, none assumed", "assumption broken", holds=False)(tilted(1_000, assumed=0.0))


def by_proxy(n, size=1, *, is_share=False, is_u=False, **choices):
    """A pattern mixture: the silent have a lower proxy; given it, the same score (φ = 0)."""

    def draw(rng):
        answered = rng.random(n) < 0.4
        x = rng.normal(np.where(answered, 0.0, -0.5), 1)
        if is_u:
            x = rng.normal(0, np.where(answered, 1.4, 0.6))
        y = 6 + x + rng.normal(0, 1, n) + (np.where(answered, 0.0, -0.6) if is_u else 0.0)
        rows = pd.DataFrame({"y": np.where(answered, y, np.nan), "x": x, "who": np.arange(n)})
        rows = rows.loc[np.repeat(rows.index, size)]
        term = {"metric": "top_box", "threshold": 6.0} if is_share else {"metric": "mean"}
        table = survey.sensitivity(
            rows, score_column="y", method="proxy", proxy_column="x", phi=[0.0], **term, **choices
        ).table
        from scipy.special import ndtr

        mean = 6 - 0.6 * 0.6 if is_u else 6 - 0.6 * 0.5
        share = 0.4 * 0.5 + 0.6 * float(ndtr(-0.5 / np.sqrt(2)))
        return Sample(table, {"top_box": share} if is_share else {"mean": mean})

    return draw


add("sensitivity", "proxy, mean, 500 invitations", "easy")(by_proxy(500))
add("sensitivity", "proxy, mean, 60 invitations", "small n")(by_proxy(60))
add("sensitivity", "proxy, share, 500 invitations", "easy")(by_proxy(500, is_share=True))
add("sensitivity", "proxy, three a customer, declared", "clustered")(by_proxy(150, 3, cluster_column="who"))
add("sensitivity", "broken: proxy, three a customer, not declared", "assumption broken", holds=False)(
    by_proxy(150, 3)
)
add(
    "sensitivity", "broken: proxy, the silent score less at the same proxy", "assumption broken", holds=False
)(by_proxy(500, is_u=True))


@add("sensitivity", "data defect, the correlation of the population", "easy")
def _(rng):
    shares, rates = np.array([0.4, 0.35, 0.25]), np.array([0.4, 0.3, 0.25])
    at = rng.choice(3, 1_500, p=shares)
    answered = rng.random(1_500) < rates[at]
    rows = pd.DataFrame({"ltr": np.where(answered, np.array([10.0, 8, 3])[at], np.nan)})
    value, rate = np.array([1.0, 0, -1]), float(shares @ rates)
    mean = shares @ value
    covariance = shares @ (value * rates) - mean * rate
    rho = covariance / np.sqrt(rate * (1 - rate) * (shares @ value**2 - mean**2))
    table = survey.sensitivity(rows, method="data-defect", rho=[float(rho)]).table
    return Sample(table, {"nps": 100 * float(mean)})


# wave_contrast


def in_waves(silent):
    def draw(rng):
        first, second = (0.5, 0.3, 0.2), (0.35, 0.35, 0.3)
        wave = rng.choice([1, 2, 0], 800, p=[0.25, 0.15, 0.6])
        answers = pd.DataFrame({"wave": wave, "ltr": np.nan})
        for each, shares in ((1, first), (2, second)):
            answers.loc[wave == each, "ltr"] = scores(rng, int((wave == each).sum()), shares)
        table = survey.wave_contrast(answers[answers["wave"] > 0], wave_column="wave", n_invited=800).table
        everybody = 0.25 * nps(first) + 0.15 * nps(second) + 0.6 * nps(silent)
        return Sample(
            table,
            {"nps difference": nps(second) - nps(first),
             "everybody, if the silent are like the last wave": everybody},
        )  # fmt: skip

    return draw


add("wave_contrast", "the silent are like the last wave", "easy")(in_waves((0.35, 0.35, 0.3)))
add("wave_contrast", "broken: the silent are worse", "assumption broken", holds=False)(
    in_waves((0.2, 0.35, 0.45))
)


# double_sample


def called_back(n, size=1, *, draws=0.2, reaches=(0.6, 0.6, 0.6), **choices):
    def draw(rng):
        shares, rates = np.array([0.4, 0.3, 0.3]), np.array([0.4, 0.2, 0.15])
        at = np.repeat(rng.choice(3, n, p=shares), size)
        y = np.array([10.0, 8, 3])[at]
        answered = rng.random(n * size) < rates[at]
        drawn = ~answered & (rng.random(n * size) < draws)
        reached = drawn & (rng.random(n * size) < np.array(reaches)[at])
        rows = pd.DataFrame({"has_answered": answered, "ltr": np.where(answered, y, np.nan), "drawn": drawn})
        rows = rows.assign(again=np.where(reached, y, np.nan), who=np.repeat(np.arange(n), size))
        table = survey.double_sample(rows, follow_up_column="again", **choices).table
        return Sample(table, {"double sample": nps(shares)})

    return draw


add("double_sample", "1,000 invited, a fifth of the silent called", "easy")(called_back(1_000))
add("double_sample", "300 invited, some 25 reached", "small n")(called_back(300, draws=0.18))
add("double_sample", "three invitations a customer, declared", "clustered")(
    called_back(300, 3, cluster_column="who")
)
add("double_sample", "broken: the pleased are reached more easily", "assumption broken", holds=False)(
    called_back(1_000, reaches=(0.8, 0.5, 0.3))
)


# response_curve


def curved(n, bend, size=1, **choices):
    def draw(rng):
        x = rng.uniform(0, 10, n)
        odds = -1.4 + bend * (x - 5) ** 2
        rows = pd.DataFrame(
            {"use": x, "has_answered": rng.random(n) < 1 / (1 + np.exp(-odds)), "who": np.arange(n)}
        )
        rows = rows.loc[np.repeat(rows.index, size)]
        table = survey.response_curve(rows, proxy_column="use", proxy_kind="behaviour", **choices).table
        said = table["note"].iloc[-1].startswith("U-shaped")
        truth = {"vertex": 5.0} if bend else {"slope at the low end": 0.0, "slope at the high end": 0.0}
        return Sample(table, truth, alarm=bool(said))

    return draw


add("response_curve", "a U, 2,000 invitations", "easy")(curved(2_000, 0.06))
add("response_curve", "a U, 300 invitations", "small n")(curved(300, 0.06))
add("response_curve", "flat, 1,000 invitations", "easy")(curved(1_000, 0.0))
add("response_curve", "flat, four a customer, declared", "clustered")(
    curved(150, 0.0, 4, cluster_column="who")
)


@add("response_curve", "flat, 150 customers of three, much alike", "clustered")
def _(rng):
    rows = pd.DataFrame({"use": rng.uniform(0, 10, 450), "has_answered": rng.random(450) < 0.2})
    table = survey.response_curve(
        much_alike(rng, rows), proxy_column="use", proxy_kind="behaviour", cluster_column="who"
    ).table
    said = table["note"].iloc[-1].startswith("U-shaped")
    return Sample(table, {"slope at the low end": 0.0, "slope at the high end": 0.0}, alarm=bool(said))


add("response_curve", "broken: flat, four a customer, not declared", "assumption broken", holds=False)(
    curved(150, 0.0, 4)
)


# contact_fatigue


def in_arms(n_customers, size, gap, spread=0.8):
    def draw(rng):
        arm = rng.choice(2, n_customers)
        own = rng.normal(0, spread, n_customers)
        odds = np.repeat(-1.5 + gap * arm + own, size)
        rows = pd.DataFrame(
            {
                "arm": np.repeat(arm, size),
                "who": np.repeat(np.arange(n_customers), size),
                "has_answered": rng.random(n_customers * size) < 1 / (1 + np.exp(-odds)),
            }
        )
        table = survey.contact_fatigue(rows, arm_column="arm", customer_column="who").table
        grid = -1.5 + spread * np.sqrt(2) * np.polynomial.hermite.hermgauss(40)[0]
        weight = np.polynomial.hermite.hermgauss(40)[1] / np.sqrt(np.pi)
        rates = [weight @ (1 / (1 + np.exp(-(grid + move)))) for move in (0.0, gap)]
        row = table[table["term"] == "difference"].iloc[0]
        alarm = not row["conf_low"] <= 0 <= row["conf_high"]
        return Sample(table, {"response rate": rates[0], "difference": rates[1] - rates[0]}, alarm=alarm)

    return draw


add("contact_fatigue", "400 customers, four invitations, a gap", "clustered")(in_arms(400, 4, 0.5))
add("contact_fatigue", "400 customers, four invitations, no gap", "clustered")(in_arms(400, 4, 0.0))
add("contact_fatigue", "30 customers, four invitations", "small n")(in_arms(30, 4, 0.5))


def within(by_history):
    """Nobody tires. With `by_history` who just answered is asked sooner, so that more invitations count."""

    def draw(rng):
        n, waves = 200, 6
        own = rng.normal(-0.5, 1, n)
        prior, rows = np.zeros(n), []
        for _ in range(waves):
            answered = rng.random(n) < 1 / (1 + np.exp(-own))
            rows.append(pd.DataFrame({"who": np.arange(n), "prior": prior, "has_answered": answered}))
            chance = np.where(answered, 0.2, 0.8) if by_history else np.full(n, 0.5)
            prior = np.where(rng.random(n) < chance, prior + 1, 0.0)
        table = survey.contact_fatigue(
            pd.concat(rows, ignore_index=True), prior_column="prior", customer_column="who"
        ).table
        row = table[table["term"] == "within-person slope"].iloc[0]
        alarm = not row["conf_low"] <= 0 <= row["conf_high"]
        return Sample(table, {"within-person slope": 0.0}, alarm=alarm)

    return draw


add("contact_fatigue", "within persons, nobody tires", "clustered")(within(False))
add("contact_fatigue", "broken: whom we ask depends on who answered", "assumption broken", holds=False)(
    within(True)
)
