"""A system structure as one coupling graph: levels, transformations, units, parameters, dictionaries, nested files."""

from __future__ import annotations

import dataclasses
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dtdl.errors import DescriptionInvalid, FmuError
from fmu.description import Experiment
from fmu.options import Options
from fmu.recorder import simulate_system
from fmu.ssp import bindings_of, from_system, open_ssp, to_system
from fmu.ssp.elements import BaseUnit, Unit
from fmu.ssp.flatten import flatten
from fmu.system import Algorithm, Connection, Connector, Linear, Lookup, Part, Port, System
from fmu.worker import Worker
from tests.fmu import ssp_files as make

START = {"k": 2.0, "state": 2, "flag": True, "count": 5}
COSIM = Options(kind="co-simulation")
RPM = 0.10471975511965977

Build = Callable[..., System]


@pytest.fixture
def packed(fmus: Path, tmp_path: Path) -> Callable[..., Path]:
    def build(inside: str, more: dict[str, str | Path] | None = None, **options: Any) -> Path:
        files: dict[str, str | Path] = {
            "SystemStructure.ssd": make.ssd(inside, **options),
            "resources/Relay.fmu": fmus / "Relay.fmu",
        }
        return make.pack(tmp_path / "x.ssp", files | (more or {}))

    return build


@pytest.fixture
def flat(packed: Callable[..., Path]) -> Build:
    def build(inside: str, more: dict[str, str | Path] | None = None, **options: Any) -> System:
        with open_ssp(packed(inside, more, **options)) as ssp:
            return to_system(ssp)

    return build


@pytest.fixture
def rules(packed: Callable[..., Path]) -> Callable[..., list[tuple[str, str]]]:
    """Findings as rule and severity, and each has a line."""

    def build(inside: str, more: dict[str, str | Path] | None = None, **options: Any) -> list[tuple[str, str]]:
        with open_ssp(packed(inside, more, **options)) as ssp:
            found = flatten(ssp).diagnostics
        assert all(each.location is not None and each.location.line > 0 for each in found)
        assert all(each.cause and each.action for each in found)
        return [(each.rule, str(each.severity)) for each in found]

    return build


def mapped(kind: str, *entries: str) -> str:
    """A mapping transformation; each entry as ``source target``."""
    pairs = [entry.split() for entry in entries]
    inside = "".join(f'<ssc:MapEntry source="{source}" target="{target}"/>' for source, target in pairs)
    return f"<ssc:{kind}MappingTransformation>{inside}</ssc:{kind}MappingTransformation>"


def start(system: System, part: str) -> dict[str, Any]:
    found = system.part(part)
    assert found is not None
    return dict(found.start)


def test_two_fmus_are_connected_and_run(packed: Callable[..., Path]) -> None:
    inside = make.elements(
        make.relay("a", more=make.bindings(make.inline("u Real 3", "k Real 2"))), make.relay("b")
    ) + make.connections("a/y b/u")
    outputs = make.connectors("out output Real") + inside.replace(
        "</ssd:Connections>",
        '<ssd:Connection startElement="b" startConnector="y" endConnector="out"/></ssd:Connections>',
    )
    path = packed(outputs, top='<ssd:DefaultExperiment startTime="0" stopTime="1"/>')
    with open_ssp(path) as ssp:
        system = to_system(ssp)
        result = simulate_system(system, experiment=Experiment(step_s=0.25))
    assert result.names == ["out"]
    assert list(result.time_s) == [0, 0.25, 0.5, 0.75, 1]
    assert result["out"][-1] == 6.0


def test_the_direction_follows_from_the_kinds(flat: Build) -> None:
    system = flat(make.elements(make.relay("a"), make.relay("b")) + make.connections("b/u a/y"))
    assert system.connections == (Connection(source=Port("a", "y"), target=Port("b", "u")),)


def nested(name: str, inside: str) -> str:
    return f'<ssd:System name="{name}">{inside}</ssd:System>'


