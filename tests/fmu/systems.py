"""Systems that tests build: instances side by side, whose connectors have the names of the variables."""

from __future__ import annotations

from pathlib import Path

from fmu.system import Connector, Part, Port, System


def side_by_side(*parts: tuple[str, Path, dict[str, object], list[str], list[str]]) -> System:
    """Instances that are not connected: name, ``.fmu``, start values, inputs, outputs."""
    return System(
        name="side by side",
        parts=tuple(Part(name=name, fmu=fmu, start=start) for name, fmu, start, _, _ in parts),
        inputs=tuple(
            Connector(name=f"{name}.{variable}", port=Port(name, variable))
            for name, _, _, inputs, _ in parts
            for variable in inputs
        ),
        outputs=tuple(
            Connector(name=f"{name}.{variable}", port=Port(name, variable))
            for name, _, _, _, outputs in parts
            for variable in outputs
        ),
    )
