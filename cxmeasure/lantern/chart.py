"""Two pictures of the company: how its tables hang together, and what causes what.

The schema is read from the data package, the causes from the table ``parameters/causes.csv``. Both are
drawn as boxes and lines on a grid that stays legible on a phone.
"""

import json
from pathlib import Path
from typing import Any, Final, Literal

import altair as alt
import pandas as pd

from cxmeasure import _data, theme
from cxmeasure._arguments import choice
from cxmeasure._charts import wrapped
from cxmeasure.lantern.catalogue import read_parameters

SCHEMA_PARTS: Final = {
    "subscribers": "Subscribers, from need to exit",
    "contacts": "Contacts, and what surrounds them",
    "surveys": "Surveys and follow-ups",
    "talk": "Talk among people",
    "organisation": "The organisation, and other firms",
    "hidden": "Hidden truth",
}
CAUSE_PARTS: Final = {
    "experience": "From a contact to satisfaction",
    "staying": "From satisfaction to staying and talking",
    "answering": "Who answers, and with what",
    "inside": "Behind the counter, and on the books",
}
_LANE: Final = 0.7
_FIRST_LANE: Final = 5.0
_BOX_RIGHT: Final = 4.4
_OFF_MIDDLE: Final = 0.3
_DASHES: Final = {"+": [1, 0], "±": [1, 0], "−": [6, 4], "*": [1, 4]}


def foreign_keys() -> pd.DataFrame:
    """Return every foreign key of the data package: table, column, refers_to.

    Examples
    --------
    >>> foreign_keys().query("table == 'followups'")["refers_to"].tolist()
    ['answers', 'customers', 'branches', 'employees']
    """
    resources = _package()["resources"]
    tables = {resource["name"]: Path(resource["path"]).stem for resource in resources}
    rows = [
        (tables[resource["name"]], column, tables[key["reference"]["resource"] or resource["name"]])
        for resource in resources
        for key in resource["schema"].get("foreignKeys", [])
        for column in key["fields"]
    ]
    return pd.DataFrame(rows, columns=["table", "column", "refers_to"])


