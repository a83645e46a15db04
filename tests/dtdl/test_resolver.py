"""Definitions that are only referred to are found in folders: any folder, or the layout of repositories."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import dtdl
from dtdl.errors import InputUnreadable, LimitExceeded, ModelInvalid
from dtdl.resolver import below

HEAD = {"@context": "dtmi:dtdl:context;4", "@type": "Interface"}


def interface(dtmi: str, **more: Any) -> dict[str, Any]:
    return {**HEAD, "@id": dtmi, **more}


def put(file: Path, value: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(value if isinstance(value, str) else json.dumps(value, indent=2), encoding="utf-8")
    return file


USER = json.dumps(interface("dtmi:acme:User;1", extends=["dtmi:acme:Base;1", "dtmi:acme:Other;2"]))


def test_any_folder_gives_what_is_referred_to_whatever_its_files_are_called(tmp_path: Path) -> None:
    put(tmp_path / "deep" / "whatever.json", interface("dtmi:acme:Base;1", extends="dtmi:acme:Root;1"))
    put(tmp_path / "several.json", [interface("dtmi:acme:Root;1"), interface("dtmi:acme:Other;2")])
    put(tmp_path / "package.json", '{"name": "no DTDL"}')
    put(tmp_path / "broken.json", "{")
    model = dtdl.parse(USER, resolver=below(tmp_path))
    assert set(model.interfaces) == {f"dtmi:acme:{n}" for n in ("User;1", "Base;1", "Other;2", "Root;1")}


def test_what_is_written_inside_another_definition_is_found(tmp_path: Path) -> None:
    inner = {"@type": "Component", "name": "c", "schema": {"@type": "Interface", "@id": "dtmi:acme:Base;1"}}
    put(tmp_path / "outer.json", interface("dtmi:acme:Outer;1", contents=[inner]))
    put(tmp_path / "other.json", interface("dtmi:acme:Other;2"))
    assert "dtmi:acme:Base;1" in dtdl.parse(USER, resolver=below(tmp_path))


def test_the_layout_of_repositories_is_read_without_looking_into_other_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "dtmi" / "acme" / "base-1.json", interface("dtmi:acme:Base;1"))
    put(tmp_path / "dtmi" / "acme" / "other-2.json", interface("dtmi:acme:Other;2"))
    looked_into: list[Path] = []
    monkeypatch.setattr("dtdl.resolver.documents", lambda path: looked_into.append(path) or [])
    assert "dtmi:acme:Other;2" in dtdl.parse(USER, resolver=below(tmp_path))
    assert looked_into == []
    below(tmp_path)(["dtmi:no:Such;1"])
    assert looked_into == [tmp_path]


def test_the_first_folder_that_has_a_definition_gives_it(tmp_path: Path) -> None:
    put(tmp_path / "a" / "x.json", interface("dtmi:acme:Base;1", comment="first"))
    put(tmp_path / "b" / "x.json", interface("dtmi:acme:Base;1", comment="second"))
    put(tmp_path / "b" / "y.json", interface("dtmi:acme:Other;2"))
    model = dtdl.parse(USER, resolver=below(tmp_path / "a", tmp_path / "b"))
    assert model["dtmi:acme:Base;1"].comment == "first"


def test_a_finding_in_a_definition_that_was_found_names_its_file(tmp_path: Path) -> None:
    file = put(
        tmp_path / "dtmi" / "acme" / "base-1.json", interface("dtmi:acme:Base;1", contents=[{"@type": "Property"}])
    )
    put(tmp_path / "other.json", interface("dtmi:acme:Other;2"))
    found = dtdl.check(USER, resolver=below(tmp_path))
    assert {item.location.file for item in found if item.location} == {str(file)}
    assert found[0].location is not None
    assert found[0].location.line == 6


def test_what_is_missing_names_the_file_that_a_repository_would_hold_it_in(tmp_path: Path) -> None:
    found = dtdl.check(USER, resolver=below(tmp_path))
    assert [item.rule for item in found] == ["MT004", "MT004"]
    assert "dtmi/acme/base-1.json" in found[0].action
    assert "dtmi/acme/other-2.json" in found[1].action


def test_a_dtmi_that_is_nearly_another_names_that_one() -> None:
    text = json.dumps([interface("dtmi:acme:Base;1"), interface("dtmi:acme:X;1", extends="dtmi:acme:Bsae;1")])
    assert "Did you mean dtmi:acme:Base;1?" in dtdl.check(text)[0].cause


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputUnreadable, match="is no folder"):
        below(tmp_path / "missing")


def test_references_without_end_are_refused_and_not_taken_for_sound() -> None:
    def endless(wanted: Any) -> dict[str, str]:
        number = int(wanted[0].removeprefix("dtmi:a:N").partition(";")[0])
        return {wanted[0]: json.dumps(interface(wanted[0], extends=f"dtmi:a:N{number + 1};1"))}

    with pytest.raises(LimitExceeded, match="100 rounds"):
        dtdl.check(json.dumps(interface("dtmi:a:N0;1", extends="dtmi:a:N1;1")), resolver=endless)


def test_a_resolver_that_gives_something_else_resolves_nothing() -> None:
    with pytest.raises(ModelInvalid) as caught:
        dtdl.parse(USER, resolver=lambda _: [json.dumps(interface("dtmi:acme:Unasked;1"))])
    assert {found.rule for found in caught.value.diagnostics} == {"MT004"}
