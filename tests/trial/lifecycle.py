"""The lifecycle wing on trial: where the assumptions hold, and where one is broken on purpose."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
from scipy.special import betaln, expit

from cxmeasure import lifecycle

sys.path.insert(0, str(Path(__file__).parent))
from scenario import Sample, Scenarios, picked

SCENARIOS = Scenarios()
add = SCENARIOS.add
DAY_ONE = np.datetime64("2020-01-31", "M")
NEVER = np.datetime64("NaT", "D")


def month_end(month):
    """Return the last day of the month so many after the first, as days."""
    return (DAY_ONE + np.asarray(month) + 1).astype("datetime64[D]") - 1


def copies(n, size):
    """Return for each of n · size rows whose draw it shares: `size` in a row are one draw."""
    return np.repeat(np.arange(n), size)


# cohort_retention, cumulative_incidence, time_in_episode: stays with a constant chance to leave


def stays(rng, n, chance, size=1):
    """Return the period in which each leaves (1, 2, …), families of `size` together."""
    return rng.geometric(chance, n)[copies(n, size)]


def contracts(left, entered, last):
    """Return contracts from day 5 of a month; who leaves in period k is gone on day 19 of its month."""
    start = (DAY_ONE + entered).astype("datetime64[D]") + 4
    end = (DAY_ONE + entered + left - 1).astype("datetime64[D]") + 18
    end = np.where(entered + left - 1 < last, end, NEVER)
    return pl.DataFrame({"customer_id": np.arange(len(left)), "start_date": start, "end_date": end})


def retained(n, chance, period, size=1, *, spread=1, stock=0, declares=True):
    """Retention after `period` months of 12 watched; with `stock`, of those who came up to so long before."""

    def draw(rng):
        left = stays(rng, n, chance, size)
        entered = rng.integers(0, spread, len(left)) + stock
        if stock:
            entered = rng.integers(0, stock + 6, len(left))
            is_there = entered + left > stock + 1
            left, entered = left[is_there], entered[is_there]
        last = stock + 12
        chosen = {"observed_until": (DAY_ONE + last).astype("datetime64[D]").item()}
        if stock and declares:
            chosen["observed_from"] = (DAY_ONE + stock + 1).astype("datetime64[D]").item()
        table = lifecycle.cohort_retention(contracts(left, entered, last), cohort="all", **chosen).table
        return Sample(picked(table, {"still there": {"period": period}}),
                      {"still there": (1 - chance) ** period})  # fmt: skip

    return draw


add("cohort_retention", "300 customers, all seen for 12 months", "easy")(retained(300, 0.05, 6))
add("cohort_retention", "300 customers, half not seen to the end", "easy")(retained(300, 0.05, 8, spread=8))
add("cohort_retention", "20 customers", "small n")(retained(20, 0.1, 5))
add("cohort_retention", "200 customers of whom few leave", "lopsided")(retained(200, 0.003, 8))
add("cohort_retention", "400 customers, the old ones enter late, declared", "lopsided")(
    retained(400, 0.05, 6, stock=24)
)
add("cohort_retention", "broken: old customers taken for a sample of all", "assumption broken", holds=False)(
    retained(400, 0.05, 6, stock=24, declares=False)
)
add("cohort_retention", "broken: families of four leave together", "assumption broken", holds=False)(
    retained(60, 0.05, 6, size=4)
)


def for_reasons(n, shares, size=1, *, chance=0.02, day=30, is_cut=True):
    def draw(rng):
        left = stays(rng, n, chance, size)
        reason = rng.choice(len(shares), n, p=shares)[copies(n, size)]
        seen = rng.integers(20, 90, len(left)) if is_cut else np.full(len(left), 90)
        start = np.datetime64("2024-06-01") - seen
        gone = left < seen
        rows = pl.DataFrame(
            {
                "customer_id": np.arange(len(left)),
                "start_date": start,
                "end_date": np.where(gone, start + left, NEVER),
                "reason": pl.Series(np.array(["price", "quality", "moving"])[reason]).zip_with(
                    pl.Series(gone), pl.Series([None] * len(left), dtype=pl.String)
                ),
            }
        )
        table = lifecycle.cumulative_incidence(rows, observed_until="2024-06-01").table
        table = table[table["period"] <= day]
        latest = table.sort_values("period").groupby("reason").tail(1)
        all_left = 1 - (1 - chance) ** day
        truth = {"price": shares[0] * all_left, "(still there)": 1 - all_left}
        return Sample(picked(latest, {term: {"reason": term} for term in truth}), truth)

    return draw


add("cumulative_incidence", "300 stays, two reasons, half not seen to the end", "easy")(
    for_reasons(300, (0.6, 0.4))
)
add("cumulative_incidence", "25 stays, two reasons", "small n")(for_reasons(25, (0.6, 0.4)))
add("cumulative_incidence", "200 stays, one reason in twenty", "lopsided")(for_reasons(200, (0.05, 0.95)))
add("cumulative_incidence", "broken: families of four leave together", "assumption broken", holds=False)(
    for_reasons(60, (0.6, 0.4), 4)
)


def in_one_episode(n, chance, period, size=1, *, stock=0, declares=True):
    def draw(rng):
        left = stays(rng, n, chance, size)
        entered = rng.integers(0, 8, len(left))
        if stock:
            entered = rng.integers(0, stock + 6, len(left))
            is_there = entered + left > stock
            left, entered = left[is_there], entered[is_there]
        last = stock + 12
        end = np.where(entered + left <= last, month_end(np.minimum(entered + left, 200)), NEVER)
        episodes = pl.DataFrame(
            {
                "customer_id": np.arange(len(left)),
                "episode": pl.Series(["am"] * len(left)),
                "start": month_end(entered),
                "end": end,
            }
        )
        chosen = {"observed_from": month_end(stock).item()} if stock and declares else {}
        table = lifecycle.time_in_episode(episodes, observed_until=month_end(last).item(), **chosen).table
        return Sample(picked(table, {"still in it": {"period": period}}),
                      {"still in it": (1 - chance) ** period})  # fmt: skip

    return draw


add("time_in_episode", "300 episodes, half not seen to the end", "easy")(in_one_episode(300, 0.06, 6))
add("time_in_episode", "20 episodes", "small n")(in_one_episode(20, 0.1, 4))
add("time_in_episode", "200 episodes of which few end", "lopsided")(in_one_episode(200, 0.003, 6))
add("time_in_episode", "400 episodes, the old ones enter late, declared", "lopsided")(
    in_one_episode(400, 0.06, 6, stock=24)
)
add("time_in_episode", "broken: old episodes taken for a sample of all", "assumption broken", holds=False)(
    in_one_episode(400, 0.06, 6, stock=24, declares=False)
)
add("time_in_episode", "broken: families of four leave together", "assumption broken", holds=False)(
    in_one_episode(60, 0.06, 6, size=4)
)


# state_probabilities, occupancy, transitions, episode_value: a chain over three episodes

NAMES = np.array(["am", "stay", "leave"])
CHAIN = np.array([[0.80, 0.15, 0.05], [0.05, 0.92, 0.03], [0.0, 0.0, 1.0]])
RARE = np.array([[0.97, 0.02, 0.01], [0.01, 0.985, 0.005], [0.0, 0.0, 1.0]])


def walked(rng, n, months, chain, size=1):
    """Return where each is at each month's end, shape (n · size, months + 1)."""
    at = np.zeros((n, months + 1), dtype=int)
    for month in range(months):
        reach = np.cumsum(chain if chain.ndim == 3 else chain[None].repeat(n, axis=0), axis=2)
        u = rng.random(n)[:, None]
        at[:, month + 1] = (u > reach[np.arange(n), at[:, month]]).sum(axis=1)
    return at[copies(n, size)]