def test_connections_through_systems_are_one(flat: Build) -> None:
    inner = nested(
        "low",
        make.connectors("x input Real", "z output Real")
        + make.elements(make.relay("a"))
        + make.connections(
            "/x a/u|<ssc:LinearTransformation factor='2' offset='1'/>",
            "a/y /z|<ssc:LinearTransformation factor='10'/>",
        ),
    )
    outer = nested(
        "mid",
        make.connectors("x input Real")
        + make.elements(inner)
        + make.connections("/x low/x|<ssc:LinearTransformation factor='3'/>"),
    )
    system = flat(make.elements(make.relay("b"), outer) + make.connections("b/y mid/x"))
    assert [part.name for part in system.parts] == ["b", "mid.low.a"]
    (found,) = system.connections
    assert (found.source, found.target) == (Port("b", "y"), Port("mid.low.a", "u"))
    # (3 v) then 2 v + 1
    assert found.transformation == Linear(factor=6.0, offset=1.0)


def test_inputs_and_outputs_of_the_system_are_found(flat: Build) -> None:
    system = flat(
        make.connectors("wanted input Real rpm", "seen output Real", "unused input Real")
        + make.elements(make.relay("a"), make.relay("b"))
        + make.connections("/wanted a/u", "/wanted b/u", "a/y /seen|<ssc:LinearTransformation factor='5'/>"),
        top=make.units(),
    )
    (wanted, other), (seen,) = system.inputs, system.outputs
    assert (wanted.name, wanted.port, wanted.unit) == ("wanted", Port("a", "u"), "rpm")
    assert wanted.transformation == Linear(factor=pytest.approx(RPM), offset=0.0)
    assert other == dataclasses.replace(wanted, port=Port("b", "u"))
    assert seen == Connector(name="seen", port=Port("a", "y"), transformation=Linear(factor=5.0))
    assert not system.connections


@pytest.mark.parametrize(
    ("first", "second", "attributes", "step"),
    [
        ("Real rpm", "Real rpm", "", None),
        ("Real rpm", "Real", "", None),
        ("Real", "Real rpm", "", None),
        ("Real", "Real", "suppressUnitConversion='true'", None),
        ("Real rpm", "Real rad/s", "suppressUnitConversion='true'", Linear(factor=1 / RPM)),
    ],
)
def test_units_of_connectors_end_in_those_of_the_variables(
    flat: Build, first: str, second: str, attributes: str, step: Linear | None
) -> None:
    system = flat(
        make.elements(make.relay("a", f"y output {first}"), make.relay("b", f"u input {second}"))
        + make.connections(f"a/y b/u {attributes}"),
        top=make.units(),
    )
    found = system.connections[0]
    if step is None:
        assert found.transformation is None or (
            isinstance(found.transformation, Linear) and found.transformation.factor == pytest.approx(1.0)
        )
    else:
        assert isinstance(found.transformation, Linear)
        assert found.transformation.factor == pytest.approx(step.factor)
    assert found.convert_units == (first == second == "Real" and not attributes)


def test_a_unit_of_the_structure_is_converted_to_a_variable_without_one(flat: Build) -> None:
    system = flat(
        make.elements(make.relay("a", "y output Real rad/s"), make.relay("b", "bare input Real rpm"))
        + make.connections("a/y b/bare"),
        top=make.units(),
    )
    assert system.connections[0].transformation == Linear(factor=pytest.approx(1 / RPM), offset=0.0)


def test_a_linear_transformation_comes_after_the_conversion_of_units(flat: Build) -> None:
    system = flat(
        make.elements(make.relay("a", "y output Real rad/s"), make.relay("b", "bare input Real rpm"))
        + make.connections("a/y b/bare|<ssc:LinearTransformation factor='2' offset='1'/>"),
        top=make.units(),
    )
    assert system.connections[0].transformation == Linear(factor=pytest.approx(2 / RPM), offset=1.0)


def test_units_with_an_offset_are_converted(flat: Build) -> None:
    system = flat(
        make.elements(make.relay("b", "bare input Real degC")),
        {},
        top=make.units(),
    )
    assert system.part("b") is not None
    kelvin = flat(
        make.elements(
            make.relay(
                "b", "bare input Real degC", more=make.bindings(make.inline("bare Real 300 K", more=make.units("ssv")))
            )
        ),
        top=make.units(),
    )
    assert start(kelvin, "b")["bare"] == pytest.approx(26.85)


