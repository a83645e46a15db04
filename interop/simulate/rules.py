"""Every rule of FMUs: of their modelDescription.xml, of a source that runs one, and of bindings to its variables."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from dtdl.diagnostic import Severity
from interop.config.rules import Rule

_EXPORT: Final = "Correct the modelDescription.xml, or export the FMU again."

_ALL: Final = (
    Rule("MT201", "The FMU cannot be read.",
         "The file is missing, is no zip archive, or is one that unpacking refuses: an FMU comes from elsewhere, so "
         "sizes, names and links in it are bounded.",
         "Give the path of a sound .fmu, or library:<Name> for one that ships."),
    Rule("MT202", "The FMU has no co-simulation.",
         "Only the co-simulation interface is run. Model exchange needs a solver, and scheduled execution a scheduler.",
         "Export it for co-simulation."),
    Rule("MT203", "The FMU has no binary for this platform.",
         "An FMU holds native code, one binary for each platform. The finding names the platforms that it has.",
         "Build it from its sources with megatwin fmu build, or export it for this platform."),
    Rule("MT204", "The FMU has no such variable.",
         "Variables are addressed by the names of the modelDescription.xml, letter by letter.",
         "Correct the name; megatwin fmu info lists them."),
    Rule("MT205", "The type of the variable does not fit the schema.",
         "A Float64 may be any number, so it is not read into an integer; a Boolean is no number. For an input it is "
         "the other way round: what DTDL allows, the variable must take.",
         "Bind a variable of a fitting type, or change the schema."),
    Rule("MT206", "The unit of the variable cannot be converted to the model's.",
         "Both sides name a unit, and the two measure different things.",
         "Bind another variable, or correct one of the units."),
    Rule("MT207", "The unit of the variable is not known.",
         "The FMU names a unit that DTDL has no name for, so the numbers are taken as they are.",
         "Give the binding unit: and scale:.", Severity.WARNING),
    Rule("MT208", "A parameter or start value cannot be set.",
         "There is no such variable, it takes no start value, or the value has another type, another kind of unit, or "
         "lies outside the range that the FMU declares.",
         "Correct the name or the value."),
    Rule("MT209", "A Command is bound to an FMU.", "FMI has variables and no methods.", "Bind it to a plant."),
    Rule("MT210", "The archive has no modelDescription.xml.",
         "An FMU has it at the top of the archive; often all files were zipped inside one folder.",
         "Put the files at the top of the archive."),
    Rule("MT211", "The modelDescription.xml is not readable XML.",
         "It is not well-formed, is nested too deep, or has a document type declaration, which FMI never uses and "
         "which could make a reader fetch or expand anything.", _EXPORT),
    Rule("MT212", "The XML is no modelDescription.", "Its root element is not fmiModelDescription.", _EXPORT),
    Rule("MT213", "The FMI version is not supported.", "FMI 1.0, 2.0 and 3.0 are read.",
         "Export the FMU as 2.0 or 3.0."),
    Rule("MT214", "The modelIdentifier is no identifier.",
         "It is the name of the binary and of C functions, so it has letters, digits and underscores only.", _EXPORT),
    Rule("MT215", "The FMU implements nothing.",
         "Neither CoSimulation nor ModelExchange nor ScheduledExecution is there.", _EXPORT),
    Rule("MT216", "A unit is defined twice.", "Which of the two is meant cannot be known.", _EXPORT),
    Rule("MT217", "A type definition names no type.", "A SimpleType holds one of Real, Integer, Boolean, String or "
         "Enumeration.", _EXPORT),
    Rule("MT218", "A part of the description is missing.", "ModelVariables and ModelStructure are required.", _EXPORT),
    Rule("MT219", "Two variables have one name.", "Names are unique in an FMU.", _EXPORT),
    Rule("MT220", "A variable has a type that its FMI version lacks.",
         "FMI 2.0 has Real, Integer, Boolean, String and Enumeration inside ScalarVariable; FMI 3.0 names the type as "
         "the element.", _EXPORT),
    Rule("MT221", "A declared type is not defined.", "TypeDefinitions has no type of this name.", _EXPORT),
    Rule("MT222", "A value is none of its type.",
         "The text is no number, or is outside the range of the integer type.", _EXPORT),
    Rule("MT223", "A value reference is missing or too large.", "It is an integer from 0 to 4294967295.", _EXPORT),
    Rule("MT224", "The model structure names a variable that is not there.",
         "FMI 2.0 counts variables from 1, FMI 3.0 writes value references.", _EXPORT),
    Rule("MT225", "An attribute is missing.", "FMI requires it.", _EXPORT),
    Rule("MT226", "An attribute has a value that FMI does not know.", "It takes one of a fixed set of words.", _EXPORT),
    Rule("MT230", "The step is not the one that the FMU announces.",
         "The FMU does not say that it can handle steps of any length, and its default experiment has another one. "
         "Some such FMUs run nevertheless, others refuse.",
         "Write that step.", Severity.WARNING),
)  # fmt: skip

RULES: Final[Mapping[str, Rule]] = MappingProxyType({rule.id: rule for rule in _ALL})
"""Id → rule."""