def episodes_of(at):
    """Return one row an episode of those who were `at` (customer × month)."""
    begins = np.column_stack([np.full(len(at), True), at[:, 1:] != at[:, :-1]])
    who, month = np.nonzero(begins)
    following = np.r_[who[1:] == who[:-1], False]
    end = np.where(following, month_end(np.r_[month[1:], 0]), NEVER)
    return pl.DataFrame(
        {
            "customer_id": who,
            "episode": pl.Series(NAMES[at[who, month]]),
            "start": month_end(month),
            "end": end,
        }
    )


def stood(function, n, months, chain, size=1):
    """Where customers are `months` after they began, by the table's last period or snapshot."""

    def draw(rng):
        at = walked(rng, n, months, chain, size)
        table = function(episodes_of(at), observed_until=month_end(months).item()).table
        when = {"period": months} if "period" in table else {"snapshot": table["snapshot"].max()}
        true = np.linalg.matrix_power(chain, months)[0]
        truth = {"am": float(true[0]), "leave": float(true[2])}
        return Sample(picked(table, {name: {"episode": name} | when for name in truth}), truth)

    return draw


for each in (lifecycle.state_probabilities, lifecycle.occupancy):
    name = each.__name__
    add(name, "300 customers, 6 months", "easy")(stood(each, 300, 6, CHAIN))
    add(name, "20 customers, 4 months", "small n")(stood(each, 20, 4, CHAIN))
    add(name, "150 customers of whom few move", "lopsided")(stood(each, 150, 5, RARE))
    add(name, "broken: families of four move together", "assumption broken", holds=False)(
        stood(each, 60, 6, CHAIN, 4)
    )