@pytest.mark.parametrize(
    ("lines", "connection", "pairs"),
    [
        (
            ("flag input Boolean", "flagOut output Boolean"),
            "a/flagOut b/flag|" + mapped("Boolean", "true 0", "false true"),
            ((True, False), (False, True)),
        ),
        (
            ("count input Integer", "countOut output Integer"),
            "a/countOut b/count|" + mapped("Integer", "1 -7"),
            ((1, -7),),
        ),
        (
            ("state input Enumeration S", "stateOut output Enumeration S"),
            "a/stateOut b/state|" + mapped("Enumeration", "off broken", "on off"),
            ((1, 3), (2, 1)),
        ),
    ],
)
def test_mappings_become_values_of_the_variables(
    flat: Build, lines: tuple[str, ...], connection: str, pairs: tuple[tuple[Any, Any], ...]
) -> None:
    inside = make.elements(make.relay("a", *lines), make.relay("b", *lines)) + make.connections(connection)
    (found,) = flat(inside).connections
    assert found.transformation == Lookup(pairs=pairs)


def test_an_integer_mapping_through_a_system_is_composed(flat: Build) -> None:
    twice = "|" + mapped("Integer", "1 2", "2 3")
    inner = nested(
        "s",
        make.connectors("x input Integer")
        + make.elements(make.relay("b", "count input Integer"))
        + make.connections("/x b/count" + twice),
    )
    system = flat(
        make.elements(make.relay("a", "countOut output Integer"), inner) + make.connections("a/countOut s/x" + twice)
    )
    assert system.connections[0].transformation == Lookup(pairs=((1, 3),))


def test_outer_and_later_parameters_win(flat: Build) -> None:
    part = make.relay(
        "a", more=make.bindings(make.inline("k Real 1", "u Real 1", "bare Real 1"), make.inline("u Real 2"))
    )
    system = flat(
        make.bindings(make.inline("s.a.k Real 3", "s.a.k2 Real 0"), make.inline("k Real 4", attributes='prefix="s.a."'))
        + make.elements(nested("s", make.bindings(make.inline("a.k Real 9")) + make.elements(part)))
    )
    assert start(system, "s.a") == {"k": 4.0, "u": 2.0, "bare": 1.0}


def test_a_value_of_a_systems_connector_reaches_the_fmus_behind_it(flat: Build) -> None:
    inner = nested(
        "s",
        make.connectors("speed parameter Real rpm")
        + make.elements(make.relay("a", "u input Real"), make.relay("b", "u input Real rad/s"))
        + make.connections("/speed a/u", "/speed b/u|<ssc:LinearTransformation factor='2'/>"),
    )
    system = flat(make.bindings(make.inline("s.speed Real 60")) + make.elements(inner), top=make.units())
    assert start(system, "s.a")["u"] == pytest.approx(60 * RPM)
    assert start(system, "s.b")["u"] == pytest.approx(2 * 60 * RPM)


def test_a_mapping_gives_names_units_and_transformations(flat: Build) -> None:
    content = make.values("gain Real 2", "speed Real 60 rpm", "count Integer 1", "other Real 5", more=make.units("ssv"))
    mapping = make.entries(
        "p.gain a.k|<ssc:LinearTransformation factor='3' offset='1'/>",
        "p.speed a.u",
        "p.speed a.bare suppressUnitConversion='true'",
        "p.count a.count|" + mapped("Integer", "1 7"),
    )
    system = flat(
        make.bindings(
            '<ssd:ParameterBinding source="resources/p.ssv" prefix="p.">'
            '<ssd:ParameterMapping source="resources/m.ssm"/>'
            "</ssd:ParameterBinding>"
        )
        + make.elements(make.relay("a", "k parameter Real", "u input Real", "bare input Real", "count input Integer")),
        {"resources/p.ssv": content, "resources/m.ssm": mapping},
    )
    assert start(system, "a") == {"k": 7.0, "u": pytest.approx(60 * RPM), "bare": 60.0, "count": 7}


