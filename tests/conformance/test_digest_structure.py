"""What the published metamodel says of structures: depth, count, recursion, inheritance, siblings and co-types."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

import dtdl
from tests.conformance.test_digest import LIMITS, VERSIONS, Smallest, read_digest, rules

Json = Any
DEPTH_OF_SCHEMAS = ("Array", "Enum", "Map", "Object")


@pytest.fixture(scope="module")
def digest() -> Json:
    return read_digest()


def controls(digest: Json, key: str) -> Iterator[tuple[Json, str, int]]:
    """Gives each bound of a kind with its limit context and number."""
    for control in digest["descendantControls"]:
        for limit, number in control.get(key, {}).items():
            yield control, limit, number


def head(version: int, limit: str = "") -> Json:
    context = f"dtmi:dtdl:context;{version}"
    return {"@context": [f"{context}#limitless", *LIMITS[limit]] if limit else context, "@type": "Interface"}


def interface(name: str, version: int, limit: str = "", **more: Json) -> Json:
    return head(version, limit) | {"@id": f"dtmi:a:{name};1"} | more


def telemetry(schema: Json, name: str = "t") -> Json:
    return {"@type": "Telemetry", "name": name, "schema": schema}


def holding(kind: str, schema: Json) -> Json:
    """Gives a schema of a class that holds another one."""
    if kind == "Array":
        return {"@type": "Array", "elementSchema": schema}
    if kind == "Map":
        key = {"name": "k", "schema": "string"}
        return {"@type": "Map", "mapKey": key, "mapValue": {"name": "v", "schema": schema}}
    return {"@type": "Object", "fields": [{"name": "f", "schema": schema}]}


def nested(kinds: tuple[str, ...], depth: int) -> Json:
    schema: Json = "double"
    for kind in itertools.islice(itertools.cycle(kinds), depth):
        schema = holding(kind, schema)
    return schema


def chain(version: int, limit: str, length: int) -> list[Json]:
    """Gives Interfaces of which each extends the next."""
    last = interface("X0", version, limit)
    others = [interface(f"X{n}", version, limit, extends=f"dtmi:a:X{n - 1};1") for n in range(1, length + 1)]
    return [last, *others]


def test_schemas_nest_as_deep_as_the_limit_says_and_no_deeper(digest: Json) -> None:
    tried: Counter[str] = Counter()
    for control, limit, deepest in controls(digest, "maxDepth"):
        if control["properties"] != ["elementSchema", "schema"]:
            continue
        root, version = control["rootClass"], control["dtdlVersion"]
        kinds = ("Map", "Array", "Object") if root in ("ComplexSchema", "Enum") else (root,)
        for depth, expected in ((deepest, set()), (deepest + 1, {"excessiveDepthWide"})):
            contents = [telemetry(nested(kinds, depth))]
            found = rules(interface("X", version, limit, contents=contents), limit)
            assert found == expected, (control, limit, depth)
        tried[root] += 1
    assert tried == dict.fromkeys(("ComplexSchema", *DEPTH_OF_SCHEMAS), 5)


def test_interfaces_extend_as_deep_as_the_limit_says_and_no_deeper(digest: Json) -> None:
    tried = 0
    for control, limit, deepest in controls(digest, "maxDepth"):
        if control["properties"] != ["extends"]:
            continue
        assert control["importProperties"] == ["contents"]
        for depth, expected in ((deepest, set()), (deepest + 1, {"excessiveDepthNarrow"})):
            assert rules(chain(control["dtdlVersion"], limit, depth), limit) == expected, (control, limit, depth)
        tried += 1
    assert tried == 5


def test_interfaces_extend_as_many_as_the_limit_says_and_no_more(digest: Json) -> None:
    for control, limit, most in controls(digest, "maxCount"):
        if control["properties"] != ["extends"]:
            continue
        version = control["dtdlVersion"]
        for many, expected in ((most, set()), (most + 1, {"excessiveCount"})):
            half = (many - 2) // 2
            parents = [f"dtmi:a:P{n};1" for n in range(many - 2 - half)]
            made = [interface(f"P{n}", version, limit) for n in range(len(parents))]
            made.append(interface("Left", version, limit, extends=parents[:half]))
            made.append(interface("Right", version, limit, extends=parents))
            made.append(interface("X", version, limit, extends=["dtmi:a:Left;1", "dtmi:a:Right;1"]))
            assert rules(made, limit) == expected, (version, limit, many)


def weight(schema: Json) -> int:
    """Gives how many elements stand below one that has a schema, that schema included, along the counted ways."""
    if isinstance(schema, str):
        return 1
    return 1 + sum(1 + weight(field["schema"]) for field in schema["fields"])


def test_interfaces_hold_as_many_elements_as_the_limit_says_and_no_more(digest: Json) -> None:
    tried = 0
    for control, limit, most in controls(digest, "maxCount"):
        if control["properties"][0] != "contents":
            continue
        version = control["dtdlVersion"]
        levels: list[Json] = []
        for level in range(4):  # written once, counted wherever it is referred to
            fields = [{"name": f"f{n}", "schema": f"dtmi:a:L{level - 1};1" if level else "double"} for n in range(9)]
            levels.append({"@type": "Object", "@id": f"dtmi:a:L{level};1", "fields": fields})
        below = 1
        for _ in levels:
            below = 1 + 9 * (1 + below)
        whole, rest = divmod(most, 1 + below)
        contents = [telemetry("dtmi:a:L3;1", f"t{n}") for n in range(whole)]
        # A Telemetry with a primitive schema counts two; an odd number needs a Command without payload.
        contents += [telemetry("double", f"p{n}") for n in range(rest // 2)]
        contents += [{"@type": "Command", "name": f"c{n}"} for n in range(rest % 2)]
        root = interface("X", version, limit, schemas=levels, contents=contents)
        assert rules(root, limit) == set(), (control, limit)
        root["contents"].append({"@type": "Command", "name": "more"})
        assert rules(root, limit) == {"excessiveCount"}, (control, limit)
        tried += 1
    assert tried == 4


def test_what_holds_itself_is_refused_unless_the_version_allows_it(digest: Json) -> None:
    tried: Counter[bool] = Counter()
    for control in digest["descendantControls"]:
        version, root = control["dtdlVersion"], control["rootClass"]
        if "maxDepth" not in control or root in ("Enum", "ComplexSchema"):
            continue
        if root == "Interface":
            made = interface("X", version, extends="dtmi:a:X;1")
            expected = {"recursiveStructureNarrow"}
        else:
            itself = {"@id": "dtmi:a:S;1"} | holding(root, "dtmi:a:S;1")
            made = interface("X", version, schemas=[itself], contents=[telemetry("dtmi:a:S;1")])
            expected = set() if control["allowSelf"] else {"recursiveStructureWide"}
        found = rules(made)
        assert found == expected or (expected and found <= {"recursiveStructureNarrow", *expected} and found), control
        tried[control["allowSelf"]] += 1
    assert tried == {False: 9, True: 3}


def test_an_excluded_class_is_refused_below(digest: Json) -> None:
    tried: Counter[bool] = Counter()
    for version in VERSIONS:
        excluded = {(c["rootClass"], c["excludeType"]) for c in digest["descendantControls"]
                    if c["dtdlVersion"] == version and "excludeType" in c}  # fmt: skip
        part = {"@type": "Component", "name": "part", "schema": "dtmi:a:Part;1"}
        inner = {"@type": "Component", "name": "inner", "schema": "dtmi:a:Inner;1"}
        below = [interface("X", version, contents=[part]), interface("Part", version, contents=[inner]),
                 interface("Inner", version)]  # fmt: skip
        held = {"@type": "Property", "name": "p", "schema": nested(("Array",), 1)}
        deep = {"@type": "Property", "name": "p", "schema": nested(("Array", "Object"), 2)}
        arrays = [[interface("X", version, contents=[content])] for content in (held, deep)]
        for pair, models in [(("Component", "Component"), below), *((("Property", "Array"), one) for one in arrays)]:
            assert rules(models) == ({"excludedType"} if pair in excluded else set()), (version, pair)
            tried[pair in excluded] += 1
        assert rules(below[1:]) == set()
    assert tried == {True: 5, False: 4}


def test_values_of_an_enum_are_of_its_schema(digest: Json) -> None:
    governed = [c for c in digest["descendantControls"] if c.get("datatypeProperty")]
    assert {c["dtdlVersion"] for c in governed} == set(VERSIONS)
    for control in governed:
        for named, right, wrong in (("integer", 1, "1"), ("string", "1", 1)):
            for value, expected in ((right, set()), (wrong, {"nonConformantDatatype"})):
                schema = {"@type": "Enum", control["datatypeProperty"]: named, "enumValues": [
                    {"name": "a", control["properties"][0]: value}]}  # fmt: skip
                made = interface("X", control["dtdlVersion"], contents=[telemetry(schema)])
                assert rules(made) == expected, (control, named, value)


def test_contents_are_inherited_once_and_names_stay_unique(digest: Json) -> None:
    for control in digest["descendantControls"]:
        if control.get("importProperties") != ["contents"]:
            continue
        version = control["dtdlVersion"]
        top = interface("Top", version, contents=[telemetry("double")])
        middle = [interface(f"M{n}", version, extends="dtmi:a:Top;1") for n in range(2)]
        bottom = interface("X", version, extends=["dtmi:a:M0;1", "dtmi:a:M1;1"])
        model = dtdl.parse([json.dumps(one) for one in (top, *middle, bottom)])
        assert list(model.interface("dtmi:a:X;1").contents) == ["t"]
        clash = bottom | {"contents": [telemetry("string")]}
        assert rules([top, *middle, clash]) == {"nonUniqueImportedPropertyValue"}
        other = interface("Other", version, contents=[telemetry("float")])
        two = bottom | {"extends": ["dtmi:a:M0;1", "dtmi:a:Other;1"]}
        assert rules([top, *middle, other, two]) == {"nonUniqueImportedPropertyValue"}


# -- types of extensions -----------------------------------------------------------------------------------------


def concrete(digest: Json, key: str) -> Iterator[tuple[str, Json, Json, int]]:
    """Gives type, its own table, each constraint of a kind, and a version of DTDL that has it."""
    for name, given in digest["supplementalTypes"].items():
        for constraint in given[key]:
            if not given["abstract"]:
                for version in given["cotypeVersions"]:
                    yield name, given, constraint, version


def extended(version: int, *contexts: str, **more: Json) -> Json:
    made = interface("X", version, **more)
    return made | {"@context": list(dict.fromkeys([made["@context"], *contexts]))}


def context_of(digest: Json, type_: str) -> str:
    return str(digest["supplementalTypes"][type_]["extensionContext"])


def test_a_property_of_a_typed_element_has_the_classes_that_the_type_asks(digest: Json) -> None:
    tried: Counter[bool] = Counter()
    for name, given, constraint, version in concrete(digest, "constraints"):
        if constraint["property"] != "schema" or "requiredTypes" not in constraint or constraint.get("inverse"):
            continue
        wanted = {one.split(":")[-1].split(";")[0] for one in constraint["requiredTypes"]}
        if any(one.startswith("dtmi:dtdl:extension") for one in constraint["requiredTypes"]):
            continue  # a type of the same extension: the test of parents builds those
        smallest = Smallest(digest, version)
        for cls in set(given["cotypes"]) & smallest.ways.keys():
            for kind in smallest.concrete(smallest.allowed(cls)["schema"]["class"]):
                if (kind not in smallest.classes) or (version == 2 and kind == "Array"):
                    continue
                root, node = smallest.inside(cls)
                root["@context"] = [root["@context"], given["extensionContext"]]
                node["@type"] = [cls, name]
                node |= required(given)
                node["schema"] = smallest.element(kind) if kind in DEPTH_OF_SCHEMAS else kind[0].lower() + kind[1:]
                fits = bool(wanted & ancestors(digest, kind))
                found = rules(root) & {"notRequiredType"}
                assert bool(found) != fits, (name, version, cls, kind)
                tried[fits] += 1
    assert min(tried.values()) >= 20


def required(given: Json) -> Json:
    """Gives the properties that a type asks for."""
    held = [prop for prop in given["properties"].values() if prop.get("minCount")]
    values = {"string": "n", "duration": "PT1S", "IRI": "schema", "integer": 1, "decimal": 1}
    return {prop["propertyName"]: values[prop["typeName"]] for prop in held}


def fitting(digest: Json, type_: str) -> Json:
    """Gives a schema that an element of a type may have."""
    for constraint in digest["supplementalTypes"][type_]["constraints"]:
        if constraint["property"] == "schema" and "requiredTypes" in constraint:
            wanted = constraint["requiredTypes"][0]
            if wanted in digest["supplementalTypes"]:
                return {"@type": ["Object", wanted]}
            kind = wanted.split(":")[-1].split(";")[0]
            schemas = {"Enum": {"@type": "Enum", "valueSchema": "string"}, "Object": {"@type": "Object"}}
            return schemas.get(kind, "string")
    return "string"


def ancestors(digest: Json, kind: str) -> set[str]:
    """Gives a class and those that it is a kind of."""
    held = {kind}
    for name, cls in digest["materialClasses"].items():
        if any(kind in found for found in cls.get("concreteSubclasses", {}).values()):
            held.add(name)
    return held


def test_a_type_comes_with_those_that_it_needs_and_without_those_that_it_excludes(digest: Json) -> None:
    tried: Counter[str] = Counter()
    for name, given in digest["supplementalTypes"].items():
        for version in set(given.get("cotypeVersions", ())) - {2}:
            smallest = Smallest(digest, version)
            for key, rule in (("cocotypes", "missingCocotype"), ("discotypes", "disallowedCocotype")):
                for other in given.get(key, ()):
                    if other not in digest["supplementalTypes"]:
                        continue
                    cls = given["cotypes"][0]
                    for types in ([name], [name, other]):
                        root, node = smallest.inside(cls)
                        for one in types:
                            node |= required(digest["supplementalTypes"][one])
                        if "schema" in node:
                            node["schema"] = fitting(digest, name)
                        contexts = [given["extensionContext"], context_of(digest, other)]
                        root["@context"] = list(dict.fromkeys([root["@context"], *contexts]))
                        node["@type"] = [cls, *types]
                        expected = (len(types) == 2) == (key == "discotypes")
                        assert (rule in rules(root)) is expected, (name, other, version, types)
                        tried[key] += 1
    assert min(tried.values()) > 12, tried


def test_a_type_asks_for_its_parent_and_keeps_siblings_apart(digest: Json) -> None:
    tried: Counter[str] = Counter()
    for name, given, constraint, version in concrete(digest, "constraints"):
        if not constraint.get("inverse"):
            continue
        context = given["extensionContext"]

        def parent(types: list[str], *fields: list[str], context: str = context, version: int = version) -> set[str]:
            held = [
                {"@type": ["Field", *kinds], "name": f"f{n}", "schema": fitting(digest, kinds[0])}
                for n, kinds in enumerate(fields)
            ]
            schema = {"@type": ["Object", *types], "fields": held}
            made = extended(version, context, contents=[telemetry(schema)])
            return rules(made) & {"parentMissingCotype", "siblingDuplicatesCotype", "siblingMissingCotype"}

        some = constraint.get("someOtherType")
        others = [[some]] if some else []
        for wanted in constraint["requiredTypes"]:
            assert parent([wanted], [name], *others) <= ({"parentMissingCotype"} if some else set()), name
        assert "parentMissingCotype" in parent([], [name], *others), name
        if "noneOtherType" in constraint:
            assert constraint["noneOtherType"] == name
            assert "siblingDuplicatesCotype" in parent(constraint["requiredTypes"][:1], [name], [name], *others), name
            tried["none other"] += 1
        if some:
            assert "siblingMissingCotype" in parent(constraint["requiredTypes"][:1], [name]), name
            assert "siblingMissingCotype" not in parent(constraint["requiredTypes"][:1], [name], [some]), name
            tried["some other"] += 1
    assert tried == {"none other": 23, "some other": 2}


def test_what_names_a_sibling_names_one_of_the_kind_that_it_asks(digest: Json) -> None:
    tried: Counter[str] = Counter()
    for name, given, constraint, version in concrete(digest, "siblings"):
        contexts = [given["extensionContext"], context_of(digest, constraint["keyref"].rpartition(":")[0])]
        term = constraint["keyref"].rpartition(":")[2]
        needed = [name, *given.get("cocotypes", ())]
        more = {"overrides": "schema"} if "supplementalProperty" in [*constraint, *given] or "Override" in name else {}

        def found(
            siblings: list[Json], *, types: list[str] = needed, contexts: list[str] = contexts,
            version: int = version, term: str = term, more: Json = more,
        ) -> set[str]:  # fmt: skip
            one = {"@type": ["Property", *types], "name": "one", "schema": "double", term: "other"} | more
            return rules(extended(version, *contexts, contents=[one, *siblings]))

        if "requiredTypes" in constraint:
            kinds = {one.split(":")[-1].split(";")[0] for one in constraint["requiredTypes"]}
            others = {
                "Property": {"schema": "double"}, "Telemetry": {"schema": "double"}, "Command": {}, "Relationship": {},
            }  # fmt: skip
            for kind, rest in others.items():
                wrong = found([{"@type": kind, "name": "other"} | rest])
                assert ("notSiblingRequiredType" in wrong) != (kind in kinds), (name, version, kind)
                tried["required"] += 1
        if "disallowedType" in constraint:
            annotated = {"@type": ["Property", name], "name": "other", "schema": "double", term: "third"}
            third = {"@type": "Property", "name": "third", "schema": "double"}
            assert "disallowedType" in found([annotated, third]), name
            assert "disallowedType" not in found([third | {"name": "other"}]), name
            tried["disallowed"] += 1
        if "uniqueReference" in constraint:
            assert found([{"@type": "Property", "name": "other", "schema": "double"}]) & {
                "noMatchingSupplementalProperty", "matchingPropertyNotSupplemental"}, name  # fmt: skip
            tried["unique"] += 1
    assert tried == {"required": 24, "disallowed": 3, "unique": 3}