def moved(n, months, chain, size=1):
    def draw(rng):
        at = walked(rng, n, months, chain, size)
        table = lifecycle.transitions(episodes_of(at), observed_until=month_end(months).item()).table
        truth = {"am to leave": chain[0, 2], "stay to stay": chain[1, 1]}
        terms = {
            "am to leave": {"from_episode": "am", "to_episode": "leave"},
            "stay to stay": {"from_episode": "stay", "to_episode": "stay"},
        }
        return Sample(picked(table, terms), truth)

    return draw


add("transitions", "100 customers, 12 months", "easy")(moved(100, 12, CHAIN))
add("transitions", "12 customers, 6 months", "small n")(moved(12, 6, CHAIN))
add("transitions", "100 customers of whom few move", "lopsided")(moved(100, 12, RARE))
add("transitions", "broken: families of four move together", "assumption broken", holds=False)(
    moved(30, 12, CHAIN, 4)
)


@add("transitions", "two kinds of customers, the average move of these", "clustered")
def _(rng):
    quick = np.array([[0.6, 0.15, 0.25], [0.05, 0.75, 0.2], [0.0, 0.0, 1.0]])
    which = rng.random(150) < 0.5
    chains = np.where(which[:, None, None], quick, RARE)
    at = walked(rng, 150, 8, chains)
    table = lifecycle.transitions(episodes_of(at), observed_until=month_end(8).item()).table
    in_am = at[:, :-1] == 0
    own = np.where(which, quick[0, 2], RARE[0, 2])
    truth = float((in_am * own[:, None]).sum() / in_am.sum())
    row = picked(table, {"am to leave": {"from_episode": "am", "to_episode": "leave"}})
    return Sample(row, {"am to leave": truth})


REWARD = {"am": 10.0, "stay": 14.0}


def worth(chain, discount=0.02):
    inner = np.linalg.inv(np.eye(2) - chain[:2, :2] / (1 + discount))
    return inner @ np.array([10.0, 14.0]), np.linalg.inv(np.eye(2) - chain[:2, :2]).sum(axis=1)


def valued(n, chain):
    def draw(rng):
        counts = pd.DataFrame(rng.multinomial(n, chain), index=NAMES, columns=NAMES)
        if not (counts.to_numpy()[:2, 2] > 0).any():
            raise ArithmeticError("Nobody left.")
        table = lifecycle.episode_value(counts, reward=REWARD, discount_per_period=0.02).table
        value, periods = worth(chain)
        terms = {
            "value of am": {"term": "value", "episode": "am"},
            "periods in am": {"term": "periods_to_leaving", "episode": "am"},
        }
        return Sample(picked(table, terms), {"value of am": value[0], "periods in am": periods[0]})

    return draw


