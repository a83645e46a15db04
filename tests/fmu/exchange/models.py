"""Model exchange FMUs as tables, and their modelDescription.xml in every FMI version."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import quoteattr

from fmu.build import build

HERE = Path(__file__).parent
LEGACY = {"Float64": "Real", "Int32": "Integer", "Boolean": "Boolean"}


class V(NamedTuple):
    name: str
    reference: int
    causality: str = "local"
    type: str = "Float64"
    start: str | None = None
    derivative: int | None = None
    """Place in the list of the state that it is the derivative of, from 1."""
    variability: str = ""


def parameter(name: str, reference: int, start: str) -> V:
    return V(name, reference, "parameter", start=start)


@dataclass(frozen=True)
class Model:
    variables: tuple[V, ...]
    indicators: int = 0
    capabilities: str = ""
    """A capability of FMI 2.0; FMI 3.0 has it in the plural."""


MODELS = {
    "Dahlquist": Model(
        (
            V("x", 1, "output", start="1"), V("der(x)", 2, derivative=1), parameter("k", 3, "1"),
            V("u", 4, "input", start="0"),
        )
    ),
    "VanDerPol": Model(
        (
            V("x0", 1, "output", start="2"), V("der(x0)", 2, derivative=1), V("x1", 3, "output", start="0"),
            V("der(x1)", 4, derivative=3), parameter("mu", 5, "1"),
        ),
        capabilities="providesDirectionalDerivative{s}",
    ),
    "BouncingBall": Model(
        (
            V("h", 1, "output", start="1"), V("der(h)", 2, derivative=1), V("v", 3, "output", start="0"),
            V("der(v)", 4, derivative=3), V("bounces", 1000, "output", "Int32"), parameter("g", 5, "-9.81"),
            parameter("e", 6, "0.7"),
        ),
        indicators=1,
    ),
    "Stair": Model((V("counter", 1000, "output", "Int32"),)),
    "Relay": Model(
        (
            V("x", 1, "output", start="0.5"), V("der(x)", 2, derivative=1), V("u", 3, "input", start="0"),
            parameter("width", 4, "0.2"), V("switched", 1001, "output", "Int32"),
            V("ask", 1002, "parameter", "Int32", start="0"),
        ),
        indicators=2,
    ),
}  # fmt: skip


def make(name: str, version: int, folder: Path) -> Path:
    """Builds the FMU of a model in an FMI version."""
    source = folder / f"{name}{version}"
    source.mkdir(parents=True)
    shutil.copyfile(HERE / f"{name}.c", source / "model.c")
    text = {1: _xml_1, 2: _xml_2, 3: _xml_3}[version](name, MODELS[name])
    (source / "modelDescription.xml").write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n{text}', encoding="utf-8")
    return build(source, folder / f"{name}{version}.fmu")


def _words(v: V, *, initial: bool) -> str:
    variability = v.variability or (
        "fixed" if v.causality == "parameter" else "continuous" if v.type == "Float64" else "discrete"
    )
    exact = ' initial="exact"' if initial and v.start is not None and v.causality in ("output", "local") else ""
    return (
        f'name="{v.name}" valueReference="{v.reference}" causality="{v.causality}" variability="{variability}"{exact}'
    )


def _start(v: V) -> str:
    return f" start={quoteattr(v.start)}" if v.start is not None else ""


def _can(model: Model, plural: str) -> str:
    return f'{model.capabilities.format(s=plural)}="true"' if model.capabilities else ""


def _variability_1(v: V) -> str:
    if v.causality == "parameter":
        return "parameter"
    return "continuous" if v.type == "Float64" else "discrete"


def _xml_1(name: str, model: Model) -> str:
    rows = "".join(
        f'<ScalarVariable name="{v.name}" valueReference="{v.reference}" '
        f'causality="{v.causality if v.causality in ("input", "output") else "internal"}" '
        f'variability="{_variability_1(v)}">'
        f"<{LEGACY[v.type]}{_start(v)}/></ScalarVariable>"
        for v in model.variables
    )
    states = sum(v.derivative is not None for v in model.variables)
    return f"""<fmiModelDescription fmiVersion="1.0" modelName="{name}" modelIdentifier="{name}"
 guid="{{{name.lower()}-me}}" numberOfContinuousStates="{states}" numberOfEventIndicators="{model.indicators}">
<ModelVariables>{rows}</ModelVariables></fmiModelDescription>"""


def _xml_2(name: str, model: Model) -> str:
    rows = "".join(
        f"<ScalarVariable {_words(v, initial=True)}><{LEGACY[v.type]}{_start(v)}"
        + (f' derivative="{v.derivative}"' if v.derivative else "")
        + "/></ScalarVariable>"
        for v in model.variables
    )
    numbered = list(enumerate(model.variables, start=1))
    outputs = "".join(f'<Unknown index="{k}"/>' for k, v in numbered if v.causality == "output")
    slopes = "".join(f'<Unknown index="{k}"/>' for k, v in numbered if v.derivative)
    slopes = f"<Derivatives>{slopes}</Derivatives>" if slopes else ""
    return f"""<fmiModelDescription fmiVersion="2.0" modelName="{name}" guid="{{{name.lower()}-me}}"
 numberOfEventIndicators="{model.indicators}">
<ModelExchange modelIdentifier="{name}" canGetAndSetFMUstate="true" canSerializeFMUstate="true"
 {_can(model, "")}/>
<ModelVariables>{rows}</ModelVariables>
<ModelStructure><Outputs>{outputs}</Outputs>{slopes}</ModelStructure></fmiModelDescription>"""


def _xml_3(name: str, model: Model) -> str:
    places = [v.reference for v in model.variables]
    rows = "".join(
        f"<{v.type} {_words(v, initial=True)}{_start(v)}"
        + (f' derivative="{places[v.derivative - 1]}"' if v.derivative else "")
        + "/>"
        for v in model.variables
    )
    rows += '<Float64 name="time" valueReference="0" causality="independent" variability="continuous"/>'
    structure = "".join(f'<Output valueReference="{v.reference}"/>' for v in model.variables if v.causality == "output")
    structure += "".join(
        f'<ContinuousStateDerivative valueReference="{v.reference}"/>' for v in model.variables if v.derivative
    )
    return f"""<fmiModelDescription fmiVersion="3.0" modelName="{name}" instantiationToken="{{{name.lower()}-me}}">
<ModelExchange modelIdentifier="{name}" canGetAndSetFMUState="true" canSerializeFMUState="true"
 {_can(model, "s")}/>
<ModelVariables>{rows}</ModelVariables>
<ModelStructure>{structure}</ModelStructure></fmiModelDescription>"""
