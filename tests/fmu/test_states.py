"""States of co-simulation FMUs: kept, put back, and carried to another instance as bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dtdl.errors import FmuError
from fmu import archive
from fmu.description import read_description
from fmu.instance import Instance
from fmu.loader import open_instance
from fmu.note import Board, Note
from fmu.shipped import library_fmu

LIBRARY = {"TankLevel": ("level", {"inflow": 0.3}), "RoomThermal": ("T_room", {"heat_load": 900.0})}


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Any]:
    made: list[Instance] = []

    def make(name: str) -> Instance:
        folder = archive.unpack(library_fmu(name), tmp_path / str(len(made)))
        instance = open_instance(folder, read_description(folder), name, Note(Board(), 0))
        made.append(instance)
        instance.initialize(LIBRARY[name][1])
        return instance

    yield make
    for instance in made:
        instance.close()


def value(instance: Instance, name: str) -> Any:
    return instance.getter([instance.variable(name)])()[0]


@pytest.mark.parametrize("name", list(LIBRARY))
def test_a_state_that_is_put_back_gives_the_same_steps_again(opened: Any, name: str) -> None:
    output = LIBRARY[name][0]
    instance = opened(name)
    instance.step(10.0)
    before = value(instance, output)
    assert instance.final
    kept = instance.save()
    assert not instance.final
    rows = []
    for _ in range(2):
        instance.restore(kept)
        assert (instance.time_s, value(instance, output)) == (10.0, before)
        for _ in range(3):
            instance.step(0.1)
        rows.append((instance.time_s, value(instance, output)))
    assert rows[0] == rows[1]
    assert rows[0][1] != before
    kept.free()
    kept.free()


@pytest.mark.parametrize("name", list(LIBRARY))
def test_bytes_of_a_state_go_to_another_instance_of_the_same_fmu_only(opened: Any, name: str) -> None:
    output = LIBRARY[name][0]
    first, second = opened(name), opened(name)
    first.step(10.0)
    data = first.serialize(first.save())
    second.restore(second.deserialize(data))
    assert (second.time_s, value(second, output)) == (10.0, value(first, output))
    other = opened(next(other for other in LIBRARY if other != name))
    with pytest.raises(FmuError, match="another FMU"):
        other.deserialize(data)


def test_many_equal_steps_add_no_rounding(opened: Any) -> None:
    instance = opened("TankLevel")
    for k in range(1, 1001):
        instance.step(0.1)
        assert instance.time_s == k * 0.1