add("episode_value", "400 moves from each episode", "easy")(valued(400, CHAIN))
add("episode_value", "40 moves from each episode", "small n")(valued(40, CHAIN))
add("episode_value", "600 moves from each episode, few of them away", "lopsided")(valued(600, RARE))


@add("episode_value", "broken: two kinds of customers in one chain", "assumption broken", holds=False)
def _(rng):
    quick = np.array([[0.6, 0.15, 0.25], [0.05, 0.75, 0.2], [0.0, 0.0, 1.0]])
    at = walked(rng, 300, 24, np.where(np.arange(300)[:, None, None] % 2 == 0, quick, RARE))
    counts = np.zeros((3, 3))
    np.add.at(counts, (at[:, :-1].ravel(), at[:, 1:].ravel()), 1)
    found = lifecycle.episode_value(
        pd.DataFrame(counts, index=NAMES, columns=NAMES), reward=REWARD, discount_per_period=0.02
    ).table
    truth = (worth(quick)[0][0] + worth(RARE)[0][0]) / 2
    return Sample(picked(found, {"value of am": {"term": "value", "episode": "am"}}), {"value of am": truth})


# leaving_hazard


def person_periods(rng, n, size=1, *, effect, base=-2.5, periods=8, frailty=0.0, link="logit", alike=1.0):
    """Return a row a customer and period; families of `size` share covariate and, mostly, fate."""
    x = rng.integers(0, 2, n)[copies(n, size)]
    u = frailty * rng.normal(size=n)[copies(n, size)]
    score = base + effect * x + u
    chance = expit(score) if link == "logit" else -np.expm1(-np.exp(score))
    shared, own = rng.random((n, periods))[copies(n, size)], rng.random((n * size, periods))
    left = np.where(rng.random((n * size, 1)) < alike, shared, own) < chance[:, None]
    there = np.cumsum(left, axis=1) - left == 0
    who, period = np.nonzero(there)
    return pl.DataFrame(
        {
            "customer_id": who,
            "offer": x[who],
            "period": period,
            "exit_next": left[who, period].astype(int),
        }
    )


def left_by(n, size=1, *, fits=None, **world):
    def draw(rng):
        rows = person_periods(rng, n, size, **world)
        table = lifecycle.leaving_hazard(rows, covariate_columns=["offer"], **(fits or {})).table
        row = table.set_index("term").loc["offer"]
        truth = {"offer": world["effect"]}
        if (fits or {}).get("has_frailty"):
            truth["frailty_sd"] = world["frailty"]
        return Sample(table, truth, alarm=bool(row["p_value"] < 0.05))

    return draw


add("leaving_hazard", "400 customers, an effect", "easy")(left_by(400, effect=0.7))
add("leaving_hazard", "400 customers, nothing", "easy")(left_by(400, effect=0.0))
add("leaving_hazard", "400 customers, log hazards", "easy")(
    left_by(400, effect=0.7, link="cloglog", fits={"link": "cloglog"})
)
add("leaving_hazard", "40 customers", "small n")(left_by(40, effect=0.7))
add("leaving_hazard", "400 customers of whom few leave", "lopsided")(left_by(400, effect=0.7, base=-5.0))
add("leaving_hazard", "500 customers who differ, with a frailty", "clustered")(
    left_by(500, effect=0.7, base=-2.0, frailty=1.0, fits={"has_frailty": True})
)
add("leaving_hazard", "broken: families of four leave together", "assumption broken", holds=False)(
    left_by(120, 4, effect=0.0, alike=0.8)
)
add("leaving_hazard", "broken: customers differ, no frailty", "assumption broken", holds=False)(
    left_by(800, effect=0.7, base=-2.0, frailty=1.5)
)


# probability_alive, projected_retention

BUYING = {"r": 0.5, "alpha": 4.0, "a": 0.8, "b": 2.4}


