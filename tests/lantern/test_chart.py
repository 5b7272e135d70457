"""The two pictures of the company say what the data package and the parameters say."""

import itertools
import json
import subprocess
import sys

import pandas as pd
import pytest

from cxmeasure import _data, lantern
from cxmeasure.errors import ArgumentError
from cxmeasure.lantern import chart
from cxmeasure.lantern.catalogue import read_parameters

SCHEMA_PARTS = list(chart.SCHEMA_PARTS)
CAUSE_PARTS = list(chart.CAUSE_PARTS)
CAUSES = read_parameters("causes")
PLACES = read_parameters("causes_places")


def drawn_rows(spec: dict[str, object]) -> list[dict[str, object]]:
    datasets = spec["datasets"]
    assert isinstance(datasets, dict)
    return [row for rows in datasets.values() for row in rows]


def overlapping(boxes: pd.DataFrame) -> list[tuple[int, int]]:
    return [
        (i, j)
        for (i, a), (j, b) in itertools.combinations(boxes.iterrows(), 2)
        if a["x"] < b["x2"] and b["x"] < a["x2"] and a["y"] < b["y2"] and b["y"] < a["y2"]
    ]


def test_every_table_of_the_company_has_one_place_in_the_schema() -> None:
    places = read_parameters("schema")
    assert sorted(places["table"]) == sorted(lantern.tables()["table"])
    assert set(places["part"]) == set(SCHEMA_PARTS)


def test_the_hidden_part_of_the_schema_is_the_hidden_truth_and_nothing_else() -> None:
    hidden = lantern.tables().query("hidden")["table"]
    assert sorted(read_parameters("schema").query("part == 'hidden'")["table"]) == sorted(hidden)


def test_foreign_keys_are_those_of_the_table_list() -> None:
    links = lantern.tables().set_index("table")["links"]
    expected = {
        (table, *link.split(">")) for table, text in links.items() for link in text.split(";") if link
    }
    assert set(chart.foreign_keys().itertuples(index=False, name=None)) == expected
    assert len(chart.foreign_keys()) == len(expected)


def test_every_foreign_key_is_drawn_once() -> None:
    drawn = [
        (row["table"], row["column"], row["refers_to"])
        for row in drawn_rows(chart.schema().to_dict())
        if "column" in row
    ]
    assert sorted(drawn) == sorted(chart.foreign_keys().itertuples(index=False, name=None))


@pytest.mark.parametrize("part", SCHEMA_PARTS)
def test_each_table_has_its_own_row_and_each_table_referred_to_its_own_lane(part: str) -> None:
    boxes, keys = chart.schema_layout(part)
    assert boxes["row"].is_unique
    assert boxes["table"].is_unique
    assert set(keys["refers_to"]) <= set(boxes["table"])
    assert keys.groupby("lane")["refers_to"].nunique().eq(1).all()
    assert not keys.duplicated(["row", "lane", "shift"]).any(), "two keys under one dot"


@pytest.mark.parametrize("part", [None, *SCHEMA_PARTS])
def test_no_two_boxes_of_the_schema_overlap_and_lanes_stay_inside(part: str | None) -> None:
    spec = chart.schema(part).to_dict()
    boxes = pd.DataFrame([row for row in drawn_rows(spec) if "is_solid" in row]).drop_duplicates()
    assert overlapping(boxes) == []
    assert max(row["x2"] for row in drawn_rows(spec) if "x2" in row) < 10.0


@pytest.mark.parametrize("part", [None, *CAUSE_PARTS])
def test_no_two_boxes_of_the_causal_diagram_overlap(part: str | None) -> None:
    rows = drawn_rows(chart.causes(part).to_dict())
    boxes = pd.DataFrame([row for row in rows if "is_solid" in row]).drop_duplicates()
    assert overlapping(boxes) == []


@pytest.mark.parametrize("part", CAUSE_PARTS)
def test_no_arrow_of_the_causal_diagram_runs_through_a_box(part: str) -> None:
    boxes, arrows = chart.cause_layout(part)
    for arrow in arrows.to_dict("records"):
        for box in boxes.to_dict("records"):
            if box["box"] in (arrow["from"], arrow["to"]):
                continue
            for step in range(201):
                x = arrow["x"] + step / 200 * (arrow["x2"] - arrow["x"])
                y = arrow["y"] + step / 200 * (arrow["y2"] - arrow["y"])
                assert abs(x - box["column"]) >= 0.4 or abs(y - box["row"]) >= 0.31, (arrow, box)


@pytest.mark.parametrize("part", CAUSE_PARTS)
def test_every_cause_and_effect_has_a_place_and_every_arrow_points_down(part: str) -> None:
    boxes, arrows = chart.cause_layout(part)
    assert arrows[["x", "y", "x2", "y2"]].notna().all(axis=None)
    assert (arrows["y2"] > arrows["y"]).all()
    assert set(arrows["from"]) | set(arrows["to"]) == set(boxes["box"])


def test_every_equation_appears_among_the_causes() -> None:
    assert set(CAUSES["equation"]) == set(range(1, 22))
    labels = {str(row["label"]).split()[0] for row in drawn_rows(chart.causes().to_dict()) if "label" in row}
    assert labels == {str(number) for number in range(1, 22)}


def test_the_sign_of_an_arrow_is_that_of_its_parameter() -> None:
    truth = lantern.truth()
    named = CAUSES[CAUSES["parameter"] != ""]
    assert set(named["parameter"]) <= set(truth.index)
    for row in named.to_dict("records"):
        parameter = truth.loc[row["parameter"]]
        assert str(row["equation"]) == str(parameter["equation"]), row
        if row["sign"] == "*":
            values = [
                lantern.truth(world).loc[row["parameter"], "value"] for world in lantern.worlds()["world"]
            ]
            assert parameter["value"] == 0
            assert sum(value != 0 for value in values) == 1
        else:
            assert (parameter["value"] > 0) == (row["sign"] == "+"), row


def test_a_quantity_is_seen_or_hidden_alike_in_every_part() -> None:
    assert PLACES.groupby("box")["seen"].nunique().eq(1).all()


@pytest.mark.parametrize("draw", [chart.schema, chart.causes])
def test_a_picture_says_itself_to_someone_who_cannot_see_it(draw: object) -> None:
    assert callable(draw)
    spec = draw().to_dict()
    assert len(spec["description"]) > 500
    assert sum(len(rows) for rows in spec["datasets"].values()) <= 500
    assert draw(title="A finding of one's own").to_dict()["title"]["text"] == ["A finding of one's own"]


def test_an_unknown_part_is_refused_with_the_parts_there_are() -> None:
    with pytest.raises(ArgumentError, match="surveys"):
        chart.schema("survey")
    with pytest.raises(ArgumentError, match="answering"):
        chart.causes("answer")


def test_the_package_gives_tables_by_the_names_that_load_knows() -> None:
    package = json.loads((_data.folder("lantern") / "datapackage.json").read_text(encoding="utf-8"))
    assert len(package["resources"]) == len(lantern.tables())


def test_the_company_is_imported_without_its_pictures() -> None:
    code = "import sys, cxmeasure.lantern; sys.exit('cxmeasure.lantern.chart' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
