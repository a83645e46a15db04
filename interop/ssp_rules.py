"""The words of the rules of system structures: SSP, SSD, SSV, SSM and SSB."""

from __future__ import annotations

from typing import Final

from dtdl.diagnostic import Severity
from interop.config.rules import Rule

_SSP: Final = "The file is not what the SSP standard says, so it cannot be relied on. "
_EXPORT: Final = "Correct the file, or export it again with a tool that follows SSP 1.0 or 2.0."
_WARNING: Final = Severity.WARNING

SSP_RULES: Final = (
    Rule("MT240", "A file of a system structure cannot be read.",
         "It is no XML, is too large or too deep, has a document type declaration, or its archive is not sound.",
         "Correct the XML, or pack the archive again."),
    Rule("MT241", "The root element is wrong.", _SSP + "Each of the formats has a root element of its own.", _EXPORT),
    Rule("MT242", "The version of SSP is not known.", "Versions 1.0 and 2.0 are.", "Write version 1.0 or 2.0."),
    Rule("MT243", "SSP has no such element, attribute or text.",
         _SSP + "What a tool adds belongs into an Annotation.", "Remove or correct it."),
    Rule("MT244", "An attribute or element is missing.", _SSP + "The standard requires it.", "Add it."),
    Rule("MT245", "A value is not of its type.", _SSP + "The standard says of which type each attribute is.",
         "Correct the value."),
    Rule("MT246", "Something of another standard stands where SSP has no place for it.",
         "It is kept and written again, and other tools may refuse it.", "Put it into an Annotation.", _WARNING),
    Rule("MT247", "An element stands in the wrong order, or twice.",
         "SSP gives the elements an order. A wrong order is read, and written in the right one; of two elements that "
         "may stand once, it is not known which is meant.", "Put the elements into the order of the standard."),
    Rule("MT248", "Two things have one name.",
         "Names of elements, connectors, parameters, units and enumerations are unique where they stand, ids in a "
         "file.",
         "Rename one of the two."),
    Rule("MT249", "A unit or an enumeration is not defined.",
         "Every file defines the units and enumerations that it names. Without a definition a unit is taken as SI "
         "symbols, or by its name alone.", "Define it under Units or Enumerations.", _WARNING),
    Rule("MT250", "A source is not there, or cannot be read.",
         "Without an FMU a structure can be read and not run; parameters and mappings must be there to read it.",
         "Add the file, or correct source."),
    Rule("MT251", "A source leads out of the system structure.",
         "Sources are relative and stay inside the archive or folder. Nothing is fetched from a network.",
         "Put the file into the archive or folder."),
    Rule("MT252", "A connection names what is not there.",
         "It must name a connector of its own system, or of an element directly in it.", "Correct the connection."),
    Rule("MT253", "Two connectors of these kinds cannot be connected.",
         "The kinds say which of the two gives the value. SSP lists the pairs that are allowed; where the direction is "
         "clear all the same, it is a warning.", "Correct the kind of one of the two connectors."),
    Rule("MT254", "A connector is fed more than once, or in a circle.",
         "Each connector that takes a value has one connection, and at its beginning there is an FMU or an input.",
         "Remove a connection."),
    Rule("MT255", "A parameter is not used.",
         "Nothing has its name, or what has it takes no start value. SSP ignores such parameters.",
         "Correct the name, or remove the parameter.", _WARNING),
    Rule("MT256", "An entry of a parameter mapping is wrong.",
         "Its source is the name of a parameter; two entries have different targets.", "Correct the entry."),
    Rule("MT257", "Types do not fit.",
         "A value is not silently turned into one of another type; whole numbers are numbers.",
         "Connect what is of one type, or add a mapping."),
    Rule("MT258", "Units cannot be converted.",
         "They measure different things; or one is not known, and the value is taken as it is.",
         "Correct or define the unit, or set suppressUnitConversion."),
    Rule("MT259", "A signal dictionary or a signal is not there.",
         "A reference means the dictionary of its own system, else of the nearest system around.",
         "Add the dictionary, or correct the name."),
    Rule("MT260", "A type is not supported.",
         "FMUs for co-simulation and model exchange, SSDs and SSPs are run; parameters are read from SSV and SSM.",
         "Take a component or a file of a supported type."),
    Rule("MT261", "A part of SSP is not run.",
         "Single elements of arrays, clocks, and parameters that change while the system runs are read and written, "
         "and not run.", "Connect whole arrays, and inputs with outputs."),
    Rule("MT262", "A system structure holds itself, or is too large.",
         "Nested files are bounded in depth and number, so that a small file cannot exhaust the process that reads it.",
         "Remove the component."),
    Rule("MT263", "A transformation cannot be applied.",
         "A mapping has no entry for the value, an enumeration has no such item, or the value is no number.",
         "Change the transformation."),
    Rule("MT264", "There is no SystemStructure.ssd.",
         "It stands at the top of every .ssp; other variants stand beside it.",
         "Put the files at the top of the archive, not into a folder."),
    Rule("MT265", "The file says SSP 1.0 and uses 2.0.",
         "It is read all the same; a tool that knows 1.0 only may refuse it.", 'Write version="2.0".', _WARNING),
)  # fmt: skip