def schema_layout(part: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return where the boxes of a part stand and where its keys run.

    Returns
    -------
    boxes, keys : pandas.DataFrame
        `boxes` has ``table kind row``, the tables of other parts first (`kind` is ``other part``); `keys`
        has ``table column refers_to row refers_to_row lane shift``: each table that is referred to has a
        lane.
    """
    known = read_parameters("schema")
    own = known.loc[known["part"] == choice(part, SCHEMA_PARTS, name="part"), "table"].tolist()
    keys = foreign_keys().loc[lambda rows: rows["table"].isin(own)].reset_index(drop=True)
    outside = [name for name in dict.fromkeys(keys["refers_to"]) if name not in own]
    order = {name: float(row) for row, name in enumerate([*outside, *own])}
    kinds = ["other part" if name in outside else "own" for name in order]
    boxes = pd.DataFrame({"table": list(order), "kind": kinds, "row": list(order.values())})
    lanes = {name: lane for lane, name in enumerate(sorted(set(keys["refers_to"]), key=order.__getitem__))}
    keys = keys.assign(
        row=keys["table"].map(order).astype("float64"),
        refers_to_row=keys["refers_to"].map(order).astype("float64"),
        lane=keys["refers_to"].map(lanes).astype("int64"),
    )
    # Two keys to one table would hide each other; a key to its own table would hide under its lane's end.
    nth = keys.groupby(["table", "refers_to"]).cumcount()
    many = keys.groupby(["table", "refers_to"])["column"].transform("size") > 1
    self_made = keys["table"] == keys["refers_to"]
    return boxes, keys.assign(shift=(0.3 * nth - 0.15) * many + 0.28 * self_made)


def schema(part: str | None = None, *, title: str | None = None) -> alt.LayerChart:
    """Draw tables as boxes and foreign keys as lines.

    Parameters
    ----------
    part
        A part of the company, a key of `SCHEMA_PARTS`; by default all parts, one below the other.
    title
        The finding; by default how many tables there are and to which most keys lead.

    Raises
    ------
    ArgumentError
        If there is no such part.

    Examples
    --------
    >>> schema("talk").description.split(":")[0]
    'Talk among people'
    """
    parts = list(SCHEMA_PARTS) if part is None else [choice(part, SCHEMA_PARTS, name="part")]
    boxes, keys, heads, top = [], [], [], 0.0
    for name in parts:
        some_boxes, some_keys = schema_layout(name)
        top += len(parts) > 1
        heads.append((SCHEMA_PARTS[name], top - 0.75))
        boxes.append(some_boxes.assign(row=some_boxes["row"] + top))
        keys.append(some_keys.assign(**{c: some_keys[c] + top for c in ("row", "refers_to_row")}, part=name))
        top += len(some_boxes)
    all_boxes, all_keys = pd.concat(boxes, ignore_index=True), pd.concat(keys, ignore_index=True)
    layers = [*_box_layers(_table_boxes(all_boxes), align="left"), *_key_layers(all_keys)]
    if len(parts) > 1:
        layers.append(_headings(heads))
    own = all_boxes.loc[all_boxes["kind"] == "own", "table"]
    most = all_keys["refers_to"].value_counts()
    finding = f"{len(own)} tables: {most.iloc[0]} of their {len(all_keys)} links lead to {most.index[0]}"
    said = " ".join(
        f"{table} refers to {' and '.join(dict.fromkeys(to))}."
        for table, to in all_keys.groupby("table", sort=False)["refers_to"]
    )
    return _framed(
        layers,
        title or finding,
        "A square is the table referred to, a dot the key that refers to it. Dashed: table of another part.",
        f"{' · '.join(SCHEMA_PARTS[name] for name in parts)}: {finding}. {said}",
        columns=10.0,
        rows=top,
        step=25,
    )


def cause_layout(part: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return where the boxes of a part of the causal diagram stand, and its arrows.

    Returns
    -------
    boxes, arrows : pandas.DataFrame
        `boxes` has ``box column row seen`` (whether it stands in a table of the firm); `arrows` has ``from
        to equation sign parameter x y x2 y2``.
    """
    choice(part, CAUSE_PARTS, name="part")
    boxes = read_parameters("causes_places").query("part == @part").drop(columns="part")
    boxes = boxes.astype({"column": float, "row": float}).reset_index(drop=True)
    arrows = read_parameters("causes").query("part == @part").drop(columns="part").reset_index(drop=True)
    at = boxes.set_index("box")
    for end, x, y, side in (("from", "x", "y", 0.31), ("to", "x2", "y2", -0.35)):
        arrows[x] = arrows[end].map(at["column"])
        arrows[y] = arrows[end].map(at["row"]) + side
    # What passes a row of boxes leaves and arrives off the middle, so as to run between them.
    slant = (arrows["x2"] - arrows["x"]).where(arrows["y2"] - arrows["y"] > 1, 0.0)
    arrows["x"], arrows["x2"] = arrows["x"] + _OFF_MIDDLE * slant, arrows["x2"] - _OFF_MIDDLE * slant
    return boxes, arrows


def causes(part: str | None = None, *, title: str | None = None) -> alt.LayerChart:
    """Draw what causes what: boxes for quantities, arrows with the number of their equation and a sign.

    Parameters
    ----------
    part
        A part of the diagram, a key of `CAUSE_PARTS`; by default all parts, one below the other.
    title
        The finding; by default how much of it the firm can see.

    Raises
    ------
    ArgumentError
        If there is no such part.

    Examples
    --------
    >>> causes("answering").description.split(".")[1]
    ' strong feelings raises answers (equation 11)'
    """
    parts = list(CAUSE_PARTS) if part is None else [choice(part, CAUSE_PARTS, name="part")]
    boxes, arrows, heads, top = [], [], [], 0.0
    for name in parts:
        some_boxes, some_arrows = cause_layout(name)
        top += 0.5 * (len(parts) > 1)
        heads.append((CAUSE_PARTS[name], top - 0.25))
        boxes.append(some_boxes.assign(row=some_boxes["row"] + top))
        arrows.append(some_arrows.assign(y=some_arrows["y"] + top, y2=some_arrows["y2"] + top))
        top += some_boxes["row"].max() + 1
    all_boxes, all_arrows = pd.concat(boxes, ignore_index=True), pd.concat(arrows, ignore_index=True)
    layers = [*_arrow_layers(all_arrows), *_box_layers(_cause_boxes(all_boxes), align="center")]
    if len(parts) > 1:
        layers.append(_headings(heads))
    seen = int((all_boxes["seen"] == "yes").sum())
    finding = f"Of {len(all_boxes)} quantities the firm sees {seen}"
    words = {"+": "raises", "−": "lowers", "±": "moves either way", "*": "in one world only raises"}
    said = " ".join(
        f"{row['from']} {words[row['sign']]} {row['to']} (equation {row['equation']})."
        for row in all_arrows.to_dict("records")
    )
    return _framed(
        layers,
        title or finding,
        "Solid box: in a table of the firm; dashed: hidden. Arrow with its equation's number; solid raises, "
        "dashed lowers, dotted is at work in one world only.",
        f"{finding}. {said}",
        columns=3.0,
        rows=top,
        step=76,
    )


def _package() -> dict[str, Any]:
    path = _data.folder("lantern") / "datapackage.json"
    package: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return package


def _table_boxes(boxes: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "x": 0.05,
            "x2": _BOX_RIGHT,
            "y": boxes["row"] + 0.08,
            "y2": boxes["row"] + 0.92,
            "text_x": 0.25,
            "text_y": boxes["row"] + 0.5,
            "text": boxes["table"],
            "is_solid": boxes["kind"] == "own",
        }
    )


