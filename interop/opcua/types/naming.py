"""Names both ways: namespaces and browse names of DTMIs, DTMIs and DTDL names of what OPC UA names freely."""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Final
from urllib.parse import urlsplit

from dtdl.dtmi import Dtmi

_MAX_NAME: Final = 64
_MAX_DTMI: Final = 128
_NOT_NAME: Final = re.compile(r"[^A-Za-z0-9_]+")
_LABEL: Final = re.compile(r"[^A-Za-z0-9_]+")
_VERSION: Final = re.compile(r"\s*v?(\d{1,9})")


def namespace_of(dtmi: str) -> str:
    """Namespace URI of an element: its DTMI without last segment and version; each major version from 2 has its own."""
    path, _, version = dtmi.split("#", 1)[0].partition(";")
    major = version.partition(".")[0]
    return path.rpartition(":")[0] + (f"/{major}" if major not in ("", "1") else "")


def browse_name_of(dtmi: str) -> str:
    """Browse name of an Interface or a named schema: the last segment of its DTMI."""
    return dtmi.split("#", 1)[0].split(";", 1)[0].rpartition(":")[2]


def is_automatic(dtmi: str) -> bool:
    """Whether the parser gave the DTMI to an element that its author gave none."""
    return ":_" in dtmi


def dtmi_or_none(text: str) -> Dtmi | None:
    """The DTMI that a text is, if it is one."""
    return Dtmi(text) if text.startswith("dtmi:") and _is_dtmi(text) else None


def _is_dtmi(text: str) -> bool:
    try:
        Dtmi(text)
    except ValueError:
        return False
    return True


def dtdl_name(name: str, taken: Container[str] = ()) -> str:
    """A DTDL name for a browse name; a number is added when it is taken.

    Args:
        name: Any text.
        taken: Names that it must not be.
    """
    made = _NOT_NAME.sub("_", name).strip("_")[:_MAX_NAME].strip("_") or "unnamed"
    if not made[0].isalpha():
        made = f"n{made}"[:_MAX_NAME].strip("_")
    number, first = 2, made
    while made in taken:
        made = f"{first[: _MAX_NAME - len(str(number)) - 1].rstrip('_')}_{number}"
        number += 1
    return made


def dtmi_path(namespace: str) -> str:
    """The beginning of the DTMIs of a namespace: a DTMI namespace itself, else host reversed, then the path."""
    if dtmi_or_none(namespace.partition("/")[0]):
        return namespace.partition("/")[0]
    parts = urlsplit(namespace)
    if parts.hostname:
        labels = [*reversed(parts.hostname.split(".")), *parts.path.split("/")]
    else:
        labels = namespace.removeprefix("urn:").replace("/", ":").split(":")
    return ":".join(["dtmi", *(made for label in labels if (made := _segment(label)))]) if labels else "dtmi:unnamed"


def version_of(version: str, namespace: str) -> int:
    """Major version of a model: that of its namespace when it is a DTMI's, else that of its Version, at least 1."""
    own = namespace.partition("/")[2] if namespace.startswith("dtmi:") else ""
    match = _VERSION.match(own or version)
    return max(1, int(match[1])) if match else 1


def interface_dtmi(namespace: str, name: str, version: int, taken: Container[str]) -> str:
    """The DTMI of a type; shortened to what DTDL allows, and numbered when it is taken."""
    path, number = dtmi_path(namespace), 1
    while True:
        label = dtdl_name(name) if number == 1 else f"{dtdl_name(name)}_{number}"
        room = _MAX_DTMI - len(label) - len(str(version)) - 2
        made = f"{path[:room].rstrip(':_')}:{label};{version}"
        if made not in taken:
            return made
        number += 1


def _segment(label: str) -> str:
    made = _LABEL.sub("_", label).strip("_")
    return f"n{made}" if made and not made[0].isalpha() else made
