"""Every mistake in an FMU source or binding is found before anything runs."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from dtdl.compiler.point import PointType
from dtdl.diagnostic import Diagnostic, Location, Severity
from dtdl.elements import Command
from fmu.build import build
from fmu.shipped import library_source
from interop.config import load
from interop.ports import Binding, Source
from interop.rules import find_rules
from interop.simulate.adapter import FmuAdapter
from interop.simulate.settings import FmuAddress, FmuSettings
from tests.contracts.adapter_suite import binding, point_type
from tests.fmu.exchange.models import make

ROOT = Path(__file__).parents[2]
HERE = Location("megatwin.yaml", 7, 3)


def bound(variable: str, kind: str = "Double", unit: str | None = None, **more: Any) -> Binding:
    made = binding("value", FmuAddress(variable=variable))
    return replace(made, type=replace(point_type("value", kind), unit=unit), location=HERE, **more)


def source(*bindings: Binding, fmu: str = "library:RoomThermal", base: Path = Path(), **settings: Any) -> Source:
    return Source(name="sim", settings=FmuSettings(fmu=fmu, **settings), bindings=bindings, base=str(base))


def found(*bindings: Binding, **settings: Any) -> list[Diagnostic]:
    return FmuAdapter.check(source(*bindings, **settings))


def test_a_sound_source_has_no_findings() -> None:
    bindings = [
        bound("T_room", unit="degreeCelsius"),
        bound("T_room", unit="kelvin"),
        bound("heat_load", unit="kilowatt"),
        bound("heat_load", "Integer", unit="watt"),
        bound("C_room"),
    ]
    assert found(*bindings, parameters={"C_room": "850 kJ/K", "R_th": 0.01}, start={"heat_load": "1 kW"}) == []


@pytest.mark.parametrize(
    ("wrong", "rule", "words"),
    [
        (bound("T_rom"), "MT204", "Did you mean T_room"),
        (bound("T_room", "Boolean"), "MT205", "Float64"),
        (bound("T_room", "Integer"), "MT205", "Float64"),
        (bound("T_room", "Object"), "MT205", "Object"),
        (bound("T_room", unit="watt"), "MT206", "degC"),
        (bound("heat_load", unit="degreeCelsius"), "MT206", "W"),
    ],
)
def test_a_wrong_binding_is_found_where_it_stands(wrong: Binding, rule: str, words: str) -> None:
    (finding,) = found(wrong)
    assert (finding.rule, finding.location) == (rule, HERE)
    assert words in f"{finding.cause} {finding.action}"


def test_a_unit_that_dtdl_has_no_name_for_is_a_warning(tmp_path: Path) -> None:
    copy = shutil.copytree(library_source("RoomThermal"), tmp_path / "Room")
    text = (copy / "modelDescription.xml").read_text()
    (copy / "modelDescription.xml").write_text(text.replace('unit="K/W"', 'unit="flurb"'))
    build(copy, tmp_path / "room.fmu")
    (finding,) = found(bound("R_th", unit="ohm"), fmu="room.fmu", base=tmp_path)
    assert (finding.rule, finding.severity, finding.value) == ("MT207", Severity.WARNING, "flurb")
    stated = replace(bound("R_th", unit="ohm"), unit="kiloohm")
    assert found(stated, fmu="room.fmu", base=tmp_path) == []


def test_a_command_cannot_be_bound() -> None:
    command = Command("dtmi:test:Thing:_contents:__reset;1", properties={"name": "reset"})
    type_ = PointType(model="dtmi:test:Thing;1", path=("reset",), content=command, schema=None, check=lambda v: v)
    (finding,) = found(replace(bound("T_room"), type=type_))
    assert finding.rule == "MT209"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"parameters": {"C_rom": 1.0}}, "Did you mean C_room"),
        ({"parameters": {"T_room": 1.0}}, "takes no start value"),
        ({"parameters": {"C_room": "850 kW"}}, "cannot be converted"),
        ({"parameters": {"C_room": "850 flurbs"}}, "flurbs"),
        ({"parameters": {"C_room": "much"}}, "no number"),
        ({"parameters": {"C_room": True}}, "True"),
        ({"parameters": {"C_room": -1}}, "outside"),
        ({"start": {"heat_load": "warm"}}, "no number"),
    ],
)
def test_a_wrong_parameter_is_found(settings: dict[str, Any], words: str) -> None:
    (finding,) = found(**settings)
    assert finding.rule == "MT208"
    assert words in f"{finding.cause} {finding.action}"
    assert finding.property_name
    assert finding.property_name.split(".")[0] in settings


def test_all_findings_come_at_once() -> None:
    rules = {item.rule for item in found(bound("x"), bound("T_room", "String"), parameters={"a": 1, "b": 2})}
    assert rules == {"MT204", "MT205", "MT208"}


def test_an_fmu_that_cannot_be_used_is_one_finding(tmp_path: Path) -> None:
    (tmp_path / "text.fmu").write_text("no zip")
    (tmp_path / "folder.fmu").mkdir()
    built = build(library_source("RoomThermal"), tmp_path / "built.fmu")
    with zipfile.ZipFile(built) as old, zipfile.ZipFile(tmp_path / "foreign.fmu", "w") as new:
        new.writestr("modelDescription.xml", old.read("modelDescription.xml"))
        new.writestr("binaries/x86_64-windows/RoomThermal.dll", b"MZ")
    with zipfile.ZipFile(tmp_path / "broken.fmu", "w") as new:
        new.writestr("modelDescription.xml", "<fmiModelDescription>")
    expected = {
        "missing.fmu": "MT201", "text.fmu": "MT201", "folder.fmu": "MT201", "library:Nothing": "MT201",
        "foreign.fmu": "MT203", "broken.fmu": "MT211",
    }  # fmt: skip
    for name, rule in expected.items():
        (finding,) = found(fmu=name, base=tmp_path)
        assert finding.rule == rule, name
        assert finding.action


def test_a_changed_fmu_is_read_again(tmp_path: Path) -> None:
    copy = shutil.copytree(library_source("RoomThermal"), tmp_path / "Room")
    build(copy, tmp_path / "room.fmu")
    assert found(bound("T_room"), fmu="room.fmu", base=tmp_path) == []
    text = (copy / "modelDescription.xml").read_text()
    (copy / "modelDescription.xml").write_text(text.replace('"T_room"', '"T_inside"'))
    build(copy, tmp_path / "room.fmu")
    assert [item.rule for item in found(bound("T_room"), fmu="room.fmu", base=tmp_path)] == ["MT204"]


def test_directions_follow_causality() -> None:
    sim = source()
    ways = {name: FmuAdapter.direction(sim, bound(name)) for name in ("T_room", "heat_load", "C_room", "nothing")}
    assert ways == {"T_room": "in", "heat_load": "out", "C_room": "in", "nothing": "in"}


@pytest.mark.parametrize(
    "settings",
    [{"step": 1.0}, {"step": "0 s"}, {"step": "1 m"}, {"factor": 0}, {"factor": -1}, {"stepp": "1 s"}, {"fmu": ""}],
)
def test_settings_that_mean_nothing_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FmuSettings(**{"fmu": "x.fmu", **settings})


def test_every_rule_that_code_names_is_explained() -> None:
    files = [*(ROOT / "fmu").glob("*.py"), *(ROOT / "interop" / "simulate").glob("*.py")]
    named = {rule for file in files for rule in re.findall(r'"(MT\d{3})"', file.read_text())}
    assert named
    assert named <= set(find_rules())


def test_stale_after_of_the_file_reaches_the_simulation(tmp_path: Path) -> None:
    interface = {"@context": "dtmi:dtdl:context;4", "@id": "dtmi:test:Room;1", "@type": "Interface"}
    (tmp_path / "Room.json").write_text(json.dumps(interface), "utf-8")
    file = tmp_path / "megatwin.yaml"
    file.write_text(
        "megatwin: 1\nmodels: [Room.json]\nsources:\n"
        "  sim: {fmu: 'library:RoomThermal', defaults: {stale-after: 1500 ms, deadline: 2 s}}\n",
        "utf-8",
    )
    plan = load(file).sources["sim"]
    assert (plan.stale_after_s, plan.deadline_s) == (1.5, 2.0)
    assert plan.source.settings.defaults.stale_after == 1.5


def test_a_model_exchange_fmu_is_a_sound_source(tmp_path: Path) -> None:
    make("Dahlquist", 2, tmp_path)
    bindings = [bound("x"), bound("u")]
    assert FmuAdapter.check(source(*bindings, fmu="Dahlquist2.fmu", base=tmp_path, step="300 ms")) == []
