"""The touchpoint wing on trial: where the assumptions hold, and where one is broken on purpose."""

import itertools
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl

from cxmeasure import touchpoints

sys.path.insert(0, str(Path(__file__).parent))
from scenario import Sample, Scenarios, picked

SCENARIOS = Scenarios()
add = SCENARIOS.add


def is_off(row, at=0.0):
    return bool(not row["conf_low"] <= at <= row["conf_high"])


# scores


def rated(n_groups, sizes, *, spread=0.4, metric="mean", base=3.6, per_customer=1, declares=True, tied=0.0):
    """Groups whose truth is drawn anew for each sample; `tied` makes good groups the large ones."""

    def draw(rng):
        true = rng.normal(base, spread, n_groups)
        n = np.resize(np.array(sizes), n_groups)
        if tied:
            n = np.maximum(2, np.rint(n * np.exp(tied * (true - base) / spread)).astype(int))
        group = np.repeat(np.arange(n_groups), n)
        customer = np.arange(len(group)) // per_customer
        own = 0.7 * rng.normal(size=customer.max() + 1)[customer] if per_customer > 1 else 0.0
        if metric == "share":
            true = np.clip(true, 0.01, 0.99)
            score, choices = (rng.random(len(group)) < true[group]) * 1.0, {"threshold": 1.0}
        elif metric == "nps":
            likes = np.clip(true, 0.02, 0.9)
            u = rng.random(len(group))
            score = np.where(u < likes[group], 10, np.where(u < likes[group] + 0.08, 8, 3))
            true, choices = 100 * (likes - (0.92 - likes)), {}
        else:
            score, choices = true[group] + own + rng.normal(size=len(group)), {}
        rows = pl.DataFrame({"touchpoint": group, "csat": score, "who": customer})
        if per_customer > 1 and declares:
            choices["customer_column"] = "who"
        found = touchpoints.scores(rows, metric=metric, n_draws=0, rng=rng, **choices)
        chosen = {f"group {at}": {"touchpoint": at} for at in (0, 1)}
        truth = {f"group {at}": float(true[at]) for at in (0, 1)}
        return Sample(picked(found.table, chosen), truth)

    return draw


add("scores", "20 groups, 10 and 40 answers", "easy")(rated(20, [10, 40]))
add("scores", "20 groups, 3 and 5 answers", "small n")(rated(20, [3, 5]))
add("scores", "5 groups, 8 and 30 answers", "small n")(rated(5, [8, 30]))
add("scores", "20 groups that are all alike", "lopsided")(rated(20, [10, 40], spread=0.0))
add("scores", "a share near one, 12 and 40 answers", "lopsided")(
    rated(20, [12, 40], metric="share", base=0.88, spread=0.05)
)
add("scores", "NPS, most are promoters, 12 and 40 answers", "lopsided")(
    rated(20, [12, 40], metric="nps", base=0.75, spread=0.08)
)
add("scores", "customers of 4 answers each, declared", "clustered")(rated(20, [20, 40], per_customer=4))
add("scores", "broken: customers of 4 answers each, not declared", "assumption broken", holds=False)(
    rated(20, [20, 40], per_customer=4, declares=False)
)
add("scores", "broken: the good have many answers, the bad few", "assumption broken", holds=False)(
    rated(20, [3, 5], tied=0.7)
)


# importance

BETA = np.array([0.5, 0.3, 0.2, 0.1])
DRIVERS = ["app", "shop", "phone", "mail"]


def correlated(rho):
    return (1 - rho) * np.eye(4) + rho


def averaged_over_orders(sigma, beta, noise):
    """Return the shares of R² averaged over all orders of entering, in the population."""
    total = beta @ sigma @ beta + noise**2

    def explained(some):
        some = list(some)
        with_y = (sigma @ beta)[some]
        return with_y @ np.linalg.solve(sigma[np.ix_(some, some)], with_y) / total if some else 0.0

    shares, orders = np.zeros(4), list(itertools.permutations(range(4)))
    for order in orders:
        for at, driver in enumerate(order):
            shares[driver] += explained(order[: at + 1]) - explained(order[:at])
    return shares / len(orders)


