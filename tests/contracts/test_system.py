"""The coupling graph is plain frozen data that what reads SSP, what is written in Python and what runs it share."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path

import pytest

from fmu.options import Options
from fmu.system import Algorithm, Connection, Connector, Linear, Lookup, Part, Port, System

COUPLED = System(
    name="drive",
    parts=(Part(name="plant", fmu=Path("plant.fmu"), start={"J": 2.0}), Part(name="pid", fmu=Path("pid.fmu"))),
    connections=(
        Connection(source=Port("plant", "speed"), target=Port("pid", "measured"), transformation=Linear(factor=9.55)),
        Connection(source=Port("pid", "u"), target=Port("plant", "u")),
        Connection(
            source=Port("pid", "mode"),
            target=Port("plant", "mode"),
            transformation=Lookup(pairs=((1, True), (2, False))),
        ),
    ),
    inputs=(Connector(name="set point", port=Port("pid", "wanted"), unit="rpm"),),
    outputs=(Connector(name="speed", port=Port("plant", "speed")),),
)


def test_a_system_is_frozen_and_goes_to_a_worker_unchanged() -> None:
    assert pickle.loads(pickle.dumps(COUPLED)) == COUPLED
    with pytest.raises(dataclasses.FrozenInstanceError):
        COUPLED.name = "other"  # type: ignore[misc]


def test_one_fmu_alone_is_a_system() -> None:
    single = System.of(Path("plant.fmu"), start={"J": 2.0}, inputs=["u"], outputs=["speed"])
    assert [part.name for part in single.parts] == ["plant"]
    assert single.inputs[0] == Connector(name="u", port=Port("plant", "u"))
    assert str(single.outputs[0].port) == "plant.speed"


def test_a_part_is_found_by_its_name() -> None:
    assert COUPLED.part("pid") is COUPLED.parts[1]
    assert COUPLED.part("none") is None


def test_the_default_algorithm_is_plain_jacobi() -> None:
    assert Algorithm() == Algorithm(master="jacobi", loops="none", extrapolation=0, adaptive=None)


def test_an_instance_runs_as_its_options_say_by_default_as_its_fmu_does() -> None:
    assert Part(name="a", fmu=Path("a.fmu")).options == Options()
    chosen = System.of(Path("a.fmu"), options=Options(kind="model-exchange"))
    assert chosen.parts[0].options.kind == "model-exchange"


def test_inputs_of_one_name_are_one_value_from_outside() -> None:
    inputs = tuple(Connector(name=name, port=Port("pid", name + str(k))) for k, name in enumerate("abac"))
    assert System(name="s", parts=COUPLED.parts, inputs=inputs).input_names == ["a", "b", "c"]