def bought(n, weeks=39.0, size=1, **changed):
    """Return histories made by the model of Fader, Hardie & Lee."""
    given = BUYING | changed

    def draw(rng):
        rate = rng.gamma(given["r"], 1 / given["alpha"], n)
        leaves = rng.beta(given["a"], given["b"], n)
        at = rng.exponential(1, (n, 80)).cumsum(axis=1) / rate[:, None]
        goes = rng.random((n, 79)) > leaves[:, None]
        if given.get("leaves_anytime"):
            goes = at[:, 1:] < rng.exponential(20, n)[:, None]
        kept = np.column_stack([np.full(n, True), goes.cumprod(axis=1) > 0])
        is_seen = (at < weeks) & kept
        history = pl.DataFrame(
            {
                "frequency": is_seen.sum(axis=1)[copies(n, size)],
                "recency": np.where(is_seen, at, 0).max(axis=1)[copies(n, size)],
                "age": np.full(n * size, weeks),
            }
        )
        truth = {name: given[name] for name in BUYING}
        return Sample(lifecycle.probability_alive(history).summary.table, truth)

    return draw


add("probability_alive", "1,500 customers", "easy")(bought(1_500))
add("probability_alive", "250 customers", "small n")(bought(250))
add("probability_alive", "1,500 customers who seldom buy", "lopsided")(bought(1_500, r=0.25, alpha=8.0))
add("probability_alive", "broken: each customer counted three times", "assumption broken", holds=False)(
    bought(500, size=3)
)


def survival(alpha, beta, t):
    return float(np.exp(betaln(alpha, beta + t) - betaln(alpha, beta)))


def cohort_of(n, alpha, beta, *, seen=5, horizon=10, rising=0.0):
    """A series of `seen` periods; truth: survival at the horizon, and who is there then of this series."""

    def draw(rng):
        chance = rng.beta(alpha, beta, n) if beta else np.full(n, alpha)
        there = np.full(n, True)
        series = [n]
        for period in range(horizon):
            there &= rng.random(n) >= np.clip(chance + rising * period, 0, 1)
            series.append(int(there.sum()))
        true = survival(alpha, beta, horizon) if beta else (1 - alpha) ** horizon
        if rising:
            true = float(np.prod([1 - alpha - rising * period for period in range(horizon)]))
        table = lifecycle.projected_retention(series[: seen + 1], horizon=horizon, n_draws=100).table
        terms = {
            "survival": {"term": "survival", "period": horizon},
            "survivors": {"term": "survivors", "period": horizon},
        }
        return Sample(picked(table, terms), {"survival": true, "survivors": float(series[-1])})

    return draw


add("projected_retention", "1,000 customers, five periods", "easy")(cohort_of(1_000, 0.7, 3.8))
add("projected_retention", "80 customers, four periods", "small n")(cohort_of(80, 0.7, 3.8, seen=4))
add("projected_retention", "1,000 customers of whom few leave", "lopsided")(cohort_of(1_000, 0.5, 25.0))
add("projected_retention", "500 customers who are all alike", "lopsided")(cohort_of(500, 0.15, 0))
add("projected_retention", "broken: churn rises from period to period", "assumption broken", holds=False)(
    cohort_of(1_000, 0.05, 0, rising=0.02)
)


# rfm_segments, segment_stability

COUNTS = np.array([0.30, 0.25, 0.15, 0.20, 0.10])
"""Chances of 1 to 5 purchases, whose quintiles are 1 to 4 in nearly every sample."""


def sorted_by_purchases(n, size=1, *, steep=1.0):
    def draw(rng):
        count = rng.choice(5, n, p=COUNTS) + 1
        since = (400 * rng.random(n) ** steep).astype(int)
        value = rng.lognormal(3, 0.6, n)
        whose = np.repeat(copies(n, size), count[copies(n, size)])
        customer = np.repeat(np.arange(n * size), count[copies(n, size)])
        back = np.arange(len(customer)) - np.searchsorted(customer, customer)
        day = np.datetime64("2024-12-31") - since[whose] - 7 * back
        purchases = pl.DataFrame({"customer_id": customer, "ts": day, "paid": value[whose]})
        found = lifecycle.rfm_segments(purchases, value_column="paid", observed_until="2024-12-31").summary
        shares = true_shares(found.details["cuts"], steep)
        table = found.table.rename(columns={"segment": "which"})
        terms = {name: {"which": name} for name in shares}
        return Sample(picked(table, terms), shares)

    return draw


