"""terminalsAndIcons.xml: which variables belong together, and whether there is an icon (FMI 3.0, 2.4.9)."""

from __future__ import annotations

from typing import Final, NamedTuple

from dtdl.diagnostic import Diagnostic, Location, Severity
from dtdl.markup import Element, MarkupInvalid, parse
from fmu.description import Terminal, Variable

FILE_NAME: Final = "terminalsAndIcons/terminalsAndIcons.xml"
ICONS: Final = ("terminalsAndIcons/icon.png", "terminalsAndIcons/icon.svg", "model.png")


class Found(NamedTuple):
    """What the file says, and what is wrong with it."""

    terminals: tuple[Terminal, ...]
    warnings: tuple[Diagnostic, ...]


def read_terminals(data: bytes, file: str, variables: dict[str, Variable]) -> Found:
    """Reads the bytes of one terminalsAndIcons.xml.

    Args:
        data: The file.
        file: Its name for findings.
        variables: Of the FMU, by name; a member that names another one is a warning.
    """
    try:
        root = parse(data)
    except MarkupInvalid as error:
        where = Location(file, line=error.line, column=error.column)
        return Found((), (_warning(where, f"not readable XML: {error.reason}."),))
    reader = _Reader(file, variables)
    if root.tag != "fmiTerminalsAndIcons":
        reader.report(root, f"the root element is <{root.tag}>, not <fmiTerminalsAndIcons>.")
        return Found((), tuple(reader.found))
    section = root.first("Terminals")
    terminals = tuple(reader.terminal(element) for element in (section.all("Terminal") if section else ()))
    return Found(terminals, tuple(reader.found))


class _Reader:
    def __init__(self, file: str, variables: dict[str, Variable]) -> None:
        self.found: list[Diagnostic] = []
        self._file = file
        self._variables = variables

    def terminal(self, element: Element) -> Terminal:
        """One terminal with those inside it; the depth of elements is bounded."""
        text = element.attributes
        members: list[tuple[str, str]] = []
        for member in element.all("TerminalMemberVariable"):
            name = member.attributes.get("variableName", "")
            if name not in self._variables:
                self.report(
                    member, f"the terminal {text.get('name', '')!r} names the variable {name!r}, which is not there."
                )
            members.append((member.attributes.get("memberName", ""), name))
        if "name" not in text:
            self.report(element, "<Terminal> lacks the attribute name.")
        return Terminal(
            name=text.get("name", ""),
            matching_rule=text.get("matchingRule", ""),
            kind=text.get("terminalKind", ""),
            description=text.get("description", ""),
            members=tuple(members),
            terminals=tuple(self.terminal(inner) for inner in element.all("Terminal")),
        )

    def report(self, element: Element, cause: str) -> None:
        self.found.append(_warning(Location(self._file, line=element.line, column=element.column), cause))


def _warning(where: Location, cause: str) -> Diagnostic:
    return Diagnostic(
        rule="MT232",
        severity=Severity.WARNING,
        location=where,
        cause=cause,
        action="Correct terminalsAndIcons.xml, or export the FMU again; what is wrong in it is left out.",
    )
