"""The project's own units are an extension like any other: strict checks accept it, in every version of DTDL."""

from __future__ import annotations

import json
from typing import Any

import pytest

import dtdl
from dtdl.metamodel import metamodel
from dtdl.units import Unit, units

OWN = "dtmi:megatwin:extension:units;1"
VERSIONS = {2: [], 3: ["dtmi:dtdl:extension:quantitativeTypes;1"], 4: ["dtmi:dtdl:extension:quantitativeTypes;3"]}
TABLE = metamodel().table(OWN)


def transmitter(version: int, contexts: list[str], *contents: dict[str, Any]) -> dict[str, Any]:
    return {
        "@context": [f"dtmi:dtdl:context;{version}", *contexts],
        "@id": "dtmi:acme:Transmitter;1",
        "@type": "Interface",
        "contents": list(contents),
    }


OUTPUT = {"@type": ["Property", "PowerLevel"], "name": "output", "schema": "double", "unit": "decibelMilliwatt"}
SUPPLY = {"@type": ["Telemetry", "Power"], "name": "supply", "schema": "double", "unit": "watt"}


def rules(model: Any, **options: Any) -> list[str]:
    return [found.rule.rsplit(":", 1)[-1] for found in dtdl.check(json.dumps(model), **options)]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_level_in_decibels_passes_a_strict_check_compiles_and_prints(version: int) -> None:
    given = transmitter(version, [OWN], OUTPUT)
    assert rules(given, allow_undefined="never") == []
    model = dtdl.parse(json.dumps(given))
    assert dtdl.dump(model) == [given]
    interface = model.interface("dtmi:acme:Transmitter;1")
    assert interface.contents["output"].properties["unit"].properties["name"] == "decibelMilliwatt"
    field = dtdl.compile(model)[interface.id].model_fields["output"]
    assert Unit("decibelMilliwatt") in field.metadata


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("first", [True, False])
def test_own_units_and_those_of_dtdl_stand_side_by_side(version: int, *, first: bool) -> None:
    contexts = [OWN, *VERSIONS[version]] if first else [*VERSIONS[version], OWN]
    given = transmitter(version, contexts, OUTPUT, SUPPLY)
    assert rules(given, allow_undefined="never") == []
    model = dtdl.parse(json.dumps(given))
    assert dtdl.dump(model) == [given]
    assert dtdl.equal(dtdl.parse(dtdl.dumps(model)), model)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_unit_of_another_quantity_is_refused(version: int) -> None:
    contexts = [*VERSIONS[version], OWN]
    assert rules(transmitter(version, contexts, OUTPUT | {"unit": "watt"})) == ["wrongParent"]
    assert rules(transmitter(version, contexts, OUTPUT | {"unit": "decibelRatio"})) == ["wrongParent"]
    no_unit = {key: value for key, value in OUTPUT.items() if key != "unit"}
    assert rules(transmitter(version, contexts, no_unit)) == ["missingSupplementalObjectProperty"]


def test_one_unit_cannot_serve_two_quantities() -> None:
    both = OUTPUT | {"@type": ["Property", "PowerLevel", "Power"]}
    assert rules(transmitter(4, [*VERSIONS[4], OWN], both)) == ["missingSupplementalObjectProperty"]


def test_without_the_extension_the_finding_names_it() -> None:
    cause = dtdl.check(json.dumps(transmitter(4, [], OUTPUT)))[0].cause
    assert f"{OWN} defines it, and '@context' does not name that." in cause
    cause = dtdl.check(json.dumps(transmitter(3, [OWN], SUPPLY)))[0].cause
    assert "dtmi:dtdl:extension:quantitativeTypes;1 defines it" in cause


def test_every_own_unit_is_a_term_and_no_other() -> None:
    own = {unit.name for unit in units() if unit.own}
    elements = {part["name"] for element in TABLE.table["elements"] for part in element["enumValues"]}
    assert elements == own
    assert own <= TABLE.terms.keys()


def test_no_own_term_takes_the_meaning_of_one_of_dtdl() -> None:
    others = {term for table in metamodel().tables() if table.id != OWN for term in table.terms}
    assert TABLE.terms.keys() & others == {"unit"}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("quantity", TABLE.table["elements"], ids=lambda element: element["displayName"])
def test_every_own_unit_may_be_written_with_its_quantity(version: int, quantity: dict[str, Any]) -> None:
    term = next(metamodel().term(name) for name, rule in TABLE.types.items() if rule.properties
                and next(iter(rule.properties.values())).table["child_of"] == quantity["@id"])  # fmt: skip
    contents = [
        {"@type": ["Telemetry", term], "name": f"t{index}", "schema": "double", "unit": part["name"]}
        for index, part in enumerate(quantity["enumValues"])
    ]
    assert rules(transmitter(version, [OWN], *contents), allow_undefined="never") == []
