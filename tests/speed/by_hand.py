"""The reductions as somebody would write them for one engine only: same plans, same results.

What the package refuses in a log is refused here too, in a query before the plan: both carry the same.

Each function takes the path of a Parquet file and returns a pandas table or number that can be compared.
"""

import duckdb
import numpy as np
import polars as pl

LAST = "2023-12-31"
DRIVERS = [f"d{i}" for i in range(8)]

NAMES = ["need", "orientate", "become", "am", "stay", "loyal", "leave"]
RULES = [
    "has a need", "looks around", "contract is new", "first term runs", "has renewed",
    "has renewed four times", "contract ended",
]  # fmt: skip
WORDS = ("orientation", "start", "renewal", "end")

_EPISODES = """
with named as (
  select customer_id c, ts, max(event = 'start')::int s, max(event = 'renewal')::int r,
         max(event = 'end')::int e, max(event = 'orientation')::int o
  from '{path}' where event in ('orientation', 'start', 'renewal', 'end') group by 1, 2),
rows as (
  select * from named
  union all select customer_id, min(ts), 0, 0, 0, 0 from '{path}' group by 1),
months as (
  select c, last_day(ts) i, max(ts) filter (s = 1) ls, max(ts) filter (r = 1) lr, max(ts) filter (e = 1) le,
         sum(o)::int o, sum(r)::int r, max(s | o) begins
  from rows group by 1, 2),
far as (
  select c, i, begins, r, ls, sum(o) over w os, sum(r) over w rs, max(ls) over w ms, max(lr) over w mr,
         max(le) over w me, lead(i) over w nx, lag(i) over w be
  from months window w as (partition by c order by i)),
since as (
  select *, rs - coalesce(max(case when ls is not null then rs - r end) over w, 0) k
  from far window w as (partition by c order by i)),
cut as (
  select c, i, coalesce(nx, date '2024-01-01') nx, be is null and begins = 0 vague, os, k,
         case when me >= greatest(ms, mr, me) then 2 when mr >= greatest(ms, mr, me) then 1
              when ms is not null then 0 else 3 end m,
         coalesce(last_day(ms + interval 60 day), date '1900-01-01') cut
  from since),
point as (
  select *, i spot from cut
  union all select *, cut spot from cut where cut > i and cut < nx),
placed as (
  select c, spot, vague,
         case when m = 2 then 6 when m = 3 then (case when os >= 1 then 1 else 0 end)
              when k >= 4 then 5 when k >= 1 then 4 when cut <= spot then 3 else 2 end e
  from point),
changed as (
  select *, lag(e) over (partition by c order by spot) was from placed qualify was is null or was <> e)
select c customer_id, spot as start, lead(spot) over w as "end", e, lead(e) over w next,
       was is null and vague as vague, lead(spot) over w is null as is_open
from changed window w as (partition by c order by spot)
"""

_SPELLS = """
with seen as (
  select *, lag("end") over (partition by c order by start) reach
  from (select customer_id c, e, start, coalesce("end", date '2024-01-01') as "end" from ({episodes}))),
next as (
  select *, lead(e) over w ne, lead(start) over w ns from seen window w as (partition by c order by start))
select e, last_day(start) start,
       case when "end" > date '2023-12-31' then "end" else last_day("end") end as "end",
       case when ns = "end" then ne end ne, count(*) n, sum((start < reach)::int) overlap
from next group by 1, 2, 3, 4
"""


_AS_TEXT = """
select customer_id, {names}[e + 1] episode, start::timestamp as start, "end"::timestamp as "end",
       {rules}[e + 1] rule,
       {names}[next + 1] next_episode, not vague is_start_known, is_open, date '{last}' observed_until
from ({episodes})
"""