def _cause_boxes(boxes: pd.DataFrame) -> pd.DataFrame:
    x, y = boxes["column"] + 0.5, boxes["row"] + 0.5
    return pd.DataFrame(
        {
            "x": x - 0.4,
            "x2": x + 0.4,
            "y": y - 0.31,
            "y2": y + 0.31,
            "text_x": x,
            "text_y": y,
            "text": ["\n".join(wrapped(name, 13)) for name in boxes["box"]],
            "is_solid": boxes["seen"] == "yes",
        }
    )


def _x(field: str) -> alt.X:
    return alt.X(f"{field}:Q", axis=None)


def _y(field: str) -> alt.Y:
    return alt.Y(f"{field}:Q", axis=None)


def _box_layers(boxes: pd.DataFrame, *, align: Literal["left", "center"]) -> list[alt.Chart]:
    # The middle of a text of n lines lies half of n - 1 lines above its first line.
    solid, dashed = boxes[boxes["is_solid"]], boxes[~boxes["is_solid"]]
    outlines = [
        alt.Chart(some)
        .mark_rect(filled=False, stroke=theme.INK, strokeWidth=1.3, strokeDash=dash, cornerRadius=3)
        .encode(_x("x"), _y("y"), x2="x2", y2="y2")
        for some, dash in ((solid, [1, 0]), (dashed, [3, 3]))
        if len(some)
    ]
    lines = boxes["text"].str.count("\n") + 1
    texts = [
        alt.Chart(boxes[lines == n])
        .mark_text(
            align=align,
            baseline="middle",
            fontSize=12 if align == "left" else 11,
            dy=-6.5 * (n - 1),
            lineBreak="\n",
            lineHeight=13,
            color=theme.INK,
        )
        .encode(_x("text_x"), _y("text_y"), text="text:N")
        for n in sorted(set(lines))
    ]
    return [*outlines, *texts]


def _key_layers(keys: pd.DataFrame) -> list[alt.Chart]:
    if keys.empty:
        return []
    at = _FIRST_LANE + _LANE * keys["lane"]
    y, start = keys["row"] + 0.5 + keys["shift"], keys["refers_to_row"] + 0.5
    own = keys.assign(x=_BOX_RIGHT, x2=at, y=y, y2=y)[["table", "column", "refers_to", "x", "x2", "y", "y2"]]
    ends = keys.assign(x=_BOX_RIGHT, x2=at, y=start).drop_duplicates(["part", "refers_to"])
    ends = ends[["refers_to", "x", "x2", "y"]].assign(y2=ends["y"])
    lanes = pd.DataFrame({"part": keys["part"], "x": at, "x2": at, "y": start, "y2": y})
    lanes = lanes.groupby(["part", "x", "x2"], as_index=False).agg(y=("y", "min"), y2=("y2", "max"))
    lines = pd.concat([own, ends, lanes])[["x", "x2", "y", "y2"]]
    rules = (
        alt.Chart(lines).mark_rule(color=theme.INK, opacity=0.6).encode(_x("x"), _y("y"), x2="x2", y2="y2")
    )
    dots = alt.Chart(own).mark_point(shape="circle", filled=True, size=46, color=theme.INK, opacity=1)
    squares = alt.Chart(ends).mark_point(shape="square", filled=True, size=80, color=theme.INK, opacity=1)
    tips = ["table:N", "column:N", alt.Tooltip("refers_to:N", title="refers to")]
    return [
        rules,
        squares.encode(_x("x2"), _y("y")),
        dots.encode(_x("x2"), _y("y"), tooltip=tips),
    ]


