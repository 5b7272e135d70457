"""What each reduction must return, in loops over dicts: nothing of the package, of pandas or of numpy.

It reads the definitions in the docstrings event by event. Slow on purpose; a thousand rows take a second.
"""

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from itertools import pairwise

UNTIL = date(2024, 12, 31)
PRIME, BUCKETS = 2**31 - 1, 200


def month_end(day):
    first = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    return first - timedelta(days=1)


def month_ends(first, last=UNTIL):
    ends = [month_end(first)]
    while ends[-1] < last:
        ends.append(month_end(ends[-1] + timedelta(days=1)))
    return ends


def by(rows, *keys):
    groups = defaultdict(list)
    for row in rows:
        groups[tuple(row[key] for key in keys)].append(row)
    return groups


# lifecycle ------------------------------------------------------------------------------------------------


def with_contracts(past, day):
    """Return rule and episode of `lifecycle.WITH_CONTRACTS` at the end of `day`."""
    order = ("start", "renewal", "end")
    told = [row for row in past if row["event"] in order]
    if not told:
        looked = any(row["event"] == "orientation" for row in past)
        return ("looks around", "orientate") if looked else ("has a need", "need")
    latest = max(told, key=lambda row: (row["ts"].replace(microsecond=0), order.index(row["event"])))
    if latest["event"] == "end":
        return "contract ended", "leave"
    starts = [row["ts"].date() for row in told if row["event"] == "start"]
    renewals = {row["ts"] for row in told if row["event"] == "renewal"}
    since = [at for at in renewals if not starts or month_end(at.date()) >= month_end(max(starts))]
    if len(since) >= 4:
        return "has renewed four times", "loyal"
    if since:
        return "has renewed", "stay"
    if starts and (day - max(starts)).days < 60:
        return "contract is new", "become"
    return "first term runs", "am"


def without_contracts(past, day):
    """Return rule and episode of `lifecycle.WITHOUT_CONTRACTS` at the end of `day`."""
    times = {row["ts"] for row in past if row["event"] == "purchase"}
    if not times:
        looked = any(row["event"] == "orientation" for row in past)
        return ("looks around", "orientate") if looked else ("has a need", "need")
    days, n = [at.date() for at in times], len(times)
    # Three of the customer's rhythms, (90 days + their span) / purchases, in whole numbers.
    if (day - max(days)).days * n >= 3 * (90 + (max(days) - min(days)).days):
        return "silent three times as long as usual", "leave"
    if n >= 10:
        return "buys by habit", "loyal"
    if n >= 4:
        return "keeps buying", "stay"
    return ("bought again", "am") if n >= 2 else ("bought once", "become")


def episodes(events, rule_at, begins_with=()):
    """Return what `assign_episodes` must: each customer looked at on the last day of each month."""
    found = []
    for (customer,), own in sorted(by(events, "customer_id").items()):
        snapshots = month_ends(min(row["ts"].date() for row in own))
        first = [row for row in own if row["ts"].date() <= snapshots[0]]
        is_known = not begins_with or any(row["event"] in begins_with for row in first)
        told = []
        for day in snapshots:
            rule, episode = rule_at([row for row in own if row["ts"].date() <= day], day)
            if not told or told[-1]["episode"] != episode:
                told.append({"customer_id": customer, "episode": episode, "start": day, "rule": rule})
        for place, row in enumerate(told):
            following = told[place + 1] if place + 1 < len(told) else None
            row["end"] = following["start"] if following else None
            row["next_episode"] = following["episode"] if following else None
            row["is_start_known"] = is_known or place > 0
            row["is_open"] = following is None
            row["observed_until"] = UNTIL
        found += told
    return found


def standing(told):
    """Return who is in which episode at which snapshot: customer to {snapshot: episode}."""
    where = defaultdict(dict)
    for row in told:
        for day in month_ends(row["start"]):
            if row["end"] is None or day < row["end"]:
                where[row["customer_id"]][day] = row["episode"]
    return where


def occupancy(told):
    here = Counter((day, episode) for days in standing(told).values() for day, episode in days.items())
    names = sorted({row["episode"] for row in told})
    rows = []
    for day in sorted({day for day, _ in here}):
        n = sum(here[day, name] for name in names)
        rows += [
            {"snapshot": day, "episode": x, "n": n, "n_here": here[day, x], "estimate": here[day, x] / n}
            for x in names
        ]
    return rows


def transitions(told):
    moved = Counter()
    for days in standing(told).values():
        order = sorted(days)
        moved.update((days[a], days[b]) for a, b in pairwise(order))
    names = sorted({row["episode"] for row in told})
    rows = []
    for origin in names:
        n = sum(moved[origin, target] for target in names)
        rows += [
            {
                "from_episode": origin,
                "to_episode": target,
                "n": n,
                "n_moved": moved[origin, target],
                "estimate": moved[origin, target] / n,
            }
            for target in names
            if n
        ]
    return rows