def relative_weights(sigma, beta, noise):
    """Return Johnson's weights in the population."""
    values, vectors = np.linalg.eigh(sigma)
    root = vectors @ np.diag(np.sqrt(values)) @ vectors.T
    return (root**2) @ (root @ beta) ** 2 / (beta @ sigma @ beta + noise**2)


def drawn_drivers(rng, n, size, rho, beta, alike):
    root = np.linalg.cholesky(correlated(rho))
    own = (rng.normal(size=(n, 4)) @ root.T)[np.repeat(np.arange(n), size)]
    other = rng.normal(size=(n * size, 4)) @ root.T
    x = np.sqrt(alike) * own + np.sqrt(1 - alike) * other
    shared = rng.normal(size=n)[np.repeat(np.arange(n), size)]
    noise = np.sqrt(alike) * shared + np.sqrt(1 - alike) * rng.normal(size=n * size)
    return x, x @ beta + noise


def divided(n, size=1, *, beta=BETA, rho=0.4, alike=0.0, method="lmg", declares=False, heavy=False, n_null=0):
    def draw(rng):
        x, y = drawn_drivers(rng, n, size, rho, beta, alike)
        if heavy:  # The same population correlations, with heavy tails: a scale shared by all of a row.
            scale = np.sqrt(rng.chisquare(6, n * size) / 4)[:, None]
            x, y = x / scale, y / scale[:, 0]
        rows = pl.DataFrame(
            dict(zip(DRIVERS, x.T, strict=True)) | {"y": y, "who": np.arange(n * size) // size}
        )
        whose = {"customer_column": "who"} if declares else {}
        table = touchpoints.importance(
            rows, outcome="y", drivers=DRIVERS, method=method, n_null=n_null, rng=rng, **whose
        ).table
        shares = (relative_weights if method == "johnson" else averaged_over_orders)(
            correlated(rho), beta, 1.0
        )
        truth = {name: float(shares[DRIVERS.index(name)]) for name in ("app", "mail")}
        alarm = bool(table["p_value"].iloc[3] < 0.05) if n_null else None
        return Sample(table, truth, alarm=alarm)

    return draw


add("importance", "400 customers, four drivers", "easy")(divided(400))
add("importance", "400 customers, relative weights", "easy")(divided(400, method="johnson"))
add("importance", "50 customers, four drivers", "small n")(divided(50))
add("importance", "400 customers, heavy tails", "lopsided")(divided(400, heavy=True))
add("importance", "400 customers, drivers nearly one", "lopsided")(divided(400, rho=0.9))
add("importance", "80 customers of 5 answers, declared", "clustered")(
    divided(80, 5, alike=0.7, declares=True)
)
add("importance", "one driver counts for little, with a test of it", "lopsided")(
    divided(400, beta=np.array([0.5, 0.3, 0.2, 0.05]), rho=0.0, n_null=100)
)
add("importance", "broken: 80 customers of 5 answers, not declared", "assumption broken", holds=False)(
    divided(80, 5, alike=0.7)
)
add(
    "importance",
    "broken: a driver without any effect, whose share cannot be below zero",
    "assumption broken",
    holds=False,
)(divided(400, beta=np.array([0.5, 0.3, 0.2, 0.0]), rho=0.0, n_null=100))


def ordered_answers(rng, n, size=1):
    """Return two drivers and a rating in four levels that follows their sum, by a logistic."""
    who = np.repeat(np.arange(n), size)
    app, shop = rng.integers(0, 5, n)[who], rng.integers(0, 4, n)[who]
    felt = 0.5 * app + 0.3 * shop + rng.logistic(size=n)[who]
    rows = {"app": app, "shop": shop, "overall": np.digitize(felt, [0.5, 1.5, 3.0])}
    return pl.DataFrame(rows)


@cache
def ordinal_truth():
    """Return McFadden's shares of 400,000 customers: the sampling error is a thirtieth of that of 400."""
    rows = ordered_answers(np.random.default_rng(1), 400_000)
    found = touchpoints.importance(
        rows, outcome="overall", drivers=["app", "shop"], model="ordinal", n_boot=0
    )
    return dict(zip(["app", "shop"], found.table["estimate"], strict=True))


def in_order(n, size=1):
    def draw(rng):
        rows = ordered_answers(rng, n, size)
        table = touchpoints.importance(
            rows, outcome="overall", drivers=["app", "shop"], model="ordinal", rng=rng
        ).table
        return Sample(table, ordinal_truth())

    return draw


add("importance", "400 customers, the order alone", "easy")(in_order(400))
add("importance", "80 customers, the order alone", "small n")(in_order(80))


# penalty_reward


def bent(n, size=1, *, reward=0.5, base=0.0, alike=0.0, declares=True, noise="normal"):
    def draw(rng):
        who = np.repeat(np.arange(n), size)
        app = rng.normal(size=len(who))
        own = rng.normal(size=n)[who]
        error = np.sqrt(alike) * own + np.sqrt(1 - alike) * rng.normal(size=len(who))
        if noise == "skewed":
            error = rng.exponential(size=len(who)) - 1
        felt = base + np.where(app < 0, 1.0, reward) * app + error
        rows = pl.DataFrame({"app": app, "overall": np.round(felt).clip(-2, 2)})
        rows = rows.with_columns(customer_id=pl.Series(who if declares else np.arange(len(who))))
        table = touchpoints.penalty_reward(rows, outcome="overall", drivers=["app"], neutral=0.0).table
        difference = table[table["term"] == "penalty - reward"].iloc[0]
        truth = {"penalty": 1.0, "reward": reward, "penalty - reward": 1.0 - reward}
        return Sample(table, truth, alarm=bool(difference["p_value"] < 0.05))

    return draw


add("penalty_reward", "500 answers, a penalty twice the reward", "easy")(bent(500))
add("penalty_reward", "500 answers, nothing bends", "easy")(bent(500, reward=1.0))
add("penalty_reward", "80 answers", "small n")(bent(80))
add("penalty_reward", "400 answers, most of them the best", "lopsided")(bent(400, base=2.0))
add("penalty_reward", "120 customers of 4 alike, declared", "clustered")(bent(120, 4, alike=0.7))
add("penalty_reward", "broken: errors that are skewed, nothing bends", "assumption broken", holds=False)(
    bent(500, reward=1.0, noise="skewed")
)


# removal_effects

PATHS = np.array(  # from each of three touchpoints to the three, to success, to failure
    [[0.0, 0.4, 0.2, 0.15, 0.25], [0.2, 0.0, 0.3, 0.2, 0.3], [0.1, 0.2, 0.0, 0.3, 0.4]]
)
BEGIN = np.array([0.6, 0.3, 0.1])
SELDOM = np.array([[0.0, 0.4, 0.2, 0.02, 0.38], [0.2, 0.0, 0.3, 0.03, 0.47], [0.1, 0.2, 0.0, 0.05, 0.65]])


def succeeded(chain, without=None):
    """Return the chance of success where every path that comes to `without` fails."""
    inner, begin = chain[:, :3].copy(), BEGIN.copy()
    if without is not None:
        inner[:, without], begin[without] = 0.0, 0.0
    return float(begin @ np.linalg.solve(np.eye(3) - inner, chain[:, 3]))


def paths(rng, n, chain):
    """Return steps of `n` paths: path, place, touchpoint; and whether each path succeeds."""
    at = rng.choice(3, n, p=BEGIN)
    who, place, where, won, alive = [], [], [], np.zeros(n, dtype=bool), np.arange(n)
    reach = np.cumsum(chain, axis=1)
    for step in range(200):
        who.append(alive), place.append(np.full(len(alive), step)), where.append(at[alive])
        to = (rng.random(len(alive))[:, None] > reach[at[alive]]).sum(axis=1)
        won[alive[to == 3]] = True
        at[alive[to < 3]] = to[to < 3]
        alive = alive[to < 3]
        if not len(alive):
            break
    return np.concatenate(who), np.concatenate(place), np.concatenate(where), won


def removed(n, chain=PATHS, size=1, *, declares=True, n_null=0):
    """`size` paths of a customer are one and the same."""

    def draw(rng):
        who, place, where, won = paths(rng, n, chain)
        copy = np.repeat(np.arange(size), len(who))
        who, place, where = (np.tile(each, size) for each in (who, place, where))
        path = who + n * copy
        rows = pl.DataFrame(
            {
                "customer_id": who if declares else path,
                "path": path,
                "touchpoint": pl.Series(np.array(["a", "b", "c"])[where]),
                "ts": place,
                "converted": won[who],
            }
        )
        table = touchpoints.removal_effects(rows, journey_column="path", n_null=n_null, rng=rng).table
        truth = {name: 1 - succeeded(chain, at) / succeeded(chain) for at, name in enumerate("abc")}
        return Sample(table, {name: truth[name] for name in ("a", "c")})

    return draw


add("removal_effects", "300 paths", "easy")(removed(300))
add("removal_effects", "40 paths", "small n")(removed(40))
add("removal_effects", "400 paths of which few succeed", "lopsided")(removed(400, SELDOM))
add("removal_effects", "80 customers of 4 like paths, declared", "clustered")(removed(80, size=4))
add("removal_effects", "broken: 4 like paths a customer, not declared", "assumption broken", holds=False)(
    removed(80, size=4, declares=False)
)


@add(
    "removal_effects",
    "broken: success needs both a and b, which a chain forgets",
    "assumption broken",
    holds=False,
)
def _(rng):
    who, place, where, _ = paths(rng, 300, PATHS)
    passed = np.zeros((300, 3), dtype=bool)
    passed[who, where] = True
    won = passed[:, 0] & passed[:, 1] & (rng.random(300) < 0.6)
    rows = pl.DataFrame(
        {"customer_id": who, "touchpoint": pl.Series(np.array(["a", "b", "c"])[where]), "ts": place,
         "converted": won[who]}
    )  # fmt: skip
    table = touchpoints.removal_effects(rows, n_null=0, rng=rng).table
    return Sample(table, {"a": 1.0, "b": 1.0})


def met(works):
    """Paths of touchpoints in no order; only with `works` do those succeed more often that pass c."""

    def draw(rng):
        length = rng.integers(1, 7, 300)
        who = np.repeat(np.arange(300), length)
        where = rng.choice(3, len(who), p=[0.5, 0.35, 0.15])
        passes = np.zeros(300, dtype=bool)
        passes[who[where == 2]] = True
        won = rng.random(300) < np.where(passes & works, 0.6, 0.25)
        place = np.arange(len(who)) - np.searchsorted(who, who)
        rows = pl.DataFrame(
            {"customer_id": who, "touchpoint": pl.Series(np.array(["a", "b", "c"])[where]), "ts": place,
             "converted": won[who]}
        )  # fmt: skip
        table = touchpoints.removal_effects(rows, n_boot=50, n_null=99, rng=rng).table
        row = table[table["term"] == "c"].iloc[0]
        return Sample(table, {"c": np.nan}, alarm=bool(row["p_value"] < 0.05))

    return draw


add("removal_effects", "nothing: touchpoints in no order, an alarm alone", "easy")(met(works=False))
add("removal_effects", "one touchpoint helps, an alarm alone", "easy")(met(works=True))


# moments_of_truth


def shortfalls(n, *, effect=-0.8, bad=0.3, mood=0.0, confounded=0.0, exposure=False, contacts=6):
    """Customers with six contacts of four touchpoints; the effect of a shortfall is that of the first two."""

    def draw(rng):
        who = np.repeat(np.arange(n), contacts)
        where = rng.choice(4, len(who), p=[0.4, 0.3, 0.2, 0.1])
        own = rng.normal(size=n)[who]
        failed = rng.random(len(who)) < np.clip(bad - confounded * own * bad, 0.01, 0.95)
        effects = np.array([effect, effect, 0.0, 0.0])[where]
        rows = {"customer_id": who, "touchpoint": pl.Series(np.array(list("abcd"))[where]), "failed": failed}
        if exposure:
            days = rng.integers(20, 91, len(who)).astype(float)
            rate = 0.002 + 0.01 * (effects != 0) * failed
            left = rng.exponential(size=len(who)) / rate
            rows |= {"felt": (left < days) * 1.0, "days": np.minimum(left, days)}
        else:
            rows |= {"felt": (mood + confounded) * own + effects * failed + rng.normal(size=len(who))}
        found = touchpoints.moments_of_truth(
            pl.DataFrame(rows),
            outcome_column="felt",
            exposure_column="days" if exposure else None,
            n_splits=0,
            n_draws=200,
            rng=rng,
        ).table.assign(said=lambda table: table["term"])
        if exposure:
            shown = found.assign(conf_low=found["effect_low"], conf_high=found["effect_high"])
            shown = shown.assign(estimate=found["effect"])
            truth = {"effect of a": 0.01, "effect of c": 0.0}
            shown = picked(shown, {name: {"said": name[-1]} for name in truth})
        else:
            truth = {"a": contacts * 0.4 * bad * effect, "c": 0.0}
            shown = picked(found, {name: {"said": name} for name in truth})
        null = found[found["said"] == "c"].iloc[0]
        return Sample(shown, truth, alarm=bool(null["p_value"] < 0.05))

    return draw


add("moments_of_truth", "300 customers, nothing in the touchpoint tested", "easy")(shortfalls(300))
add("moments_of_truth", "300 customers, rates of leaving, nothing in the one tested", "easy")(
    shortfalls(300, exposure=True)
)
add("moments_of_truth", "40 customers, nothing in the one tested", "small n")(shortfalls(40))
add("moments_of_truth", "300 customers, shortfalls are rare, nothing in the one tested", "lopsided")(
    shortfalls(300, bad=0.04)
)
add("moments_of_truth", "150 customers of 12 contacts and one mood, nothing in the one tested", "clustered")(
    shortfalls(150, mood=1.5, contacts=12)
)
add("moments_of_truth", "broken: the unhappy meet more shortfalls", "assumption broken", holds=False)(
    shortfalls(300, confounded=0.5)
)


# emotion_curve, peak_end


def walked(rng, n, size, steps, rises, mood, *, skewed=False):
    """Return steps of journeys, `size` a customer, who share a mood."""
    journey = np.repeat(np.arange(n * size), steps)
    step = np.tile(np.arange(steps), n * size)
    own = mood * rng.normal(size=n)[journey // size]
    noise = rng.exponential(size=len(journey)) ** 1.5 if skewed else rng.normal(size=len(journey))
    centred = noise - 1.329340388 if skewed else noise  # the mean of an exponential to the power of 1.5
    return pl.DataFrame(
        {"customer_id": journey // size, "journey_id": journey, "ts": step,
         "valence": rises * step + own + centred}
    )  # fmt: skip


def curve(n, size=1, *, rises=0.5, mood=0.5, steps=5, declares=True, skewed=False):
    """The whole band: `all steps` holds where every step's truth lies within; one step alone beside it."""

    def draw(rng):
        rows = walked(rng, n, size, steps, rises, mood, skewed=skewed)
        if not declares:
            rows = rows.with_columns(customer_id=pl.col("journey_id"))
        found = touchpoints.emotion_curve(rows, rng=rng)
        table = found.table
        true = rises * (table["step"].to_numpy(float) - 1)
        low, high = (table[name].to_numpy() - true for name in ("conf_low", "conf_high"))
        alone = table.iloc[[2]].assign(
            term="step 3 alone", conf_low=table["point_low"], conf_high=table["point_high"]
        )
        whole = table.iloc[[0]].assign(
            term="all steps", estimate=0.0, conf_low=low.max(), conf_high=high.min()
        )
        flat = bool(found.details["flat"]["p_value"].iloc[0] < 0.05)
        return Sample(pd.concat([whole, alone]), {"all steps": 0.0, "step 3 alone": 2.0 * rises}, alarm=flat)

    return draw


add("emotion_curve", "200 journeys that rise", "easy")(curve(200))
add("emotion_curve", "200 journeys, nothing: a flat curve", "easy")(curve(200, rises=0.0))
add("emotion_curve", "15 journeys, nothing: a flat curve", "small n")(curve(15, rises=0.0))
add("emotion_curve", "100 journeys, very skewed ratings", "lopsided")(curve(100, skewed=True))
add("emotion_curve", "60 customers of 4 journeys, declared", "clustered")(curve(60, 4, mood=1.0))
add("emotion_curve", "broken: 4 journeys a customer, not declared", "assumption broken", holds=False)(
    curve(60, 4, mood=1.0, declares=False)
)


def remembered(n, size=1, *, peak=0.3, end=0.3, mood=0.0, declares=True, noise=0.0, skewed=False):
    def draw(rng):
        steps = 4
        felt = rng.exponential(size=(n * size, steps)) - 0.3 if skewed else rng.normal(size=(n * size, steps))
        n_steps = rng.integers(2, steps + 1, n * size)
        is_in = np.arange(steps) < n_steps[:, None]
        shown = np.where(is_in, felt, 0.0)
        at = np.abs(shown).argmax(axis=1)
        rows = np.arange(n * size)
        memory = 0.4 * shown.sum(axis=1) / n_steps + peak * shown[rows, at] + end * felt[rows, n_steps - 1]
        who = rows // size
        memory = memory + mood * rng.normal(size=n)[who] + 0.5 * rng.normal(size=n * size)
        journey, step = np.nonzero(is_in)
        told = felt[journey, step] + noise * rng.normal(size=len(journey))
        frame = pl.DataFrame(
            {"customer_id": who[journey] if declares else journey, "journey_id": journey, "ts": step,
             "valence": told, "memory": memory[journey]}
        )  # fmt: skip
        found = touchpoints.peak_end(frame, remembered_column="memory")
        tests = found.details["tests"].set_index("term")["p_value"]
        alarm = bool(tests["peak and end add to the mean"] < 0.05)
        return Sample(found.table, {"mean": 0.4, "peak": peak, "end": end, "steps": 0.0}, alarm=alarm)

    return draw


add("peak_end", "300 journeys", "easy")(remembered(300))
add("peak_end", "300 journeys, nothing in peak and end", "easy")(remembered(300, peak=0.0, end=0.0))
add("peak_end", "30 journeys, nothing in peak and end", "small n")(remembered(30, peak=0.0, end=0.0))
add("peak_end", "200 journeys, skewed ratings", "lopsided")(remembered(200, skewed=True))
add("peak_end", "60 customers of 4 journeys, declared", "clustered")(remembered(60, 4, mood=1.0))
add("peak_end", "broken: the steps' ratings are noisy", "assumption broken", holds=False)(
    remembered(300, noise=0.7)
)


# expectation_gap


def expected(n, size=1, *, mood=0.0, declares=True, skewed=False, bends=0.0):
    def draw(rng):
        who = np.repeat(np.arange(n), size)
        before = rng.normal(size=len(who)) + mood * rng.normal(size=n)[who]
        after = (
            0.3 + 0.4 * before + (rng.exponential(size=len(who)) - 1 if skewed else rng.normal(size=len(who)))
        )
        spread = 1 + 0.8 * np.abs(after) if skewed else 1.0
        told = after - 0.5 * before + bends * (after - before) ** 2
        told = told + mood * rng.normal(size=n)[who] + spread * rng.normal(size=len(who))
        rows = pl.DataFrame(
            {"customer_id": who if declares else np.arange(len(who)), "expectation_before": before,
             "performance": after + mood * rng.normal(size=n)[who] * 0.5, "satisfaction": told}
        )  # fmt: skip
        if mood:
            rows = rows.with_columns(performance=pl.Series(after))
        found = touchpoints.expectation_gap(rows, outcome="satisfaction")
        truth = {"gap": 0.3, "experience": 1.0, "slope where they agree (a1)": 0.5,
                 "slope where they part (a3)": -1.5}  # fmt: skip
        return Sample(found.table, truth)

    return draw


add("expectation_gap", "300 pairs", "easy")(expected(300))
add("expectation_gap", "30 pairs", "small n")(expected(30))
add("expectation_gap", "200 pairs, skewed and uneven errors", "lopsided")(expected(200, skewed=True))
add("expectation_gap", "60 customers of 5 pairs, declared", "clustered")(expected(60, 5, mood=1.0))
add("expectation_gap", "broken: 60 customers of 5 pairs, not declared", "assumption broken", holds=False)(
    expected(60, 5, mood=1.0, declares=False)
)


# fade


def faded(n, size=1, *, effect=2.0, half_life=10.0, mood=0.0, declares=True, drift=0.0, touched=0.5):
    def draw(rng):
        who = np.repeat(np.arange(n), size)
        is_touched = (rng.random(n) < touched)[who]
        days = np.where(is_touched, rng.integers(0, 60, len(who)), np.nan)
        felt = np.nan_to_num(effect * 2 ** (-days / half_life)) + mood * rng.normal(size=n)[who]
        felt = felt + rng.normal(size=len(who)) - drift * np.nan_to_num(days)
        rows = pl.DataFrame(
            {"customer_id": who if declares else np.arange(len(who)),
             "days_since": pl.Series(days).fill_nan(None), "felt": felt}
        )  # fmt: skip
        table = touchpoints.fade(rows, outcome_column="felt", rng=rng).table
        row = table[table["term"] == "initial effect"].iloc[0]
        truth = {"half-life": half_life, "initial effect": effect,
                 "total effect": effect * half_life / np.log(2)}  # fmt: skip
        if not effect:
            truth = {"initial effect": 0.0, "total effect": 0.0}
        return Sample(table, truth, alarm=bool(row["p_value"] < 0.05))

    return draw


add("fade", "1,000 outcomes, half of those touched", "easy")(faded(1_000))
add("fade", "1,000 outcomes, nothing", "easy")(faded(1_000, effect=0.0))
add("fade", "120 outcomes", "small n")(faded(120))
add("fade", "1,000 outcomes, one in ten touched", "lopsided")(faded(1_000, touched=0.1))
add("fade", "200 customers of 5 outcomes and one mood, declared", "clustered")(faded(200, 5, mood=1.0))
add("fade", "broken: 5 outcomes a customer, not declared", "assumption broken", holds=False)(
    faded(200, 5, mood=1.0, declares=False)
)
add("fade", "broken: the outcome drifts with time", "assumption broken", holds=False)(
    faded(1_000, drift=0.01)
)


# investment_ranking


def invested(change_error, slope_error, *, told=1.0, bias=0.0):
    """Options whose change and slope were estimated with known errors; `told` of them is reported."""

    def draw(rng):
        change, slope = np.array([0.2, 0.4, 0.1]), np.array([0.05, 0.04, 0.08])
        options = pd.DataFrame(
            {
                "option": ["app", "shop", "mail"],
                "evidence": "experiment",
                "reach": [1000.0, 500.0, 2000.0],
                "change": change + change_error * change * rng.normal(size=3),
                "change_std_error": told * change_error * change,
                "slope": slope + slope_error * slope * rng.normal(size=3) + bias * slope,
                "slope_std_error": told * slope_error * slope,
                "value": 100.0,
                "cost": [400.0, 700.0, 900.0],
            }
        )
        table = touchpoints.investment_ranking(pl.from_pandas(options), n_draws=2_000, rng=rng).table
        true = options["reach"] * change * slope * 100 - options["cost"]
        return Sample(table, {"app": float(true[0]), "mail": float(true[2])})

    return draw


add("investment_ranking", "errors of a quarter and a fifth", "easy")(invested(0.25, 0.2))
add("investment_ranking", "errors as large as what they are of", "small n")(invested(0.8, 1.0))
add("investment_ranking", "a sure change, an unsure slope", "lopsided")(invested(0.05, 0.6))
add("investment_ranking", "broken: errors reported half as large", "assumption broken", holds=False)(
    invested(0.25, 0.2, told=0.5)
)
add("investment_ranking", "broken: the slope is half confounding", "assumption broken", holds=False)(
    invested(0.25, 0.2, bias=0.5)
)


# perception_gain


def learned(n, contacts=8, *, error=0.3, sure=0.6, drift=0.01, loss=1.0, shared=0.0, size=1):
    """Diaries by the declining gain: K falls with every contact; all ratings have errors of one size."""

    def draw(rng):
        belief = rng.normal(0, 0.7, n)
        gain, uncertain, gains, ratings = 0.0, sure, [], []
        for _ in range(contacts):
            gain = (uncertain + drift) / (uncertain + drift + 1.0)
            uncertain = (1 - gain) * (uncertain + drift)
            gains.append(gain)
            experience = rng.normal(0, 1, n)
            surprise = experience - belief
            up, down = 2 / (1 + loss), 2 * loss / (1 + loss)
            moved = belief + gain * np.where(surprise < 0, down, up) * surprise
            mood = shared * rng.normal(size=n)
            noise = error * rng.normal(size=(3, n))
            ratings.append((belief + noise[0] + mood, experience + noise[1], moved + noise[2] + mood))
            belief = moved
        before, experienced, after = (np.array(each).T.ravel() for each in zip(*ratings, strict=True))
        who = np.repeat(np.arange(n), contacts)
        rows = pl.DataFrame(
            {"customer_id": who, "ts": np.tile(np.arange(contacts), n), "expectation_before": before,
             "performance": experienced, "perception_after": after}
        )  # fmt: skip
        if size > 1:
            rows = pl.concat(
                [rows.with_columns(customer_id=pl.col("customer_id") + n * k) for k in range(size)]
            )
        table = touchpoints.perception_gain(rows).table
        terms = {f"gain at {at}": {"term": "gain", "contact": at} for at in (1, 5)}
        terms |= {name: {"term": name} for name in ("loss / gain", "error of a rating")}
        truth = {
            "gain at 1": gains[0],
            "gain at 5": gains[4],
            "loss / gain": loss,
            "error of a rating": error,
        }
        shown = picked(table, terms)
        p_value = table[table["term"] == "loss / gain"]["p_value"].iloc[0]
        return Sample(shown, truth, alarm=bool(p_value < 0.05))

    return draw


add("perception_gain", "300 diaries of 8 contacts, losses count as gains do: nothing", "easy")(learned(300))
add("perception_gain", "300 diaries of 8 contacts, losses count twice", "easy")(learned(300, loss=2.0))
add("perception_gain", "40 diaries, nothing in losses", "small n")(learned(40))
add("perception_gain", "300 diaries, ratings with a large error, nothing in losses", "lopsided")(
    learned(300, error=0.8)
)
add(
    "perception_gain",
    "broken: both ratings share a mood, nothing in losses",
    "assumption broken",
    holds=False,
)(learned(300, shared=0.5))
add("perception_gain", "broken: each diary counted four times", "assumption broken", holds=False)(
    learned(80, size=4)
)
