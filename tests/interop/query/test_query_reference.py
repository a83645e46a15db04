"""Every query of the reference on ADT's language, over one small graph; found through MEGATWIN_CASES."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from dtdl.elements import Model
from dtdl.errors import RequestInvalid
from tests.interop.query.worlds import Field, interface

CASES = os.environ.get("MEGATWIN_CASES") or None
_LINE = re.compile(r"- \[(\d+)\] (?:\w+: )?`(.*?)`(?:  ->.*)?$")

MALFORMED = {
    5: (14, None),
    15: (103, "SELECT B, S FROM DIGITALTWINS MATCH (B)-[:contains|isAssociatedWith]-(S) WHERE B.$dtId = 'Seattle21'"),
    16: (57, "SELECT B, S FROM DIGITALTWINS MATCH (B)-[]-(S) WHERE B.$dtId = 'Seattle21'"),
    21: (23, "SELECT F, Cafe, Rel FROM DIGITALTWINS MATCH (F)-[Rel]-(Cafe) WHERE F.$dtId = 'thermostat-15'"),
    44: (14, "SELECT * FROM DIGITALTWINS WHERE IS_STRING( Status ) AND Status != 'Completed'"),
    63: (37, "SELECT * FROM DIGITALTWINS T WHERE T.tags.size = 'small'"),
    74: (73, "SELECT COUNT() FROM DIGITALTWINS c WHERE IS_OF_MODEL('dtmi:sample:Room;1') AND c.Capacity > 20"),
    76: (39, "SELECT TOP (5) FROM DIGITALTWINS WHERE IS_DEFINED(name)"),
    82: (100, "SELECT Floor FROM DIGITALTWINS B JOIN Floor RELATED B.contains WHERE B.$dtId = 'Building1'"),
    83: (110, ("SELECT Room FROM DIGITALTWINS Floor JOIN Room RELATED Floor.contains WHERE Floor.$dtId IN ['f1', 'f2'] "
               "AND Room. Temperature > 72 AND IS_OF_MODEL(Room, 'dtmi:com:contoso:Room;1')")),
    84: (173, ("SELECT device FROM DIGITALTWINS space JOIN device RELATED space.has has WHERE space.$dtId = 'Room 123' "
               "AND device.$metadata.$model = 'dtmi:contoso:com:DigitalTwins:MxChip;3' AND has.role = 'Operator'")),
}  # fmt: skip
"""Number → position of the error that the text has as it stands, and the text put right."""

FOUND: dict[int, list[str]] = {
    4: ["A to-B", "B to-A"],
    6: ["T=ABC CT=kid"],
    7: ["LightBulb=bulb1", "LightBulb=bulb2"],
    8: ["LightBulb=d5"],
    9: ["Building=Building1 Floor=d1"],
    10: ["Building=Building21 Sensor=probe"],
    11: ["Room=hot Factory=ABC"],
    12: ["Room=target Factory=ABC"],
    13: ["Factory=ABC Room=hot"],
    14: ["Building=Seattle21 Sensor=probe"],
    15: ["B=Seattle21 S=probe"],
    16: ["B=Seattle21 S=cool", "B=Seattle21 S=probe"],
    17: ["Floor=thermostat-15 Room=building-3", "Floor=thermostat-15 Room=cafe-room",
         "Floor=thermostat-15 Room=cool", "Floor=thermostat-15 Room=h3", "Floor=thermostat-15 Room=hot"],
    18: ["Floor=thermostat-15 Room=building-3", "Floor=thermostat-15 Room=cafe-room",
         "Floor=thermostat-15 Room=cool", "Floor=thermostat-15 Room=h2", "Floor=thermostat-15 Room=h3",
         "Floor=thermostat-15 Room=hall", "Floor=thermostat-15 Room=hot"],
    19: ["Floor=thermostat-15 Room=h1", "Floor=thermostat-15 Room=h2", "Floor=thermostat-15 Room=hall"],
    20: ["Floor=thermostat-15 Room=h1"],
    21: ["F=thermostat-15 Cafe=h1 Rel=thermostat-15 to-h1"],
    22: ["Floor=thermostat-15 Room=h4", "Floor=thermostat-15 Room=h5"],
    23: ["Floor=thermostat-15 Room=h1"],
    24: ["Floor=thermostat-15 Room=cafe-room Cafe=h1", "Floor=thermostat-15 Room=hall Cafe=h1"],
    25: ["Floor=hall Room=hot Building=building-3"],
    28: ["Consumer=consumer Factory=FactoryA Relationship=FactoryA to-consumer"],
    29: ["name=Ada managedBy=Bo"],
    31: ["COUNT=56"],
    32: ["COUNT=41"],
    33: ["123", "A", "ABC", "B", "Building1"],
    34: ["Room1"],
    35: ["Room1", "Room2"],
    36: [""],
    37: ["area1-route-small", "x-route"],
    38: ["area1-route-small"],
    39: ["sub1", "thing1"],
    40: [],
    41: ["area1-route-small", "tagged"],
    42: ["tagged"],
    43: ["Room1"],
    44: ["cold"],
    46: ["area=12.5"],
    47: ["done"],
    48: ["area1-route-small"],
    49: ["tagged"],
    50: ["123", "Room2", "cold"],
    51: ["round"],
    52: ["round"],
    53: [],
    54: ["123", "Room2", "cold", "tagged"],
    55: ["round", "tagged"],
    56: ["cold"],
    58: ["A"],
    59: ["123"],
    60: ["sub1", "thing1"],
    61: ["tagged"],
    62: ["123", "Room2", "cold", "round", "tagged"],
    63: ["round", "tagged"],
    64: ["sub1", "thing1"],
    65: ["sub1", "thing1"],
    66: ["thing1"],
    67: ["thing1"],
    68: ["T=ABC CT=kid"],
    69: ["target=target-twin"],
    70: ["source=source-twin"],
    71: ["T=ABC SBT=B R=ABC to-B"],
    72: [],
    73: ["COUNT=56"],
    74: ["COUNT=1"],
    75: ["COUNT=1"],
    76: ["A", "B", "Room1", "consumer", "kid"],
    77: ["Consumer=consumer Factory=ABC Edge=ABC to-consumer"],
    78: ["name=Ada"],
    79: ["name=Ada prop1=1 area=12.5"],
    80: ["consumerName=Ada first=1 factoryArea=12.5"],
    81: ["consumerName=Ada Factory=ABC"],
    82: ["Floor=d1"],
    83: [],
    84: [],
    85: ["Room=floor11"],
    86: [],
    87: ["round"],
    88: ["round"],
    89: ["round", "tagged"],
    93: [""],
    94: ["Room1"],
    95: ["root"],
    96: ["root"],
    97: ["root"],
    98: ["B", "Room1"],
    99: ["$dtId=B name=foobar", "$dtId=Room1 name=foo"],
    100: ["$dtId=Room1 name=foo"],
    101: ["$dtId=A name=D'Souza", "$dtId=B name=foobar", "$dtId=Room1 name=foo", "$dtId=consumer name=Ada",
          "$dtId=kid name=Kid"],
    102: [],
    103: ["T=maps"],
    104: ["T=maps"],
    105: ["T=maps"],
    106: ["T=done"],
    107: ["T=done"],
    108: ["T=done"],
    109: ["T=maps"],
    110: [],
    111: [],
    112: ["root to-abc"],
    113: ["T=root"],
    114: ["root"],
    115: ["COUNT=56"],
    116: ["T=abc R=root to-abc"],
    117: ["T=abc"],
    119: ["T=abc"],
    120: ["B=blob R=root2 to-blob"],
    121: ["B=blob R=root3 to-blob", "B=root2 R=root3 to-root2"],
    122: ["B=root2 R=root3 to-root2"],
    123: ["LightBulb=bulb1", "LightBulb=bulb2"],
    124: ["LightBulb=d5"],
    125: ["r=abc to-root3 t=abc"],
    126: ["source to-target"],
    127: ["source to-target"],
    128: [],
    129: [],
    130: [],
    131: [],
    132: ["Room1", "Room2"],
    133: ["Room1"],
    134: ["T=h1", "T=hot", "T=probe", "T=root", "T=target"],
    135: [],
}  # fmt: skip
"""Number → rows, as ``short`` writes them, in no order."""
COUNTS: dict[int, int] = {
    1: 56, 2: 56, 3: 41, 26: 56, 27: 56, 30: 56, 45: 55, 57: 56, 90: 56, 91: 56, 92: 41, 118: 40,
}  # fmt: skip


def cases() -> list[tuple[int, str]]:
    if CASES is None:
        return []
    lines = (Path(CASES) / "reference/adt/query-language.md").read_text("utf-8").splitlines()
    found = [match for match in map(_LINE.fullmatch, lines) if match]
    return [(int(match[1]), match[2].replace("\\n", "\n")) for match in found]


def stage() -> Field:
    """Twins that the queries speak of, under their own names, and some that they must not find."""
    thing = interface("dtmi:example:thing;1")
    room = interface("dtmi:sample:Room;1")
    panel, bulb = interface("dtmi:contoso:com:lightpanel;1"), interface("dtmi:contoso:com:lightbulb;1")
    models = (thing, room, panel, bulb, interface("dtmi:example:subthing;1", thing), interface("dtmi:other;1"))
    field = Field(model=Model({one.id: one for one in models}))
    for name, contents in TWINS.items():
        field.twin(name, KINDS.get(name, "dtmi:other;1"), contents)
    for source, name, target, contents in LINKS:
        field.relationship(source, f"to-{target}", name, target, contents)
    return field


KINDS = {
    "Room1": "dtmi:sample:Room;1", "Room2": "dtmi:sample:Room;1", "panel1": "dtmi:contoso:com:lightpanel;1",
    "bulb1": "dtmi:contoso:com:lightbulb;1", "thing1": "dtmi:example:thing;1", "sub1": "dtmi:example:subthing;1",
    "root": "dtmi:com:adt:dtsample:room;1",
}  # fmt: skip
TWINS: dict[str, dict[str, Any]] = {
    "Room1": {"Capacity": 25, "name": "foo"}, "Room2": {"Capacity": 0, "Temperature": 70, "firmwareVersion": "1.1"},
    "thing1": {"Location": "here"}, "sub1": {"Location": None, "Temperature": None},
    "A": {"name": "D'Souza", "Name": "D'Souza"}, "B": {"name": "foobar", "age": 7},
    "kid": {"name": "Kid"}, "ABC": {"area": 12.5, "humidity": 80}, "room1": {}, "room2": {}, "panel1": {}, "panel2": {},
    "bulb1": {}, "bulb2": {}, "Building1": {}, "d1": {}, "d2": {}, "d3": {}, "d4": {}, "d5": {},
    "Building21": {}, "probe": {"temperature": 60}, "cool": {"temperature": 20},
    "hot": {"temperature": 51, "humidity": 71}, "target": {"temperature": 99}, "Seattle21": {},
    "thermostat-15": {}, "h1": {"temperature": 55}, "h2": {}, "h3": {}, "h4": {}, "h5": {}, "cafe-room": {}, "hall": {},
    "building-3": {}, "FactoryA": {}, "consumer": {"name": "Ada"},
    "area1-route-small": {"floor_number": [1, 2], "HasTemperature": False}, "x-route": {"floor_number": 2},
    "tagged": {"tags": {"red": "", "size": "small"}, "HasTemperature": True, "Temperature": 80, "Humidity": 40},
    "round": {"tags": {"round": "", "size": "small"}, "Temperature": 81, "Humidity": 60, "owner": "John"},
    "cold": {"Temperature": 12, "Humidity": 60, "owner": "john", "Status": "Open", "Group": "BravoTeam"},
    "done": {"Status": "Completed", "MapObject": {"other": 1}, "tags": ["tag1"], "numbers": [1, 2], "bools": [True]},
    "maps": {"MapObject": {"TemperatureReading": 1}, "someMap": {}, "someScalar": 1, "someString": "s", "bool": True},
    "source-twin": {}, "target-twin": {}, "123": {"firmwareVersion": "1.1", "Temperature": 70},
    "root": {"temperature": 20.6, "diameter": 3}, "root2": {}, "root3": {}, "blob": {}, "abc": {"size": 2},
    "user": {"email": "test@example.com"}, "source": {}, "id1": {}, "floor11": {},
}  # fmt: skip
LINKS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("A", "knows", "B", {}), ("B", "knows", "A", {}), ("ABC", "contains", "kid", {}),
    ("ABC", "servicedBy", "B", {"reportedCondition": "clean"}), ("ABC", "servicedBy", "A", {"reportedCondition": "?"}),
    ("ABC", "customer", "consumer", {"prop1": 1}), ("room1", "contains", "panel1", {}),
    ("room2", "contains", "panel2", {}), ("panel1", "contains", "bulb1", {}), ("panel2", "contains", "bulb2", {}),
    ("Building1", "contains", "d1", {}), ("d1", "contains", "d2", {}), ("d2", "contains", "d3", {}),
    ("d3", "contains", "d4", {}), ("d4", "contains", "d5", {}), ("Building21", "senses", "probe", {}),
    ("Building21", "senses", "cool", {}), ("hot", "feeds", "ABC", {}), ("cool", "feeds", "ABC", {}),
    ("ABC", "feeds", "target", {}), ("Seattle21", "contains", "probe", {}), ("Seattle21", "other", "cool", {}),
    ("thermostat-15", "contains", "h1", {"length": 10, "name": "child"}), ("h1", "contains", "h2", {}),
    ("h2", "isAssociatedWith", "h3", {}), ("h3", "contains", "h4", {}), ("h4", "contains", "h5", {}),
    ("hall", "has", "h1", {}), ("cafe-room", "includes", "hall", {}),
    ("building-3", "isAssociatedWith", "hall", {}), ("hot", "isAssociatedWith", "hall", {}),
    ("cool", "isAssociatedWith", "hall", {}), ("FactoryA", "consumerRelationship", "consumer", {"managedBy": "Bo"}),
    ("source-twin", "feeds", "target-twin", {}), ("root", "has", "abc", {}), ("root2", "has", "blob", {}),
    ("root3", "hasBlob", "blob", {}), ("root3", "hasModel", "root2", {}), ("source", "nextActivity", "target", {}),
    ("abc", "feeds", "root3", {}), ("floor11", "Contains", "id1", {}),
]  # fmt: skip


def short(row: dict[str, Any]) -> str:
    """Twins and relationships by their ids, values as they are."""
    if "$dtId" in row and "$metadata" in row:
        return str(row["$dtId"])
    if "$relationshipId" in row and "$etag" in row:
        return f"{row['$sourceId']} {row['$relationshipId']}"
    return " ".join(f"{name}={short(value) if isinstance(value, dict) else value}" for name, value in row.items())


@pytest.fixture(scope="module")
def field() -> Field:
    return stage()


@pytest.mark.parametrize(("number", "text"), cases())
def test_a_query_of_the_reference_gives_what_it_says(field: Field, number: int, text: str) -> None:
    if number in MALFORMED:
        position, corrected = MALFORMED[number]
        with pytest.raises(RequestInvalid, match=rf"Line=1, Position={position}, Message=") as refused:
            field.ask(text)
        assert refused.value.code == "SqlQueryError"
        if corrected is None:
            return
        text = corrected
    found = [short(row) for row in field.ask(text)]
    if number in FOUND:
        assert sorted(found) == sorted(FOUND[number])
    else:
        assert len(found) == COUNTS[number]


def test_the_reference_has_its_135_queries() -> None:
    if CASES is None:
        pytest.skip("MEGATWIN_CASES is not set")
    assert [number for number, _ in cases()] == list(range(1, 136))