def purchase_summaries(purchases):
    """Return what `summarise_purchases` must, in weeks."""
    rows = []
    for (customer,), own in sorted(by(purchases, "customer_id").items()):
        spent = defaultdict(float)
        for row in own:
            spent[row["ts"].date()] += row["value"]
        first, last = min(spent), max(spent)
        again = [value for day, value in spent.items() if day > first]
        rows.append(
            {
                "customer_id": customer,
                "frequency": len(again),
                "recency": (last - first).days / 7,
                "age": (UNTIL - first).days / 7,
                "value_per_purchase": sum(again) / len(again) if again else None,
            }
        )
    return rows


# touchpoints ----------------------------------------------------------------------------------------------


def score_tallies(events):
    rows = []
    for (touchpoint, channel), own in by(events, "touchpoint", "channel").items():
        scored = [row for row in own if row["score"] is not None]
        row = {"touchpoint": touchpoint, "channel": channel, "n": len(scored)}
        row["n_missing"] = len(own) - len(scored)
        mean = sum(each["score"] for each in scored) / len(scored) if scored else None
        row["mean"] = mean
        row["squares"] = sum((each["score"] - mean) ** 2 for each in scored)
        people = [[each["score"] for each in answers] for answers in by(scored, "customer_id").values()]
        row["n_customers"] = len(people)
        row["n_squared"] = sum(len(own) ** 2 for own in people)
        row["between"] = sum(len(own) * (sum(own) / len(own) - mean) ** 2 for own in people)
        rows.append(row)
    return sorted(rows, key=lambda row: (row["touchpoint"], row["channel"]))


def bucket_of(number, n_customers):
    if n_customers <= BUCKETS:
        return number
    return pow(number * 48_271 + 11, 5, PRIME) % BUCKETS


def buckets(customers):
    numbered = sorted(set(customers))
    return {customer: bucket_of(place, len(numbered)) for place, customer in enumerate(numbered)}


def ended_paths(events):
    """Return the steps of each path whose outcome is known, in order, and whether it ended well."""
    paths = []
    for own in by(events, "visit").values():
        told = [row["converted"] for row in own if row["converted"] is not None]
        if told:
            paths.append((sorted(own, key=lambda row: (row["ts"], row["event_id"])), int(any(told))))
    return paths


def moves(events):
    """Return the moves of a chain that remembers two steps."""
    paths = ended_paths(events)
    bucket = buckets(steps[0]["customer_id"] for steps, _ in paths)
    counted = Counter()
    for steps, won in paths:
        names = [None, *(step["touchpoint"] for step in steps), None]
        for back, here, following in zip(names, names[1:], names[2:], strict=False):
            key = (bucket[steps[0]["customer_id"]], here, back, int(back is None), following, won)
            counted[key] += 1
    names = ("bucket", "touchpoint", "back_1", "is_first", "next", "won")
    return [dict(zip(names, key, strict=True)) | {"n": n} for key, n in counted.items()]


def path_lengths(events):
    counted = Counter((len(steps), won) for steps, won in ended_paths(events))
    return [{"steps": steps, "won": won, "n": n} for (steps, won), n in sorted(counted.items())]


def touched(events):
    steps, paths = Counter(), Counter()
    for own, _ in ended_paths(events):
        steps.update(step["touchpoint"] for step in own)
        paths.update({step["touchpoint"] for step in own})
    return [{"touchpoint": x, "steps": steps[x], "paths": paths[x]} for x in sorted(steps)]


def cross_products(customers, variables):
    """Return a row a bucket: Σw, Σw·x and Σw·x·y of the variables less their mean, over their range."""
    kept = [
        row for row in customers if all(row[name] is not None for name in variables) and row["weight"] > 0
    ]
    bucket, largest = buckets(row["customer_id"] for row in kept), max(row["weight"] for row in kept)
    mean = {x: sum(row[x] for row in kept) / len(kept) for x in variables}
    span = {x: max(row[x] for row in kept) - min(row[x] for row in kept) for x in variables}
    sums = defaultdict(lambda: defaultdict(float))
    for row in kept:
        into = sums[bucket[row["customer_id"]]]
        w = row["weight"] / largest
        z = {x: (row[x] - mean[x]) / span[x] for x in variables}
        into["counts"] += w
        for i, x in enumerate(variables):
            into[x] += w * z[x]
            for y in variables[i:]:
                into[f"{x}·{y}"] += w * z[x] * z[y]
    return [{"bucket": place, **sums[place]} for place in sorted(sums)]


# survey ---------------------------------------------------------------------------------------------------


def response_tallies(customers):
    rows = []
    for (plan, region), own in by(customers, "plan", "region").items():
        answered = [row for row in own if row["has_answered"]]
        rows.append(
            {
                "plan": plan,
                "region": region,
                "n_invited": len(own),
                "n_responded": len(answered),
                "weight_invited": sum(row["weight"] for row in own),
                "weight_responded": sum(row["weight"] for row in answered),
                "weight_squares": sum(row["weight"] ** 2 for row in own),
            }
        )
    return sorted(rows, key=lambda row: (row["plan"], row["region"] is None, row["region"] or ""))


def as_day(value):
    """Return a date, whatever time of day an engine gave it."""
    return value.date() if isinstance(value, datetime) else value
