"""What is wrong with a system is found before anything runs, all of it; what is right is ordered by its graph."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dtdl.errors import FmuError, SystemInvalid
from fmu.coupling import couple
from fmu.description import read_description
from fmu.options import Options
from fmu.order import components
from fmu.system import Algorithm, Connection, Connector, Linear, Lookup, Part, Port, System
from fmu.worker import Worker


def gains(fmus: Path, *names: str) -> tuple[Part, ...]:
    return tuple(Part(name=name, fmu=fmus / "Gain.fmu") for name in names)


def wire(source: str, target: str, **more: object) -> Connection:
    return Connection(source=Port(*source.split(".")), target=Port(*target.split(".")), **more)


def rules(system: System) -> list[str]:
    descriptions = {path: read_description(path) for path in {part.fmu for part in system.parts}}
    with pytest.raises(SystemInvalid) as caught:
        couple(system, descriptions)
    return [found.rule for found in caught.value.diagnostics]


def test_every_finding_is_collected(fmus: Path) -> None:
    system = System(
        name="bad",
        parts=(*gains(fmus, "a", "b", "b"),),
        connections=(
            wire("c.y", "a.u"),
            wire("a.z", "b.u"),
            wire("a.y", "b.y"),
            wire("a.b", "a.u"),
            wire("a.y", "b.u"),
            wire("a.n", "b.u"),
            wire("b.y", "a.a", transformation=Lookup(pairs=((True, 1.0),))),
        ),
        outputs=(Connector(name="y", port=Port("a", "none")),),
    )
    assert rules(system) == ["MT270", "MT271", "MT272", "MT273", "MT276", "MT278", "MT277", "MT272"]


def test_types_that_do_not_fit_are_named(reference_fmus_of: dict[str, Path]) -> None:
    fmu = reference_fmus_of["Feedthrough3"]
    system = System(
        name="types",
        parts=(Part(name="a", fmu=fmu), Part(name="b", fmu=fmu)),
        connections=(
            wire("a.Float64_continuous_output", "b.Int32_input"),
            wire("a.Int32_output", "b.Float64_continuous_input"),
            wire("a.Boolean_output", "b.String_input"),
        ),
    )
    assert rules(system) == ["MT274", "MT274"]


def test_arrays_connect_as_a_whole_and_only_to_their_own_size(reference_fmus_of: dict[str, Path]) -> None:
    fmu = reference_fmus_of["StateSpace3"]
    parts = (Part(name="a", fmu=fmu), Part(name="b", fmu=fmu))
    system = System(
        name="arrays",
        parts=parts,
        connections=(wire("a.y", "b.u", transformation=Linear(factor=2.0, offset=1.0)),),
        outputs=(Connector(name="y", port=Port("a", "y")), Connector(name="u", port=Port("b", "u"))),
    )
    with Worker(system) as worker:
        assert worker.loop == "compiled"
        first, _ = worker.step(0.001)
        assert first != [0.0, 0.0, 0.0]
        _, taken = worker.step(0.001)
        assert taken == [2.0 * value + 1.0 for value in first]
    small = replace(parts[1], start={"m": 1})
    assert rules(replace(system, parts=(parts[0], small))) == ["MT275"]


def test_units_are_converted_unless_that_is_switched_off(fmus: Path) -> None:
    def seen(**more: object) -> float:
        system = System(
            name="units",
            parts=(Part(name="a", fmu=fmus / "Gain.fmu", start={"u": 3.0}), *gains(fmus, "b")),
            connections=(wire("a.y", "b.u", **more),),
            outputs=(Connector(name="y", port=Port("b", "y")),),
        )
        with Worker(system) as worker:
            value: float = worker.step(1.0)[0]
            return value

    assert seen() == 3000.0
    assert seen(convert_units=False) == 3.0
    assert seen(transformation=Linear(factor=10.0, offset=0.5)) == 30.5


def test_the_border_of_a_system_has_units_of_its_own(fmus: Path) -> None:
    system = System(
        name="border",
        parts=gains(fmus, "a"),
        inputs=(Connector(name="u", port=Port("a", "u"), unit="km"),),
        outputs=(Connector(name="y", port=Port("a", "y"), unit="m"),),
    )
    with Worker(system) as worker:
        assert worker.step(1.0, [2.0]) == [2_000_000.0]


def test_a_value_that_a_table_lacks_ends_the_run_with_its_connection(reference_fmus_of: dict[str, Path]) -> None:
    fmu = reference_fmus_of["Feedthrough3"]
    system = System(
        name="table",
        parts=(Part(name="a", fmu=fmu), Part(name="b", fmu=fmu)),
        connections=(wire("a.Int32_output", "b.Boolean_input", transformation=Lookup(pairs=((0, True), (2, False)))),),
        inputs=(Connector(name="i", port=Port("a", "Int32_input")),),
        outputs=(Connector(name="b", port=Port("b", "Boolean_output")),),
    )
    with Worker(system) as worker:
        assert worker.step(0.1, [2]) == [True]
        assert worker.step(0.1, [5]) == [False]
        with pytest.raises(FmuError, match=r"a\.Int32_output -> b\.Boolean_input: its table has no 5"):
            worker.step(0.1, [0])


def test_a_number_that_does_not_fit_is_refused_and_not_cut(reference_fmus_of: dict[str, Path]) -> None:
    fmu = reference_fmus_of["Feedthrough3"]
    system = System(
        name="narrow",
        parts=(Part(name="a", fmu=fmu), Part(name="b", fmu=fmu)),
        connections=(wire("a.Int64_output", "b.UInt8_input"),),
        inputs=(Connector(name="i", port=Port("a", "Int64_input")),),
        outputs=(Connector(name="b", port=Port("b", "UInt8_output")),),
    )
    with Worker(system) as worker:
        worker.step(0.1, [255])
        assert worker.step(0.1, [-1]) == [255]
        with pytest.raises(FmuError, match=r"-1 does not fit into UInt8"):
            worker.step(0.1, [0])


def test_texts_go_through_the_python_loop_which_says_so(reference_fmus_of: dict[str, Path]) -> None:
    fmu = reference_fmus_of["Feedthrough3"]
    system = System(
        name="texts",
        parts=(Part(name="a", fmu=fmu), Part(name="b", fmu=fmu)),
        connections=(wire("a.String_output", "b.String_input"),),
        inputs=(Connector(name="t", port=Port("a", "String_input")),),
        outputs=(Connector(name="t", port=Port("b", "String_output")),),
    )
    with Worker(system) as worker:
        assert (worker.loop, "String" in worker.why) == ("python", True)
        worker.step(0.1, ["Grüße"])
        assert worker.step(0.1, [None]) == ["Grüße"]
        with pytest.raises(FmuError, match="its type is String"):
            worker.step(0.1, [1.0])


def test_gauss_seidel_follows_the_connections_whatever_the_order_of_the_instances(fmus: Path) -> None:
    system = System(
        name="line",
        parts=gains(fmus, "third", "second", "first"),
        connections=tuple(
            wire(pair[0], pair[1], convert_units=False) for pair in (("first.y", "second.u"), ("second.y", "third.u"))
        ),
        inputs=(Connector(name="u", port=Port("first", "u")),),
        outputs=(Connector(name="y", port=Port("third", "y")),),
    )
    with Worker(system, algorithm=Algorithm(master="gauss-seidel")) as worker:
        assert worker.step(1.0, [7.0]) == [7.0]
    with Worker(system) as worker:
        assert [worker.step(1.0, [7.0]) for _ in range(3)] == [[0.0], [0.0], [7.0]]


def test_connected_inputs_are_right_from_the_start(fmus: Path) -> None:
    first = Part(name="first", fmu=fmus / "Gain.fmu", start={"u": 4.0, "b": 1.0})
    system = System(
        name="start",
        parts=(*gains(fmus, "second"), first),
        connections=(wire("first.y", "second.u", convert_units=False),),
        outputs=(Connector(name="y", port=Port("second", "y")),),
    )
    worker = Worker(system)
    try:
        assert worker.start() == [5.0]
    finally:
        worker.close()


def test_an_interface_that_is_asked_for_and_not_run_is_refused(fmus: Path) -> None:
    part = Part(name="a", fmu=fmus / "Gain.fmu", options=Options(kind="model-exchange"))
    with pytest.raises(FmuError, match=r"Gain\.fmu.*: it has no model-exchange"):
        Worker(System(name="kinds", parts=(part,))).start()


def test_components_come_in_the_order_of_their_edges() -> None:
    assert components(6, [(3, 1), (1, 3), (1, 0), (2, 4), (4, 5)]) == [[1, 3], [0], [2], [4], [5]]
    assert components(3, []) == [[0], [1], [2]]
    assert components(2000, [(k + 1, k) for k in range(1999)])[0] == [1999]