def true_shares(cuts, steep):
    """Return the share of all customers in two segments, at the cuts that this sample gave."""
    from scipy.special import ndtr

    cuts = cuts.set_index(cuts.columns[0])
    recency, often, value = (cuts.loc[name].to_numpy(float) for name in ROWS_OF_CUTS)
    is_within = (np.floor(np.sort(recency)) + 1) / 400  # days_since are whole: at most this many of 400
    often_score = 1 + (often[None] < np.arange(1, 6)[:, None]).sum(axis=1)
    above = np.r_[0, ndtr((np.log(np.sort(value)) - 3) / 0.6), 1]
    value_share = np.diff(above)
    large = float((COUNTS[:, None] * value_share * (often_score[:, None] + np.arange(1, 6) >= 7)).sum())
    recent, not_quiet = is_within[1] ** (1 / steep), is_within[3] ** (1 / steep)
    return {"recent, large": recent * large, "quiet, small": (1 - not_quiet) * (1 - large)}


ROWS_OF_CUTS = ("days_since", "n_purchases", "value_per_purchase")

add("rfm_segments", "400 customers", "easy")(sorted_by_purchases(400))
add("rfm_segments", "60 customers", "small n")(sorted_by_purchases(60))
add("rfm_segments", "300 customers, most of them lately", "lopsided")(sorted_by_purchases(300, steep=3.0))
add("rfm_segments", "broken: each customer counted four times", "assumption broken", holds=False)(
    sorted_by_purchases(80, 4)
)


def steady(n, size=1, *, gap=1.0, share=0.5, again=0.9, outcome="normal"):
    """Labels with a gap in what they tell; named alike again with the chance `again`."""

    def draw(rng):
        first = rng.random(n) < share
        second = np.where(rng.random(n) < again, first, rng.random(n) < share)
        y = gap * first + rng.normal(size=n)
        total = gap**2 * share * (1 - share) + 1
        told = (total - 1) / total
        if outcome == "rare":
            chance = np.where(first, 0.12, 0.03)
            y = (rng.random(n) < chance) * 1.0
            mean = share * 0.12 + (1 - share) * 0.03
            told = share * (1 - share) * 0.09**2 / (mean * (1 - mean))
        rows = pl.DataFrame(
            {"segment": first.astype(int), "later": second.astype(int), "spent": y}
        )[copies(n, size)]  # fmt: skip
        table = lifecycle.segment_stability(
            rows, outcome_column="spent", segment_column="segment", again_column="later", rng=rng
        ).table
        verdict = str(picked(table, {"gain": {"term": "gain"}})["note"].iloc[0])
        truth = {"steadiness": rand_of(share, again), "gain": told}
        return Sample(table, truth, alarm=not verdict.startswith("decoration"))

    return draw


def rand_of(share, again):
    """Return the adjusted Rand index of the labels of everybody with those made again."""
    p = np.array([1 - share, share])
    joint = p[:, None] * ((1 - again) * p[None] + again * np.eye(2))
    both, rows, columns = (joint**2).sum(), (joint.sum(1) ** 2).sum(), (joint.sum(0) ** 2).sum()
    return float((both - rows * columns) / ((rows + columns) / 2 - rows * columns))


add("segment_stability", "400 customers, labels that tell", "easy")(steady(400))
add("segment_stability", "400 customers, labels that tell nothing", "easy")(steady(400, gap=0.0))
add("segment_stability", "60 customers, labels that tell", "small n")(steady(60))
add("segment_stability", "400 customers, one in ten in the segment", "lopsided")(steady(400, share=0.1))
add("segment_stability", "600 customers of whom few leave", "lopsided")(steady(600, outcome="rare"))
add("segment_stability", "broken: each customer three times", "assumption broken", holds=False)(
    steady(130, 3)
)