def _checked(path):
    """Refuse a log that the package would refuse, from DuckDB."""
    seen = ", ".join(f"max((event = '{word}')::int)" for word in WORDS)
    nulls = ", ".join(f"sum(({name} is null)::int)" for name in ("customer_id", "ts", "event"))
    n, *rest, latest = duckdb.sql(f"select count(*), {nulls}, {seen}, max(ts) from '{path}'").fetchall()[0]
    _refuse(n == 0 or any(rest[:3]) or not all(rest[3:]) or f"{latest:%Y-%m-%d}" > LAST)
    twice = f"select max(n) from (select count(*) n from '{path}' where event = 'start' group by customer_id)"
    if duckdb.sql(twice).fetchall()[0][0] > 1:
        overlap = f"""
            with moments as (
              select customer_id c, ts, max((event = 'start')::int) - max((event = 'end')::int) b
              from '{path}' where event in ('start', 'end') group by 1, 2),
            rows as (select *, lag(b) over (partition by c order by ts) was from moments)
            select c from rows where b = 1 and was = 1 order by c limit 1"""
        _refuse(duckdb.sql(overlap).fetchall())


def _refuse(is_bad):
    if is_bad:
        raise ValueError("this log cannot be read")


def sql_episodes(path):
    _checked(path)
    episodes = _EPISODES.format(path=path)
    return duckdb.sql(_AS_TEXT.format(episodes=episodes, names=NAMES, rules=RULES, last=LAST)).materialize()


def _month(days):
    return days.year * 12 + days.month


def sql_occupancy(path):
    _checked(path)
    return _filled(duckdb.sql(_SPELLS.format(episodes=_EPISODES.format(path=path))).df())[0]


def sql_transitions(path):
    _checked(path)
    return _filled(duckdb.sql(_SPELLS.format(episodes=_EPISODES.format(path=path))).df())[1]


def _filled(spells):
    """Return customers by month and episode, and moves by episodes, from counts of equal spells."""
    start, end = (spells[name].astype("datetime64[us]").dt for name in ("start", "end"))
    first, after = _month(start).to_numpy(), _month(end).to_numpy()
    base = first.min()
    first, after = first - base, np.minimum(after - base, 36)
    e, n = spells["e"].to_numpy(), spells["n"].to_numpy().astype(np.int64)
    here, moved, leaves = np.zeros((37, 7), int), np.zeros((7, 7), int), np.zeros((36, 7), int)
    np.add.at(here, (first, e), n)
    np.add.at(here, (after, e), -n)
    here = here.cumsum(axis=0)[:-1]
    goes = spells["ne"].notna().to_numpy()
    np.add.at(moved, (e[goes], spells["ne"].to_numpy()[goes].astype(int)), n[goes])
    np.add.at(leaves, (after - 1, e), n)
    moved[range(7), range(7)] += (here - leaves).sum(axis=0)
    return here, moved


def sql_purchases(path):
    return duckdb.sql(f"""
        with days as (
          select customer_id c, ts::date d, sum(value) v from '{path}'
          where event = 'purchase' group by 1, 2),
        first as (select *, min(d) over (partition by c) f from days)
        select c, sum((d > f)::int) frequency, (max(d) - min(d)) / 7 recency,
               (date '{LAST}' - min(d)) / 7 age, sum(v) filter (d > f) / nullif(sum((d > f)::int), 0) value
        from first group by 1""").materialize()


def sql_scores(path):
    (centre,) = duckdb.sql(f"select avg(score) from '{path}'").fetchall()[0]
    return duckdb.sql(f"""
        select touchpoint, channel, count(score) n, count(*) - count(score) n_missing,
               sum(score - {centre}) s,
               sum((score - {centre}) * (score - {centre})) ss, min(score) low, max(score) high
        from '{path}' group by 1, 2""").df()


def sql_responses(path):
    return duckdb.sql(f"""
        select plan, region, age, count(*) n_invited, sum(has_answered::int) n_responded
        from '{path}' group by all order by all""").df()


def sql_products(path):
    names = [*DRIVERS, "overall"]
    wanted = ", ".join(f"avg({x}), min({x}), max({x}), count({x})" for x in names)
    seen = duckdb.sql(f"select {wanted} from '{path}'").fetchall()[0]
    scaled = ", ".join(
        f"({x} - {seen[4 * i]}) / {seen[4 * i + 2] - seen[4 * i + 1]} {x}" for i, x in enumerate(names)
    )
    products = ", ".join(f"sum({a} * {b})" for i, a in enumerate(names) for b in names[i:])
    return duckdb.sql(f"""
        with numbered as (
          select customer_id, row_number() over (order by customer_id) - 1 k
          from (select distinct customer_id from '{path}')),
        hashed as (
          select customer_id, ({_HASH}) % 200 bucket
          from (select *, (k * 48271 + 11) % 2147483647 h from numbered)),
        bucketed as (select bucket, {scaled} from '{path}' join hashed using (customer_id))
        select bucket, count(*) as rows, {", ".join(f"sum({x})" for x in names)}, {products}
        from bucketed group by 1""").df()


