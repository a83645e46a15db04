"""The reference models as tables, and their modelDescription.xml in every FMI version."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

from fmu.build import build

HERE = Path(__file__).parent
LEGACY = {"Float64": "Real", "Int32": "Integer", "Boolean": "Boolean", "String": "String", "Enumeration": "Enumeration"}


@dataclass(frozen=True)
class V:
    """A variable: name, type, value reference, causality, variability, start, value references of its dimensions."""

    name: str
    type: str
    reference: int
    causality: str = "local"
    variability: str = "continuous"
    start: str | None = None
    dimensions: tuple[int, ...] = ()


@dataclass(frozen=True)
class Model:
    """A model: versions, variables, stop time and step in seconds, whether its FMU ends by itself."""

    variables: tuple[V, ...]
    versions: tuple[int, ...] = (1, 2, 3)
    ends: bool = False
    resources: tuple[tuple[str, str], ...] = ()


def output(name: str, type_: str, reference: int, **more: object) -> V:
    variability = "continuous" if type_.startswith("Float") else "discrete"
    return V(name, type_, reference, "output", variability, **more)


def parameter(name: str, reference: int, start: str) -> V:
    return V(name, "Float64", reference, "parameter", "fixed", start)


def _feedthrough() -> tuple[V, ...]:
    found = []
    names = ["Float32_continuous", "Float32_discrete", "Float64_continuous", "Float64_discrete"]
    for k, name in enumerate(names):
        variability = name.split("_")[1]
        found.append(V(f"{name}_input", name[:7], 1 + 2 * k, "input", variability, "0"))
        found.append(V(f"{name}_output", name[:7], 2 + 2 * k, "output", variability))
    whole = ["Int8", "UInt8", "Int16", "UInt16", "Int32", "UInt32", "Int64", "UInt64", "Boolean", "Enumeration"]
    for k, name in enumerate(whole):
        start = {"Boolean": "false", "Enumeration": "1"}.get(name, "0")
        found.append(V(f"{name}_input", name, 1000 + 2 * k, "input", "discrete", start))
        found.append(V(f"{name}_output", name, 1001 + 2 * k, "output", "discrete"))
    for name, reference, start in (("String", 2000, "Set me!"), ("Binary", 3000, "666f6f")):
        found.append(V(f"{name}_input", name, reference, "input", "discrete", start))
        found.append(V(f"{name}_output", name, reference + 1, "output", "discrete"))
    return tuple(found)


def _state_space() -> tuple[V, ...]:
    most, m, n, r = 5, 1000, 1001, 1002
    eye, square = "1 0 0 0 1 0 0 0 1", most * most
    matrix = {"A": (n, n), "B": (n, m), "C": (r, n), "D": (r, m)}
    sizes = tuple(
        V(name, "UInt64", at, "structuralParameter", "fixed", "3") for name, at in (("m", m), ("n", n), ("r", r))
    )
    matrices = tuple(
        V(name, "Float64", 1 + k * square, "parameter", "fixed", eye, dims)
        for k, (name, dims) in enumerate(matrix.items())
    )
    first = 1 + 4 * square
    return (
        *sizes,
        *matrices,
        V("x0", "Float64", first, "parameter", "fixed", "0 0 0", (n,)),
        V("u", "Float64", first + most, "input", "continuous", "1 2 3", (m,)),
        V("y", "Float64", first + 2 * most, "output", "continuous", None, (r,)),
        V("x", "Float64", first + 3 * most, "local", "continuous", None, (n,)),
    )


MODELS = {
    "Dahlquist": Model((output("x", "Float64", 1), parameter("k", 2, "1"))),
    "VanDerPol": Model((output("x0", "Float64", 1), output("x1", "Float64", 2), parameter("mu", 3, "1"))),
    "BouncingBall": Model(
        (output("h", "Float64", 1), output("v", "Float64", 2), parameter("g", 3, "-9.81"), parameter("e", 4, "0.7"))
    ),
    "Stair": Model((output("counter", "Int32", 1000),), ends=True),
    "Resource": Model((output("y", "Int32", 1000),), resources=(("y.txt", "a"),)),
    "Feedthrough": Model(_feedthrough()),
    "StateSpace": Model(_state_space(), versions=(3,)),
}
CASES = [(name, version) for name, model in MODELS.items() for version in model.versions]


def variables_of(model: Model, version: int) -> list[V]:
    """Those that the FMI version has types for."""
    return [v for v in model.variables if version == 3 or v.type in LEGACY]


def make(name: str, version: int, folder: Path) -> Path:
    """Builds the FMU of a model in an FMI version."""
    source = folder / f"{name}{version}"
    source.mkdir(parents=True)
    model = MODELS[name]
    shutil.copyfile(HERE / f"{name}.c", source / "model.c")
    (source / "modelDescription.xml").write_text(_xml(name, version, variables_of(model, version)), encoding="utf-8")
    for file, text in model.resources:
        (source / "resources").mkdir(exist_ok=True)
        (source / "resources" / file).write_text(text, encoding="utf-8")
    return build(source, folder / f"{name}{version}.fmu")


def _xml(name: str, version: int, variables: list[V]) -> str:
    token = quoteattr("{" + name.lower() + "}")
    writer = {1: _xml_1, 2: _xml_2, 3: _xml_3}[version]
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + writer(name, token, variables)


def _start(v: V) -> str:
    return f" start={quoteattr(v.start)}" if v.start is not None else ""


def _xml_1(name: str, token: str, variables: list[V]) -> str:
    rows = []
    for v in variables:
        variability = "parameter" if v.causality == "parameter" else v.variability
        causality = v.causality if v.causality in ("input", "output") else "internal"
        declared = ' declaredType="Option"' if v.type == "Enumeration" else ""
        rows.append(
            f'<ScalarVariable name="{v.name}" valueReference="{v.reference}" causality="{causality}" '
            f'variability="{variability}"><{LEGACY[v.type]}{declared}{_start(v)}/></ScalarVariable>'
        )
    return f"""<fmiModelDescription fmiVersion="1.0" modelName="{name}" modelIdentifier="{name}" guid={token}
  numberOfContinuousStates="0" numberOfEventIndicators="0">