def test_an_item_of_an_enumeration_becomes_its_value(flat: Build) -> None:
    part = make.relay("a", "state input Enumeration S", more=make.bindings(make.inline("state Enumeration broken")))
    assert start(flat(make.elements(part)), "a") == {"state": 3}


def test_a_signal_dictionary_joins_systems(flat: Build) -> None:
    dictionary = (
        f'<ssb:SignalDictionary {make.NAMESPACES} version="1.0"><ssb:DictionaryEntry name="speed"><ssc:Real/>'
        "</ssb:DictionaryEntry></ssb:SignalDictionary>"
    )
    reference = (
        '<ssd:SignalDictionaryReference name="bus" dictionary="signals">'
        + make.connectors("speed inout Real")
        + "</ssd:SignalDictionaryReference>"
    )
    writes = nested(
        "w",
        make.elements(make.relay("a"), reference)
        + make.connections("a/y bus/speed|<ssc:LinearTransformation factor='2'/>"),
    )
    reads = nested(
        "r",
        make.elements(make.relay("b"), reference)
        + make.connections("bus/speed b/u|<ssc:LinearTransformation offset='1'/>"),
    )
    for where in (f">{dictionary}</ssd:SignalDictionary>", ' source="resources/s.ssb"/>'):
        system = flat(
            make.elements(writes, reads)
            + f'<ssd:SignalDictionaries><ssd:SignalDictionary name="signals"{where}</ssd:SignalDictionaries>',
            {"resources/s.ssb": dictionary},
        )
        (found,) = system.connections
        assert (str(found.source), str(found.target)) == ("w.a.y", "r.b.u")
        assert found.transformation == Linear(factor=2.0, offset=1.0)


def component(name: str, source: str, kind: str, more: str = "") -> str:
    return (
        f'<ssd:Component name="{name}" type="application/x-ssp-{kind}" source="{source}">'
        + make.connectors("x input Real")
        + more
        + "</ssd:Component>"
    )


def test_nested_files_are_opened_up(flat: Build, fmus: Path, tmp_path: Path) -> None:
    low = (
        make.connectors("x input Real")
        + make.bindings(make.inline("a.k Real 1", "a.bare Real 1"))
        + make.elements(make.relay("a", source="Relay.fmu"))
        + make.connections("/x a/u")
    )
    package = make.pack(
        tmp_path / "low.ssp",
        {"SystemStructure.ssd": make.ssd(""), "Var.ssd": make.ssd(low), "Relay.fmu": fmus / "Relay.fmu"},
    )
    outside = make.bindings(make.inline("a.k Real 2"))
    system = flat(
        make.elements(
            make.relay("b"),
            component("n", "resources/low.ssd", "definition", outside),
            component("p", "resources/low.ssp#Var.ssd", "package"),
        )
        + make.connections("b/y n/x", "b/y p/x"),
        {"resources/low.ssd": make.ssd(low), "resources/low.ssp": package},
    )
    assert [part.name for part in system.parts] == ["b", "n.a", "p.a"]
    assert [str(each.target) for each in system.connections] == ["n.a.u", "p.a.u"]
    assert start(system, "n.a") == {"k": 2.0, "bare": 1.0}
    assert start(system, "p.a") == {"k": 1.0, "bare": 1.0}


def test_a_system_is_used_again_by_its_id(flat: Build) -> None:
    again = '<ssd:System name="s" id="here">' + make.elements(make.relay("a")) + "</ssd:System>"
    system = flat(make.elements(again, component("t", "#here", "definition")))
    assert [part.name for part in system.parts] == ["s.a", "t.a"]


def test_parameters_inside_an_fmu_are_read(flat: Build, fmus: Path, tmp_path: Path) -> None:
    fmu = Path(shutil.copy(fmus / "Relay.fmu", tmp_path / "Own.fmu"))
    with zipfile.ZipFile(fmu, "a") as packed:
        packed.writestr("resources/own.ssv", make.values("k Real 4"))
    binding = '<ssd:ParameterBinding source="resources/own.ssv" sourceBase="component"/>'
    part = make.relay("a", source="resources/Own.fmu", more=make.bindings(binding))
    assert start(flat(make.elements(part), {"resources/Own.fmu": fmu}), "a") == {"k": 4.0}


