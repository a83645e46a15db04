"""Short ways to write files of system structures for tests."""

from __future__ import annotations

import zipfile
from pathlib import Path

NAMESPACES = " ".join(
    f'xmlns:{prefix}="http://ssp-standard.org/SSP1/SystemStructure{name}"'
    for prefix, name in (
        ("ssd", "Description"), ("ssc", "Common"), ("ssv", "ParameterValues"), ("ssm", "ParameterMapping"),
        ("ssb", "SignalDictionary"),
    )
)  # fmt: skip
UNITS = """
<ssc:Unit name="rad/s"><ssc:BaseUnit s="-1" rad="1"/></ssc:Unit>
<ssc:Unit name="rpm"><ssc:BaseUnit s="-1" rad="1" factor="0.10471975511965977"/></ssc:Unit>
<ssc:Unit name="K"><ssc:BaseUnit K="1"/></ssc:Unit>
<ssc:Unit name="degC"><ssc:BaseUnit K="1" offset="273.15"/></ssc:Unit>
"""


def ssd(inside: str, *, version: str = "1.0", top: str = "", name: str = "case", attributes: str = "") -> str:
    """An SSD; ``inside`` is what is in its root system, ``top`` what follows that."""
    return (
        f'<ssd:SystemStructureDescription {NAMESPACES} version="{version}" name="{name}">\n'
        f'<ssd:System name="root"{attributes}>\n{inside}\n</ssd:System>\n{top}</ssd:SystemStructureDescription>\n'
    )


def units(prefix: str = "ssd") -> str:
    return f"<{prefix}:Units>{UNITS}</{prefix}:Units>"


def connectors(*lines: str) -> str:
    """Each as ``name kind Type unit``; type and unit may be left out."""
    parts = []
    for line in lines:
        name, kind, *rest = line.split()
        attribute = "name" if rest[:1] == ["Enumeration"] else "unit"
        unit = f' {attribute}="{rest[1]}"' if len(rest) > 1 else ""
        inside = f"<ssc:{rest[0]}{unit}/>" if rest else ""
        parts.append(f'<ssd:Connector name="{name}" kind="{kind}">{inside}</ssd:Connector>')
    return "<ssd:Connectors>" + "".join(parts) + "</ssd:Connectors>"


def relay(name: str, *lines: str, more: str = "", source: str = "resources/Relay.fmu") -> str:
    """A component of the FMU Relay."""
    lines = lines or ("u input Real", "y output Real", "k parameter Real")
    return f'<ssd:Component name="{name}" source="{source}">{connectors(*lines)}{more}</ssd:Component>'


def elements(*parts: str) -> str:
    return "<ssd:Elements>" + "\n".join(parts) + "</ssd:Elements>"


def connections(*lines: str) -> str:
    """Each as ``element.connector element.connector`` and then attributes, ``|`` and the inside of the element."""
    parts = []
    for line in lines:
        text, _, inside = line.partition("|")
        start, end, *attributes = text.split()
        names = []
        for which, port in (("start", start), ("end", end)):
            element, _, connector = port.rpartition("/")
            names += [f'{which}Element="{element}"'] if element else []
            names.append(f'{which}Connector="{connector}"')
        parts.append(f"<ssd:Connection {' '.join([*names, *attributes])}>{inside}</ssd:Connection>")
    return "<ssd:Connections>" + "\n".join(parts) + "</ssd:Connections>"


def values(*lines: str, more: str = "") -> str:
    """A parameter set; each as ``name Type value unit``."""
    parts = []
    for line in lines:
        name, kind, value, *unit = line.split()
        inside = f'<ssv:{kind} value="{value}"' + (f' unit="{unit[0]}"' if unit else "") + "/>"
        parts.append(f'<ssv:Parameter name="{name}">{inside}</ssv:Parameter>')
    inside = "".join(parts)
    return (
        f'<ssv:ParameterSet {NAMESPACES} version="1.0" name="set"><ssv:Parameters>{inside}</ssv:Parameters>{more}'
        "</ssv:ParameterSet>"
    )


def inline(*lines: str, attributes: str = "", mapping: str = "", more: str = "") -> str:
    """A parameter binding with its set inside."""
    inside = values(*lines, more=more)
    return (
        f"<ssd:ParameterBinding {attributes}><ssd:ParameterValues>{inside}</ssd:ParameterValues>{mapping}"
        "</ssd:ParameterBinding>"
    )


def bindings(*parts: str) -> str:
    return "<ssd:ParameterBindings>" + "".join(parts) + "</ssd:ParameterBindings>"


def entries(*lines: str) -> str:
    """A parameter mapping; each as ``source target`` and then attributes, ``|`` and the inside of the entry."""
    parts = []
    for line in lines:
        text, _, inside = line.partition("|")
        source, target, *attributes = text.split()
        parts.append(
            f'<ssm:MappingEntry source="{source}" target="{target}" {" ".join(attributes)}>{inside}</ssm:MappingEntry>'
        )
    return f'<ssm:ParameterMapping {NAMESPACES} version="1.0">{"".join(parts)}</ssm:ParameterMapping>'


def pack(target: Path, files: dict[str, str | Path]) -> Path:
    """Writes an ``.ssp``; texts are written, paths are copied."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content if isinstance(content, str) else content.read_bytes())
    return target