_HASH = "(((h * h) % 2147483647 * ((h * h) % 2147483647)) % 2147483647 * h) % 2147483647"


def sql_paths(path):
    con = duckdb.connect()
    con.execute(f"""
        create temp table steps as
        select customer_id c, visit p, ts, touchpoint t, max(converted) over (partition by visit) won
        from '{path}'""")
    tied = con.sql(
        "select count(*) from (select 1 from steps group by p, ts having count(*) > 1)"
    ).fetchall()[0]
    lengths = con.sql("""
        select steps, won, count(*) n from (select p, max(won) won, count(*) steps from steps group by p)
        group by 1, 2""").df()
    touched = con.sql("""
        select t, sum(n) steps, count(*) paths from (select t, p, count(*) n from steps group by 1, 2)
        group by 1""").df()
    moves = con.sql(f"""
        with customers as (
          select c, row_number() over (order by c) - 1 k from (select distinct c from steps)),
        bucketed as (
          select c, ({_HASH}) % 200 bucket from (select *, (k * 48271 + 11) % 2147483647 h from customers)),
        moved as (
          select c, t, won, lag(t) over w is null is_first, lead(t) over w next
          from steps window w as (partition by p order by ts))
        select bucket, t, is_first, next, won, count(*) n
        from moved join bucketed using (c) group by all""").df()
    con.close()
    return tied, lengths, touched, moves


def _polars_checked(path):
    """Refuse a log that the package would refuse, from Polars."""
    c, events = pl.col, pl.scan_parquet(path).select("customer_id", "ts", "event")
    seen = events.select(
        pl.len(),
        *(c(name).is_null().sum().alias(f"no_{name}") for name in ("customer_id", "ts", "event")),
        *((c("event") == word).any().alias(word) for word in WORDS),
        latest=c("ts").max(),
    ).collect(engine="streaming").row(0, named=True)  # fmt: skip
    bad = seen["no_customer_id"] + seen["no_ts"] + seen["no_event"] + (seen["len"] == 0)
    _refuse(bad or not all(seen[word] for word in WORDS) or f"{seen['latest']:%Y-%m-%d}" > LAST)
    starts = events.filter(c("event") == "start").group_by("customer_id").agg(n=pl.len())
    if starts.select(c("n").max()).collect(engine="streaming").item() > 1:
        moments = events.filter(c("event").is_in(["start", "end"])).group_by("customer_id", "ts")
        turns = {word: (c("event") == word).any().cast(pl.Int64) for word in ("start", "end")}
        rows = moments.agg(**turns).with_columns(b=c("start") - c("end"))
        rows = rows.with_columns(was=c("b").shift(1).over("customer_id", order_by="ts"))
        found = rows.filter((c("b") == 1) & (c("was") == 1)).sort("customer_id").head(1)
        _refuse(len(found.collect(engine="streaming")))


def polars_episodes(path):
    _polars_checked(path)
    c = pl.col
    named = {name: dict(enumerate(names)) for name, names in (("e", NAMES), ("rule", RULES), ("next", NAMES))}
    text = {
        name: c("e" if name == "rule" else name).replace_strict(own, return_dtype=pl.String)
        for name, own in named.items()
    }
    rows = _polars_episodes(path).select(
        "customer_id", episode=text["e"], start=c("start").cast(pl.Datetime("us")),
        end=c("end").cast(pl.Datetime("us")), rule=text["rule"], next_episode=text["next"],
        is_start_known=~c("vague"), is_open=c("end").is_null(), observed_until=pl.date(2023, 12, 31),
    )  # fmt: skip
    return rows.collect(engine="streaming")