def test_the_implementation_says_which_interface_is_used(flat: Build) -> None:
    part = make.relay("a").replace("<ssd:Component ", '<ssd:Component implementation="CoSimulation" ')
    assert flat(make.elements(part, make.relay("b"))).parts[0].options.kind == "co-simulation"
    assert flat(make.elements(make.relay("b"))).parts[0].options.kind is None


ERROR, WARNING = "error", "warning"
TWO = make.elements(make.relay("a"), make.relay("b"))


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        (TWO + make.connections("a/y c/u"), [("MT252", ERROR)]),
        (TWO + make.connections("a/none b/u"), [("MT252", ERROR)]),
        (TWO + make.connections("/none b/u"), [("MT252", ERROR)]),
        (TWO + make.connections("a/u b/u"), [("MT253", ERROR)]),
        (TWO + make.connections("a/y b/k"), [("MT253", WARNING), ("MT261", ERROR)]),
        (TWO + make.connections("a/y b/u", "b/y b/u"), [("MT254", ERROR)]),
        (TWO + make.connections("a/y b/u startIndices='1'"), [("MT261", ERROR)]),
        (TWO + make.connections("a/y b/count"), [("MT257", ERROR)]),
        (make.elements(make.relay("a", source="resources/no.fmu")), [("MT250", ERROR)]),
        (make.elements('<ssd:Component name="a"/>'), [("MT250", ERROR)]),
        (make.elements('<ssd:Component name="a" source="../x.fmu"/>'), [("MT251", ERROR)]),
        (make.elements('<ssd:Component name="a" type="text/x-modelica" source="a.mo"/>'), [("MT260", ERROR)]),
        (
            make.elements(make.relay("a").replace("source=", 'implementation="ScheduledExecution" source=')),
            [("MT260", ERROR)],
        ),
        (make.bindings(make.inline("none Real 1")) + TWO, [("MT255", WARNING)]),
        (make.bindings(make.inline("a.y Real 1")) + TWO, [("MT255", WARNING)]),
        (make.bindings(make.inline("a.k String x")) + TWO, [("MT257", ERROR)]),
        (make.bindings(make.inline("a.count Real 1.5")) + TWO, [("MT257", ERROR)]),
        (make.bindings(make.inline("a.state Enumeration none")) + TWO, [("MT257", ERROR)]),
        (make.bindings(make.inline("a.u Real 1 K", more=make.units("ssv"))) + TWO, [("MT258", ERROR)]),
        (make.bindings(make.inline("a.u Real 1 furlong")) + TWO, [("MT258", WARNING)]),
        (make.elements(component("a", "#none", "definition")), [("MT250", ERROR)]),
        (
            make.elements('<ssd:SignalDictionaryReference name="r" dictionary="none">' + make.connectors("s inout Real")
                          + "</ssd:SignalDictionaryReference>", make.relay("a")) + make.connections("a/y r/s"),
            [("MT259", ERROR)],
        ),
        (
            make.connectors("x input Real", "z output Real") + TWO + make.connections("/x /z"),
            [("MT261", WARNING)],
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_put_together_is_said(
    rules: Callable[..., list[tuple[str, str]]], inside: str, expected: list[tuple[str, str]]
) -> None:
    assert rules(inside) == expected


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        (make.entries("none a.k"), [("MT256", WARNING)]),
        (make.entries("p a.k", "q a.k"), [("MT256", ERROR)]),
        (
            make.entries("b a.k|" + mapped("Integer", "1 7")),
            [("MT263", ERROR)],
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_mapping_is_said(
    rules: Callable[..., list[tuple[str, str]]], mapping: str, expected: list[tuple[str, str]]
) -> None:
    inner = f"<ssd:ParameterMapping>{mapping}</ssd:ParameterMapping>"
    assert rules(make.bindings(make.inline("p Real 1", "q Real 1", "b Integer 3", mapping=inner)) + TWO) == expected


def test_units_of_other_kinds_are_not_connected(rules: Callable[..., list[tuple[str, str]]]) -> None:
    inside = make.elements(make.relay("a", "y output Real rpm"), make.relay("b", "bare input Real K"))
    assert rules(inside + make.connections("a/y b/bare"), top=make.units()) == [("MT258", ERROR)]
    assert not rules(inside + make.connections("a/y b/bare suppressUnitConversion='true'"), top=make.units())


def test_a_circle_without_an_fmu_is_refused(rules: Callable[..., list[tuple[str, str]]]) -> None:
    through = make.connectors("x input Real", "z output Real") + make.connections("/x /z")
    inside = make.elements(nested("s", through), nested("t", through), make.relay("a"))
    assert ("MT254", ERROR) in rules(inside + make.connections("s/z t/x", "t/z s/x", "s/z a/u"))


def test_a_structure_that_holds_itself_is_refused(packed: Callable[..., Path]) -> None:
    self_holding = make.ssd(make.elements(component("n", "low.ssd", "definition")))
    path = packed(make.elements(component("n", "resources/low.ssd", "definition")), {"resources/low.ssd": self_holding})
    with pytest.raises(DescriptionInvalid, match="MT262"), open_ssp(path):
        pass


def test_systems_that_use_themselves_end(rules: Callable[..., list[tuple[str, str]]]) -> None:
    inside = '<ssd:System name="s" id="here">' + make.elements(component("t", "#here", "definition")) + "</ssd:System>"
    assert ("MT262", ERROR) in rules(make.elements(inside))


def test_a_structure_that_multiplies_is_bounded(
    rules: Callable[..., list[tuple[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fmu.ssp.tree.MAX_PLACES", 1000)
    levels = [
        f'<ssd:System name="s{level}" id="s{level}">'
        + make.elements(*(component(f"c{number}", f"#s{level + 1}", "definition") for number in range(8)))
        + "</ssd:System>"
        for level in range(8)
    ]
    last = '<ssd:System name="s8" id="s8"/>'
    assert ("MT262", ERROR) in rules(make.elements(*levels, last))


def test_a_built_system_comes_back_the_same(fmus: Path, tmp_path: Path) -> None:
    relay = fmus / "Relay.fmu"
    system = System(
        name="built",
        parts=(
            Part(
                name="a",
                fmu=relay,
                start={"k": 2.0, "state": 2, "flag": True, "count": 5},
                options=COSIM,
            ),
            Part(name="sub.b", fmu=relay, step_s=0.125, isolate=True),
        ),
        connections=(
            Connection(source=Port("a", "y"), target=Port("sub.b", "u")),
            Connection(
                source=Port("a", "countOut"),
                target=Port("sub.b", "count"),
                transformation=Lookup(pairs=((5, 6),)),
                convert_units=False,
            ),
            Connection(
                source=Port("a", "flagOut"),
                target=Port("sub.b", "flag"),
                transformation=Lookup(pairs=((True, False), (False, True))),
                convert_units=False,
            ),
            Connection(
                source=Port("sub.b", "y"),
                target=Port("a", "bare"),
                transformation=Linear(factor=0.5, offset=1.0),
                convert_units=False,
            ),
        ),
        inputs=(Connector(name="wanted", port=Port("a", "u"), unit="rad/s", transformation=Linear(factor=RPM)),),
        outputs=(Connector(name="seen", port=Port("sub.b", "y")),),
        experiment=Experiment(start_s=0.0, stop_s=2.0, step_s=0.5, tolerance=1e-6),
    )
    ssp = from_system(system, bindings={"seen": "pump/speed", "wanted": "pump/wanted"})
    assert dict(bindings_of(ssp.description)) == {"seen": "pump/speed", "wanted": "pump/wanted"}
    ssp.save(tmp_path / "built.ssp")
    with open_ssp(tmp_path / "built.ssp") as opened:
        assert not opened.warnings
        assert dict(bindings_of(opened.description)) == dict(bindings_of(ssp.description))
        found = flatten(opened)
        assert not found.diagnostics
        same = [dataclasses.replace(part, fmu=relay) for part in found.system.parts]
        assert dataclasses.replace(found.system, parts=tuple(same)) == system
        again = from_system(found.system, bindings=dict(bindings_of(opened.description)))
        again.save(tmp_path / "again.ssp")
    assert (tmp_path / "again.ssp").read_bytes() == (tmp_path / "built.ssp").read_bytes()


def test_an_input_that_feeds_several_fmus_stays_one_input(flat: Build, fmus: Path, tmp_path: Path) -> None:
    system = flat(
        make.connectors("wanted input Real rpm", "raw input Real")
        + make.elements(
            make.relay("a", "u input Real"), make.relay("b", "u input Real", "bare input Real"), make.relay("c")
        )
        + make.connections(
            "/wanted a/u", "/wanted b/u|<ssc:LinearTransformation factor='2' offset='1'/>", "/raw b/bare", "/raw c/u"
        ),
        top=make.units(),
    )
    system = dataclasses.replace(
        system, parts=tuple(dataclasses.replace(part, fmu=fmus / "Relay.fmu") for part in system.parts)
    )
    rpm = Unit(name="rpm", base_unit=BaseUnit(s=-1, rad=1, factor=RPM))
    from_system(system, units=[rpm]).save(tmp_path / "again.ssp")
    with open_ssp(tmp_path / "again.ssp") as ssp:
        written = [
            (each.start_element, each.start_connector, each.end_element) for each in ssp.description.system.connections
        ]
        assert sorted(written) == sorted(
            [(None, "wanted", "a"), (None, "wanted", "b"), (None, "raw", "b"), (None, "raw", "c")]
        )
        again = to_system(ssp)
    for first, second in zip(system.inputs, again.inputs, strict=True):
        assert (first.name, first.port) == (second.name, second.port)
        assert second.transformation == first.transformation
    assert [connector.name for connector in again.inputs] == ["wanted", "wanted", "raw", "raw"]
    assert not again.connections
    (one,) = [each for each in again.inputs if each.port == Port("b", "u")]
    assert isinstance(one.transformation, Linear)
    assert one.transformation.factor == pytest.approx(2.0 * RPM)
    assert one.transformation.offset == pytest.approx(1.0)


def test_all_that_share_an_input_see_its_new_value_in_the_same_step(flat: Build, fmus: Path) -> None:
    system = flat(
        make.connectors("wanted input Real", "ya output Real", "yb output Real")
        + make.elements(
            make.relay("a", "u input Real", "y output Real"), make.relay("b", "u input Real", "y output Real")
        )
        + make.connections(
            "/wanted a/u", "/wanted b/u|<ssc:LinearTransformation factor='2' offset='1'/>", "a/y /ya", "b/y /yb"
        )
    )
    parts = tuple(dataclasses.replace(part, fmu=fmus / "Relay.fmu") for part in system.parts)
    with Worker(dataclasses.replace(system, parts=parts), algorithm=Algorithm(master="jacobi")) as worker:
        worker.step(0.5, [10.0])
        first = worker.step(0.5, [7.0])
        second = worker.step(0.5, [7.0])
    assert first == second
    assert first[1] == pytest.approx(2 * first[0] + 1)


def test_what_ssp_has_no_form_for_is_refused(fmus: Path) -> None:
    relay = fmus / "Relay.fmu"
    parts = (Part(name="a", fmu=relay), Part(name="b", fmu=relay))
    y, u = Port("a", "y"), Port("b", "u")
    cases = [
        System(name="s", parts=parts, connections=(Connection(source=Port("a", "u"), target=u),)),
        System(name="s", parts=parts, connections=(Connection(source=Port("a", "none"), target=u),)),
        System(name="s", parts=parts, connections=(Connection(source=Port("c", "y"), target=u),)),
        System(
            name="s",
            parts=parts,
            connections=(Connection(source=y, target=u, transformation=Lookup(pairs=((1, True),))),),
        ),
        System(name="s", parts=parts, inputs=(Connector(name="i", port=u, unit="furlong"),)),
    ]
    for system in cases:
        with pytest.raises(FmuError) as caught:
            from_system(system)
        assert caught.value.action


def test_transformations_and_units_come_out_of_a_run(packed: Callable[..., Path]) -> None:
    inside = make.connectors("shown output Real rpm", "state output Integer") + make.elements(
        make.relay("a", "y output Real", "countOut output Integer", more=make.bindings(
            make.inline("u Real 60 rpm", "k Real 2", "count Integer 1", more=make.units("ssv")))),
        make.relay("b", "u input Real rad/s", "y output Real", "count input Integer", "countOut output Integer"),
    ) + make.connections(
        "a/y b/u|<ssc:LinearTransformation factor='3'/>",
        "a/countOut b/count|" + mapped("Integer", "1 5"),
        "b/y /shown",
        "b/countOut /state",
    )  # fmt: skip
    with open_ssp(packed(inside, top=make.units())) as ssp:
        result = simulate_system(to_system(ssp), experiment=Experiment(stop_s=1.0, step_s=0.5))
    assert result["shown"][-1] == pytest.approx(60 * 2 * 3)
    assert result["state"][-1] == 5


def test_two_elements_of_one_name_are_refused(packed: Callable[..., Path]) -> None:
    with (
        pytest.raises(DescriptionInvalid, match="MT248"),
        open_ssp(packed(make.elements(make.relay("a"), make.relay("a")))),
    ):
        pass


def test_names_that_fall_together_are_refused(rules: Callable[..., list[tuple[str, str]]]) -> None:
    inside = make.elements(make.relay("s.a"), nested("s", make.elements(make.relay("a"))))
    assert ("MT248", ERROR) in rules(inside)
    # but a parameter of both is given to both (SSP 2.0, 5.3.3)
    assert ("MT255", WARNING) not in rules(make.bindings(make.inline("s.a.k Real 2")) + inside)


def test_what_is_written_follows_the_schema_of_the_standard(fmus: Path, tmp_path: Path) -> None:
    import fmpy
    from lxml import etree

    relay = fmus / "Relay.fmu"
    system = System(
        name="built",
        parts=(
            Part(name="a", fmu=relay, start={"k": 2.0, "state": 2, "flag": True, "count": 5}, step_s=0.5),
            Part(name="b", fmu=relay, options=COSIM),
        ),
        connections=(
            Connection(source=Port("a", "y"), target=Port("b", "u"), transformation=Linear(factor=2.0)),
            Connection(source=Port("a", "stateOut"), target=Port("b", "state")),
        ),
        inputs=(Connector(name="wanted", port=Port("a", "u"), unit="rad/s"),),
        outputs=(Connector(name="seen", port=Port("b", "y")),),
        experiment=Experiment(start_s=0.0, stop_s=2.0, step_s=0.5),
    )
    from_system(system, bindings={"seen": "pump/speed"}).save(tmp_path / "built.ssp")
    with zipfile.ZipFile(tmp_path / "built.ssp") as packed:
        document = etree.fromstring(packed.read("SystemStructure.ssd"))
    schemas = Path(fmpy.__file__).parent / "ssp" / "schema"
    schema = etree.XMLSchema(file=str(schemas / "SystemStructureDescription.xsd"))
    assert schema.validate(document), schema.error_log
    inside = document.find(".//{*}ParameterSet")
    assert inside is not None
    values = etree.XMLSchema(file=str(schemas / "SystemStructureParameterValues.xsd"))
    assert values.validate(etree.fromstring(etree.tostring(inside))), values.error_log


def test_a_unit_of_one_name_is_one_unit_even_where_a_file_leaves_out_the_rad(flat: Build) -> None:
    top = '<ssd:Units><ssc:Unit name="rad/s"><ssc:BaseUnit s="-1"/></ssc:Unit></ssd:Units>'
    inside = make.elements(make.relay("a", "y output Real rad/s"), make.relay("b", "u input Real rad/s"))
    (found,) = flat(inside + make.connections("a/y b/u"), top=top).connections
    assert found.transformation is None
    assert not found.convert_units