<TypeDefinitions><Type name="Option"><EnumerationType><Item name="a"/><Item name="b"/></EnumerationType></Type>
</TypeDefinitions>
<ModelVariables>{"".join(rows)}</ModelVariables>
<Implementation><CoSimulation_StandAlone><Capabilities canHandleVariableCommunicationStepSize="true"/>
</CoSimulation_StandAlone></Implementation></fmiModelDescription>"""


def _xml_2(name: str, token: str, variables: list[V]) -> str:
    rows = []
    for v in variables:
        declared = ' declaredType="Option"' if v.type == "Enumeration" else ""
        rows.append(
            f'<ScalarVariable name="{v.name}" valueReference="{v.reference}" causality="{v.causality}" '
            f'variability="{v.variability}"><{LEGACY[v.type]}{declared}{_start(v)}/></ScalarVariable>'
        )
    outputs = [f'<Unknown index="{k}"/>' for k, v in enumerate(variables, start=1) if v.causality == "output"]
    return f"""<fmiModelDescription fmiVersion="2.0" modelName="{name}" guid={token}>
<CoSimulation modelIdentifier="{name}" canHandleVariableCommunicationStepSize="true" canGetAndSetFMUstate="true"/>
<TypeDefinitions><SimpleType name="Option"><Enumeration><Item name="a" value="1"/><Item name="b" value="2"/>
</Enumeration></SimpleType></TypeDefinitions>
<ModelVariables>{"".join(rows)}</ModelVariables>
<ModelStructure><Outputs>{"".join(outputs)}</Outputs><InitialUnknowns>{"".join(outputs)}</InitialUnknowns>
</ModelStructure></fmiModelDescription>"""


def _xml_3(name: str, token: str, variables: list[V]) -> str:
    rows = []
    for v in variables:
        declared = ' declaredType="Option"' if v.type == "Enumeration" else ""
        inner = "".join(f'<Dimension valueReference="{reference}"/>' for reference in v.dimensions)
        start = _start(v)
        if v.type in ("String", "Binary") and v.start is not None:
            inner, start = f"<Start value={quoteattr(v.start)}/>", ""
        rows.append(
            f'<{v.type} name="{v.name}" valueReference="{v.reference}" causality="{v.causality}" '
            f'variability="{v.variability}"{declared}{start}>{inner}</{v.type}>'
        )
    rows.append('<Float64 name="time" valueReference="0" causality="independent" variability="continuous"/>')
    references = [v.reference for v in variables if v.causality == "output"]
    outputs = [f'<{tag} valueReference="{at}"/>' for tag in ("Output", "InitialUnknown") for at in references]
    return f"""<fmiModelDescription fmiVersion="3.0" modelName="{name}" instantiationToken={token}>
<CoSimulation modelIdentifier="{name}" canHandleVariableCommunicationStepSize="true" canGetAndSetFMUState="true"/>
<TypeDefinitions><EnumerationType name="Option"><Item name="a" value="1"/><Item name="b" value="2"/>
</EnumerationType></TypeDefinitions>
<ModelVariables>{"".join(rows)}</ModelVariables>
<ModelStructure>{"".join(outputs)}</ModelStructure></fmiModelDescription>"""