def _polars_episodes(path):
    c, events = pl.col, pl.scan_parquet(path).select("customer_id", "ts", "event")
    named = events.filter(c("event").is_in(["orientation", "start", "renewal", "end"]))
    flags = {"s": "start", "r": "renewal", "e": "end", "o": "orientation"}
    named = named.group_by("customer_id", "ts").agg(
        **{name: (c("event") == word).any().cast(pl.Int64) for name, word in flags.items()}
    )
    first = (
        events.group_by("customer_id")
        .agg(c("ts").min())
        .with_columns(**{name: pl.lit(0, pl.Int64) for name in flags})
    )
    rows = pl.concat([named.select("customer_id", "ts", *flags), first])
    rows = rows.with_columns(i=c("ts").dt.month_end().dt.date(), at=c("ts"))
    rows = rows.with_columns(
        **{f"l{name}": pl.when(c(name) == 1).then("at") for name in "sre"}, begins=c("s") | c("o")
    )
    months = rows.group_by("customer_id", "i").agg(
        c("ls", "lr", "le").max(), c("o", "r").sum(), c("begins").max()
    )
    long_ago = pl.datetime(1900, 1, 1)
    months = months.with_columns(
        **{f"m{name}": c(f"l{name}").fill_null(long_ago) for name in "sre"}, o_=c("o"), r_=c("r")
    )
    over = {"partition_by": "customer_id", "order_by": "i"}
    far = months.with_columns(
        c("o_", "r_").cum_sum().over(**over),
        c("ms", "mr", "me").cum_max().over(**over),
        nx=c("i").shift(-1).over(**over).fill_null(pl.date(2024, 1, 1)),
        be=c("i").shift(1).over(**over),
    )
    base = pl.when(c("ls").is_not_null()).then(c("r_") - c("r")).otherwise(0)
    far = far.with_columns(base=base).with_columns(c("base").cum_max().over(**over))
    top = pl.max_horizontal("ms", "mr", "me")
    far = far.with_columns(
        k=c("r_") - c("base"),
        m=pl.when(top == long_ago)
        .then(3)
        .when(c("me") == top)
        .then(2)
        .when(c("mr") == top)
        .then(1)
        .otherwise(0),
        cut=c("ms").dt.offset_by("60d").dt.month_end().dt.date(),
        vague=c("be").is_null() & (c("begins") == 0),
    )
    inside = far.filter((c("cut") > c("i")) & (c("cut") < c("nx"))).with_columns(start=c("cut"))
    kept = ["customer_id", "start", "vague", "o_", "k", "m", "cut"]
    points = pl.concat([far.with_columns(start=c("i")).select(kept), inside.select(kept)])
    e = (
        pl.when(c("m") == 2).then(6)
        .when((c("m") == 3) & (c("o_") >= 1)).then(1).when(c("m") == 3).then(0)
        .when(c("k") >= 4).then(5).when(c("k") >= 1).then(4)
        .when(c("cut") <= c("start")).then(3).otherwise(2)
    )  # fmt: skip
    placed = points.select("customer_id", "start", "vague", e=e)
    over = {"partition_by": "customer_id", "order_by": "start"}
    changed = placed.with_columns(was=c("e").shift(1).over(**over))
    changed = changed.filter(c("was").is_null() | (c("was") != c("e")))
    return changed.with_columns(
        end=c("start").shift(-1).over(**over),
        next=c("e").shift(-1).over(**over),
        vague=c("was").is_null() & c("vague"),
    )


def _polars_spells(path):
    c = pl.col
    rows = _polars_episodes(path).select("customer_id", "e", "start", c("end").fill_null(pl.date(2024, 1, 1)))
    over = {"partition_by": "customer_id", "order_by": "start"}
    rows = rows.with_columns(
        reach=c("end").shift(1).over(**over),
        ne=c("e").shift(-1).over(**over),
        ns=c("start").shift(-1).over(**over),
    )
    rows = rows.with_columns(
        ne=pl.when(c("ns") == c("end")).then("ne"), overlap=(c("start") < c("reach")).cast(pl.Int64)
    )
    tally = rows.group_by("e", "start", "end", "ne").agg(n=pl.len(), overlap=c("overlap").sum())
    return tally.collect(engine="streaming").to_pandas()


def polars_occupancy(path):
    _polars_checked(path)
    return _filled(_polars_spells(path))[0]


def polars_transitions(path):
    _polars_checked(path)
    return _filled(_polars_spells(path))[1]


