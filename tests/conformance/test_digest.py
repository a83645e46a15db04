"""Each limit of the published metamodel, tried on the smallest model that meets it and on one that does not."""

from __future__ import annotations

import itertools
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import dtdl

Json = Any
VERSIONS = (2, 3, 4)
LIMITS = {"": (), "aio_1": ("dtmi:dtdl:limits:aio;1",), "onvif_1": ("dtmi:dtdl:limits:onvif;1",)}
SUPPLEMENTAL = ("SemanticType", "AdjunctType")


def read_digest() -> Json:
    """Gives the published metamodel; skips the test where it is not here."""
    root = os.environ.get("MEGATWIN_CASES")
    if not root:
        pytest.skip("MEGATWIN_CASES is not set: the published metamodel is not here")
    path = Path(root) / "reference" / "dtdl" / "dtdl_digest.json"
    return json.loads(path.read_text(encoding="utf-8-sig"))


@pytest.fixture(scope="module")
def digest() -> Json:
    return read_digest()


class Smallest:
    """Makes the smallest element of each class of one version, inside an Interface."""

    def __init__(self, digest: Json, version: int) -> None:
        self.classes = digest["materialClasses"]
        self.version = str(version)
        self.numbers = itertools.count()
        self.ways = self._ways()

    def allowed(self, cls: str) -> dict[str, Json]:
        held = self.classes[cls]["properties"].items()
        return {n: p["_"] | p[self.version] for n, p in held if p.get(self.version, {}).get("allowed")}

    def concrete(self, cls: str) -> list[str]:
        made = self.classes[cls]
        return [
            k for k in made["concreteSubclasses"][self.version] if k not in made["elementalSubclasses"][self.version]
        ]

    def _ways(self) -> dict[str, list[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = {"Interface": []}
        waiting = ["Interface"]
        for cls in waiting:
            for name, prop in self.allowed(cls).items():
                for kind in self.concrete(prop["class"]) if prop.get("class") and not prop["literal"] else ():
                    if kind not in found and kind in self.classes:
                        found[kind] = [*found[cls], (name, kind)]
                        waiting.append(kind)
        return found

    def value(self, name: str, prop: Json) -> Json:
        if prop["literal"]:
            number = max(1, prop.get("minInclusive") or 1)
            return {"integer": number, "boolean": True}.get(prop.get("datatype"), f"n{next(self.numbers)}")
        if prop.get("values"):
            return prop["values"][-1]
        if not prop.get("class"):
            return f"dtmi:a:T{next(self.numbers)};1"
        return "double" if prop["class"].endswith("Schema") else self.element(self.concrete(prop["class"])[0])

    def element(self, cls: str) -> dict[str, Json]:
        made: dict[str, Json] = {"@type": cls, "@id": f"dtmi:a:E{next(self.numbers)};1"}
        for name, prop in self.allowed(cls).items():
            if (prop.get("minCount") or 0) > 0 or name == "enumValues":
                value = self.value(name, prop)
                made[name] = [value] if prop["plural"] else value
        if cls == "Enum":
            made["valueSchema"] = "string"
        return made

    def inside(self, cls: str, limit: str = "") -> tuple[Json, Json]:
        """Gives an Interface that holds an element of a class, and that element."""
        root = node = self.element("Interface")
        context = f"dtmi:dtdl:context;{self.version}"
        root = {"@context": [f"{context}#limitless", *LIMITS[limit]] if limit else context, **root}
        node = root
        for name, kind in self.ways[cls]:
            child = self.element(kind)
            node[name] = [child] if isinstance(node.get(name), list) or self.plural(node["@type"], name) else child
            node = child
        return root, node

    def plural(self, cls: str, name: str) -> bool:
        return bool(self.allowed(cls)[name]["plural"])

    def properties(self) -> Iterator[tuple[str, str, Json]]:
        for cls in self.ways:
            for name, prop in self.allowed(cls).items():
                yield cls, name, prop


@pytest.fixture(params=VERSIONS)
def smallest(request: pytest.FixtureRequest, digest: Json) -> Smallest:
    return Smallest(digest, request.param)


def rules(root: Json, limit: str = "") -> set[str]:
    found = dtdl.check(json.dumps(root), limits=LIMITS[limit])
    return {item.rule.rsplit(":", 1)[-1] for item in found if item.severity == "error"}


def test_the_smallest_element_of_every_class_is_accepted(smallest: Smallest) -> None:
    for cls in smallest.ways:
        assert rules(smallest.inside(cls)[0]) == set(), cls


def test_texts_may_be_as_long_as_the_limit_says_and_no_longer(smallest: Smallest) -> None:
    tried = 0
    for cls, name, prop in smallest.properties():
        longest = prop.get("maxLength") or {}
        if not prop["literal"]:
            continue
        for limit in longest if smallest.version == "4" else ("",) if longest else ():
            for more, expected in ((0, set()), (1, {"langStringValueTooLong", "stringTooLong"})):
                root, node = smallest.inside(cls, limit)
                node[name] = "a" * (longest[limit] + more)
                found = rules(root, limit)
                assert found <= expected, (cls, name, limit)
                assert bool(found) == bool(expected), (cls, name, limit)
                tried += 1
    assert tried > 80


def test_a_property_holds_the_classes_that_it_may_and_no_others(smallest: Smallest) -> None:
    tried: Counter[bool] = Counter()
    for cls, name, prop in smallest.properties():
        if prop["literal"] or not prop.get("class") or prop.get("values"):
            continue
        for kind in smallest.ways:
            fits = kind in smallest.concrete(prop["class"])
            if fits and (kind, smallest.version, name, cls) == ("Array", "2", "schema", "Property"):
                continue  # DTDL v2 has no arrays in Properties, by another rule
            root, node = smallest.inside(cls)
            child = smallest.element(kind)
            node[name] = [child] if prop["plural"] else child
            assert rules(root) == (set() if fits else {"badType"}), (cls, name, kind)
            tried[fits] += 1
    assert min(tried[True] * 3, tried[False]) > 60


def test_what_is_required_is_missed(smallest: Smallest) -> None:
    for cls, name, prop in smallest.properties():
        if (prop.get("minCount") or 0) > 0:
            root, node = smallest.inside(cls)
            del node[name]
            assert rules(root) <= {"missingObjectProperty", "missingIdentifierProperty", "missingLiteralProperty"}
            assert rules(root), (cls, name)


def test_names_and_numbers_keep_their_form_and_range(smallest: Smallest) -> None:
    tried = 0
    for cls, name, prop in smallest.properties():
        wrong: list[Json] = ["1st", "n\n", "é"] if prop["literal"] and prop.get("pattern") else []
        wrong += [
            prop[end] + step for end, step in (("minInclusive", -1), ("maxInclusive", 1)) if prop.get(end) is not None
        ]
        for value in wrong:
            root, node = smallest.inside(cls)
            node[name] = value
            kind = "stringInvalid" if isinstance(value, str) else "value"
            assert {rule[: len(kind)] for rule in rules(root)} == {kind}, (cls, name, value)
            tried += 1
    assert tried > 20


def test_there_may_be_as_many_elements_as_the_limit_says_and_no_more(smallest: Smallest) -> None:
    for cls, name, prop in smallest.properties():
        most = prop.get("maxCount")
        if prop["literal"] or not prop.get("class") or not prop["plural"] or not most or most > 1_100:
            continue
        for count, expected in ((most, set()), (most + 1, {"objectCountAboveMax"})):
            root, node = smallest.inside(cls)
            node[name] = [smallest.value(name, prop) for _ in range(count)]
            assert rules(root) == expected, (cls, name, count)


def test_types_of_extensions_go_with_their_classes_and_no_others(digest: Json) -> None:
    tried: Counter[bool] = Counter()
    made = {version: Smallest(digest, version) for version in VERSIONS}
    for name, given in digest["supplementalTypes"].items():
        context = given["extensionContext"]
        if given["abstract"] or given["extensionKind"] not in SUPPLEMENTAL or not context.startswith("dtmi:dtdl:ext"):
            continue
        for version in set(given["cotypeVersions"]) - {2}:  # DTMIs without a version are none in DTDL v2
            for cls in made[version].ways:
                root, node = made[version].inside(cls)
                root["@context"] = [root["@context"], context]
                node["@type"] = [cls, name]
                fits = cls in given["cotypes"]
                assert ("invalidCotype" in rules(root)) != fits, (name, version, cls)
                tried[fits] += 1
    assert min(tried.values()) > 800