def _labels(arrows: pd.DataFrame) -> pd.DataFrame:
    """Place each arrow's number in a gap between rows of boxes, where no other number stands."""
    across, down = arrows["x2"] - arrows["x"], arrows["y2"] - arrows["y"]
    upright, is_long = across == 0, down > 1
    beside_upright = arrows["from"].isin(arrows.loc[upright, "from"])
    along = (0.19 / down).where(~beside_upright, 1 - 0.19 / down).where(is_long, 0.3)
    along = along.mask(upright, 0.19).mask(upright & ~is_long, 0.5)
    slants = is_long & ~upright
    goes_left = upright & (
        (arrows["to"].isin(arrows.loc[slants & (across < 0), "to"]) & ~is_long)
        | arrows["from"].isin(arrows.loc[slants & (across > 0), "from"])
    )
    return pd.DataFrame(
        {
            "label": arrows["equation"].astype(str) + " " + arrows["sign"],
            "x": arrows["x"] + along * across,
            "y": arrows["y"] + along * down + 0.1 * ~upright,
            "side": [("left" if left else "right") for left in goes_left | (across > 0)],
        }
    )


def _arrow_layers(arrows: pd.DataFrame) -> list[alt.Chart]:
    shifted = arrows.assign(**{name: arrows[name] + 0.5 for name in ("x", "x2", "y", "y2")})
    rules = [
        alt.Chart(some[["from", "to", "equation", "sign", "x", "y", "x2", "y2"]])
        .mark_rule(color=theme.INK, opacity=0.75, strokeDash=_DASHES[str(sign)], strokeWidth=1.3)
        .encode(_x("x"), _y("y"), x2="x2", y2="y2")
        for sign, some in shifted.groupby("sign", sort=False)
    ]
    ends = shifted.drop_duplicates(["x2", "y2"])[["x2", "y2"]]
    heads = alt.Chart(ends).mark_point(
        shape="triangle-down", filled=True, size=60, color=theme.INK, opacity=1
    )
    labels = [
        alt.Chart(some[["label", "x", "y"]])
        .mark_text(
            align="left" if side == "right" else "right",
            baseline="middle",
            dx=5 if side == "right" else -5,
            fontSize=11,
            color=theme.INK,
        )
        .encode(_x("x"), _y("y"), text="label:N")
        for side, some in _labels(shifted).groupby("side")
    ]
    return [*rules, heads.encode(_x("x2"), _y("y2")), *labels]


def _headings(heads: list[tuple[str, float]]) -> alt.Chart:
    frame = pd.DataFrame(heads, columns=["text", "y"]).assign(x=0.05, y=[y + 0.4 for _, y in heads])
    marked = alt.Chart(frame).mark_text(
        align="left", baseline="middle", fontWeight="bold", fontSize=12, color=theme.INK
    )
    headings: alt.Chart = marked.encode(_x("x"), _y("y"), text="text:N")
    return headings


def _framed(
    layers: list[alt.Chart],
    title: str,
    subtitle: str,
    description: str,
    *,
    columns: float,
    rows: float,
    step: int,
) -> alt.LayerChart:
    first = layers[0]
    first.encoding.x.scale = alt.Scale(domain=[0, columns], nice=False, zero=False)
    first.encoding.y.scale = alt.Scale(domain=[rows, 0], nice=False, zero=False)
    return alt.LayerChart(layer=layers).properties(
        title=alt.TitleParams(wrapped(title), subtitle=wrapped(subtitle, 84)),
        description=description,
        width=400,
        height=round(step * rows),
        usermeta={"cx": {"table": False}},
    )