def polars_purchases(path):
    c = pl.col
    days = pl.scan_parquet(path).filter(c("event") == "purchase")
    days = days.group_by("customer_id", d=c("ts").dt.date()).agg(c("value").sum())
    days = days.with_columns(again=c("d") > c("d").min().over("customer_id"))
    days = days.with_columns(spent=pl.when("again").then("value").otherwise(0.0))
    rows = days.group_by("customer_id").agg(
        c("again").sum(), c("spent").sum(), f=c("d").min(), last=c("d").max()
    )
    return rows.select(
        "customer_id",
        frequency="again",
        recency=(c("last") - c("f")).dt.total_days() / 7,
        age=(pl.date(2023, 12, 31) - c("f")).dt.total_days() / 7,
        value=pl.when(c("again") > 0).then(c("spent") / c("again")),
    ).collect(engine="streaming")


def polars_scores(path):
    c, events = pl.col, pl.scan_parquet(path)
    centre = events.select(c("score").mean()).collect(engine="streaming").item()
    off = events.with_columns(f=c("score") - centre)
    off = off.with_columns(ff=c("f") * c("f"))
    tally = off.group_by("touchpoint", "channel").agg(
        n=c("score").count(), rows=pl.len(), s=c("f").sum(), ss=c("ff").sum(), low=c("score").min(),
        high=c("score").max(),
    )  # fmt: skip
    return tally.collect(engine="streaming").to_pandas()


def polars_responses(path):
    cells = pl.scan_parquet(path).group_by("plan", "region", "age")
    tally = cells.agg(n_invited=pl.len(), n_responded=pl.col("has_answered").sum())
    return tally.sort("plan", "region", "age").collect(engine="streaming").to_pandas()


def _hashed(number):
    start = (number * 48_271 + 11) % 2_147_483_647
    square = (start * start) % 2_147_483_647
    return ((square * square) % 2_147_483_647 * start) % 2_147_483_647 % 200


def polars_products(path):
    c, names, rows = pl.col, [*DRIVERS, "overall"], pl.scan_parquet(path)
    seen = rows.select(
        *(getattr(c(x), f)().alias(f"{f}_{x}") for x in names for f in ("mean", "min", "max", "count"))
    ).collect(engine="streaming").row(0, named=True)  # fmt: skip
    hashed = rows.select("customer_id").unique().sort("customer_id").with_row_index("k")
    hashed = hashed.select("customer_id", bucket=_hashed(c("k").cast(pl.Int64)))
    rows = rows.join(hashed, on="customer_id", how="left").with_columns(
        **{x: (c(x) - seen[f"mean_{x}"]) / (seen[f"max_{x}"] - seen[f"min_{x}"]) for x in names},
    )
    products = [(c(a) * c(b)).sum().alias(f"{a}_{b}") for i, a in enumerate(names) for b in names[i:]]
    tally = rows.group_by("bucket").agg(*(c(x).sum() for x in names), *products, rows=pl.len())
    return tally.collect(engine="streaming").to_pandas()


def polars_paths(path):
    c, run = pl.col, {"engine": "streaming"}
    steps = pl.scan_parquet(path).select(
        "touchpoint", "ts", c="customer_id", p="visit", won=c("converted").max().over("visit")
    ).collect(**run).lazy()  # fmt: skip
    tied = steps.group_by("p", "ts").agg(n=pl.len()).filter(c("n") > 1).select(pl.len()).collect(**run)
    lengths = steps.group_by("p").agg(c("won").max(), steps=pl.len())
    lengths = lengths.group_by("steps", "won").agg(n=pl.len()).collect(**run)
    touched = steps.group_by("touchpoint", "p").agg(n=pl.len())
    touched = touched.group_by("touchpoint").agg(c("n").sum(), paths=pl.len()).collect(**run)
    customers = steps.select("c").unique().sort("c").with_row_index("k")
    customers = customers.select("c", bucket=_hashed(c("k").cast(pl.Int64)))
    over = {"partition_by": "p", "order_by": "ts"}
    moved = steps.join(customers, on="c", how="left").with_columns(
        is_first=c("touchpoint").shift(1).over(**over).is_null(), next=c("touchpoint").shift(-1).over(**over)
    )
    moved = moved.group_by("bucket", "touchpoint", "is_first", "next", "won").agg(n=pl.len()).collect(**run)
    return tied, lengths, touched, moved
