"""Every rule that a finding can name, whichever part of megatwin finds it; the words of those that sources find."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from dtdl.compiler.findings import RULES as VALUES
from dtdl.diagnostic import Severity
from dtdl.rules.words import OWN, WORDS
from interop.changes import CHANGE_RULES
from interop.config.rules import RULES, Rule
from interop.rdf.rules import RULES as GRAPHS
from interop.ssp_rules import SSP_RULES
from interop.validate.rules import RULES as DATA

PREFIX: Final = "dtmi:dtdl:parsingError:"
"""How the published ids of DTDL's rules begin."""

_FMI: Final = "The file is not what the FMI standard says that a modelDescription.xml is, so it cannot be relied on. "
_EXPORT: Final = "Export the FMU again with a tool that follows FMI 2.0 or 3.0, or correct the file."

_ADVICE: Final = "The language allows it, and its specification advises against it."
_UNDEFINED: Final = "Nothing can be compiled from a definition that refers to what is not there."
_SEVERITIES: Final = {"MT004": Severity.ERROR, "MT016": Severity.INFO}
"""How bad our own rules of definitions are; all others advise."""

_TEXTS: Final = (
    Rule("MT001", "The file is not JSON.", "The reader could not go on from this place.",
         "Correct the syntax here, or just before."),
    Rule("MT002", "The file is not Unicode text.", "JSON is UTF-8, and every character of a string is a whole one.",
         "Save the file as UTF-8."),
    Rule("MT003", "The nesting is too deep.",
         "Depth is bounded, so that a file cannot exhaust the process that reads it.",
         "In definitions give nested elements an @id and refer to them; write data flatter."),
)  # fmt: skip

_FMU: Final = (
    Rule("MT201", "An FMU cannot be opened.",
         "It is missing, is no zip archive, or is an archive that unpacking refuses for its size, its count of files, "
         "or names that lead out of its folder.",
         "Give the path of an .fmu, or library:<Name> for one that ships."),
    Rule("MT202", "An FMU has neither co-simulation nor model exchange.",
         "A source runs an FMU in steps: its own (co-simulation), or those of an integrator of ours (model exchange). "
         "Scheduled execution is not run.",
         "Export it for co-simulation or model exchange."),
    Rule("MT203", "An FMU has no binary for this platform.",
         "The behaviour of an FMU is machine code; this one has none for the operating system and processor here.",
         "Build it for this platform, or export it with its sources."),
    Rule("MT204", "An FMU has no such variable.", "Addresses of an FMU are names of variables in its description.",
         "Correct the name; megatwin fmu info shows all."),
    Rule("MT205", "A variable's type does not fit the schema.",
         "Values are not silently turned into others: an Integer of the model needs an integer variable, and so on.",
         "Bind a variable of a fitting type, or change the schema."),
    Rule("MT206", "A variable's unit cannot be converted.",
         "The unit of the variable and that of the model measure different things.",
         "Bind another variable, or correct the model's unit."),
    Rule("MT207", "A variable's unit has no DTDL name.",
         "The FMU names a unit that no table knows, so its numbers are taken as they are.",
         "Give the binding a unit: and a scale:.", Severity.WARNING),
    Rule("MT208", "A start value or parameter is not accepted.",
         "It names a variable that is not there or takes none, or the value has the wrong type, unit or range.",
         "Correct the entry under parameters: or start:."),
    Rule("MT209", "An FMU has no commands.", "FMI knows variables only.", "Bind the Command to a plant."),
    Rule("MT230", "The step is not the one that the FMU announces.",
         "The FMU says that it runs with a fixed step; another one may be refused when it runs.",
         "Write the step that the FMU announces.", Severity.WARNING),
    Rule("MT231", "FMPy finds something in an FMU.",
         "megatwin fmu validate asks FMPy, another importer, as well: about the XML schema, names, start values, units "
         "and the model structure. We can run the FMU; another tool may refuse it.",
         "Correct the file, or ask its author.", Severity.WARNING),
    Rule("MT232", "terminalsAndIcons.xml has a fault.",
         "It is not readable, or a terminal names a variable that the FMU does not have. The FMU runs all the same.",
         "Correct the file, or export the FMU again.", Severity.WARNING),
    Rule("MT233", "An enumeration has a value that its other side lacks.",
         "The FMU can give a value that the Enum of the model does not have, or the model allows one that the FMU does "
         "not take.",
         "Give the Enum the values of the FMU's enumeration.", Severity.WARNING),
    Rule("MT234", "A connection of the file is not simulated.",
         "megatwin sim runs FMUs only: a connection from a point of another source, one that joins several values, or "
         "one over a scaled binding is left out, and its target is an input of the system.",
         "Give the value with --in.", Severity.WARNING),
    Rule("MT270", "Two things of a system have one name.",
         "Instances, inputs and outputs of a system are found by their names.", "Give each its own name."),
    Rule("MT271", "A system has no such instance.", "A connection or connector names an instance that is not there.",
         "Correct the name, or add the instance."),
    Rule("MT272", "An instance has no such variable.", "Ports are names of variables in the FMU's description.",
         "Correct the name; megatwin fmu info shows all."),
    Rule("MT273", "A variable cannot be set while a system runs.",
         "A connection ends at an input or at a tunable parameter.", "Connect to another variable."),
    Rule("MT274", "Connected variables have types that do not fit.",
         "Integers become real numbers and integers of other sizes, all else stays what it is.",
         "Give the connection a mapping, or connect variables of fitting types."),
    Rule("MT275", "Connected variables have different sizes.", "An array is connected as a whole.",
         "Connect variables of one size; structural parameters change it."),
    Rule("MT276", "The units of connected variables do not fit.",
         "They measure different things, or nothing defines one of them.",
         "Give the connection a transformation, or switch the conversion of units off."),
    Rule("MT277", "A mapping does not fit its connection.",
         "Its values are of other types than the variables, or it is empty.", "Correct the mapping."),
    Rule("MT278", "An input is set by two sources.", "Each input has one connection or connector.",
         "Leave one of them out."),
    Rule("MT279", "Nothing sets an input.", "It has no connection, no connector and no start value.",
         "Connect it, or give it a start value.", Severity.WARNING),
    *(
        Rule(identity, summary, _FMI + more, _EXPORT)
        for identity, summary, more in (
            ("MT210", "The archive has no modelDescription.xml.", "It must stand at the top of the archive."),
            ("MT211", "modelDescription.xml is not XML.", "The XML reader could not go on from this place."),
            ("MT212", "The root element is wrong.", "It must be fmiModelDescription."),
            ("MT213", "The FMI version is not supported.", "Versions 1.0, 2.0 and 3.0 are."),
            ("MT214", "A model identifier is no identifier of C.", "It is part of the names of C functions."),
            ("MT215", "No interface type is there.", "There must be co-simulation or model exchange."),
            ("MT216", "A unit is defined twice.", "Names of units are unique."),
            ("MT217", "A type definition names no type.", "It must say of which type it is."),
            ("MT218", "An element is missing.", "ModelVariables and ModelStructure are required."),
            ("MT219", "Two variables have one name.", "Names of variables are unique."),
            ("MT220", "A variable has no known type.", "Each version of FMI has a fixed set of types."),
            ("MT221", "A declared type is not defined.", "declaredType names an entry of TypeDefinitions."),
            ("MT222", "A value is not of its type.", "Start values and bounds are of the type of their variable."),
            ("MT223", "A value reference is wrong.", "It is a number of 32 bits that every variable has."),
            ("MT224", "The model structure names what is not there.", "Outputs and unknowns refer to variables."),
            ("MT225", "An attribute is missing.", "The standard requires it."),
            ("MT226", "An attribute has a value that FMI does not know.", "The standard lists what is allowed."),
        )
    ),
)  # fmt: skip

_NODESET: Final = (
    *(
        Rule(identity, summary, "The file is not what OPC 10000-6, Annex F, says that a NodeSet2 is. " + more, action)
        for identity, summary, more, action in (
            ("MT320", "A NodeSet2 is not XML, or has a DOCTYPE.",
             "A document type declaration can make a small file unfold without end, so it is refused before it acts.",
             "Give a well-formed file without a document type declaration."),
            ("MT321", "An element is not one of a NodeSet2.",
             "The root is UANodeSet, and what stands in it is named by the schema.", "Remove it, or correct its name."),
            ("MT322", "A NodeId or name is of no namespace.", "An index counts the entries of NamespaceUris.",
             "Add the URI to NamespaceUris, or correct the index."),
            ("MT323", "Two nodes have one NodeId.", "A NodeId stands for one node.",
             "Give each node a NodeId of its own."),
            ("MT324", "An attribute is missing.", "Each node has a NodeId and a BrowseName, each Model a ModelUri.",
             "Write the attribute."),
            ("MT325", "A text is no NodeId and no alias.", "Aliases are defined in Aliases.",
             "Write a NodeId, or add the alias."),
            ("MT326", "An attribute has a value that it cannot have.", "Numbers and booleans have a range.",
             "Correct the value."),
            ("MT327", "A node is missing from its own model.",
             "Parents, supertypes, type definitions and data types must be there. Other models are not looked into.",
             "Add the node, or correct the NodeId."),
            ("MT329", "A type is a subtype of itself.", "HasSubtype forms a tree.",
             "Remove one of the references of the circle."),
        )
    ),
    Rule("MT328", "A required model is not given, or is older.",
         "Types that the model defines cannot be looked into, so they are taken by their name alone.",
         "Give its NodeSet2 file as well.", Severity.INFO),
    Rule("MT330", "A type is a subtype of nothing.", "Every type has a supertype in the standard or in another model.",
         "Add a HasSubtype reference.", Severity.WARNING),
    Rule("MT331", "A node has no type.", "Objects and Variables have a type definition.",
         "Add a HasTypeDefinition reference.", Severity.WARNING),
    Rule("MT340", "DTDL cannot say something of an OPC UA node.",
         "An import keeps it in the comment of the element, after the words OPC UA, as a JSON object.",
         "Nothing is to be done.", Severity.INFO),
)  # fmt: skip

_OPCUA: Final = (
    Rule("MTOPCUA01", "An address of an OPC UA server cannot be used.",
         "An address is a browse path such as prefix:Name/prefix:Name, or a node id with the URI of its namespace. A "
         "namespace by its index is refused: the index may change each time the server starts; the URI does not. "
         "Prefixes stand under namespaces: of the source.",
         "Write prefix:Name with a prefix under namespaces:, or nsu=URI;s=identifier."),
    Rule("MTOPCUA02", "A prefix of a namespace is a number.",
         "It could not be told from the index of a namespace.", "Use a prefix that is no number."),
    Rule("MTOPCUA03", "A link to a plant is not secured.",
         "Without signature and encryption everyone on the way can read and change what is sent.",
         "Remove security: none, and let the two sides trust each other's certificates.", Severity.WARNING),
)  # fmt: skip


def find_tables() -> Mapping[str, Sequence[Rule]]:
    """Gives the rules by the part of megatwin that finds them; an id is in one table only."""
    return {
        "texts": _TEXTS,
        "advice on definitions": tuple(_advice()),
        "configurations": tuple(RULES.values()),
        "FMUs": _FMU,
        "system structures": SSP_RULES,
        "values": tuple(Rule(identity, *words) for identity, words in VALUES.items()),
        "data": tuple(DATA.values()),
        "graphs": tuple(GRAPHS.values()),
        "OPC UA": _OPCUA,
        "NodeSet2": _NODESET,
        "changes": CHANGE_RULES,
        "definitions": tuple(_of_dtdl()),
    }


def find_rules() -> Mapping[str, Rule]:
    """Gives all rules by id: our own in order, then those of DTDL by their published id."""
    known = {rule.id: rule for table in find_tables().values() for rule in table}
    return dict(sorted(known.items(), key=lambda pair: (pair[0].startswith(PREFIX), pair[0])))


def _advice() -> Iterable[Rule]:
    for identity, (cause, action) in OWN.items():
        severity = _SEVERITIES.get(identity, Severity.WARNING)
        why = _UNDEFINED if severity is Severity.ERROR else _ADVICE
        yield Rule(identity, _without_braces(cause), why, _without_braces(action), severity)


def _of_dtdl() -> Iterable[Rule]:
    for name, (cause, action) in WORDS.items():
        yield Rule(
            PREFIX + name,
            _without_braces(cause),
            "DTDL definitions that break this rule are refused by every tool that follows the specification.",
            _without_braces(action),
        )


def _without_braces(text: str) -> str:
    # What is only added where there is something to add says nothing in general.
    return re.sub(r"\{(\w+)[^}]*\}", r"<\1>", re.sub(r"\{(?:hint|place)\}", "", text))


def to_markdown(rules: Mapping[str, Rule]) -> str:
    """Writes docs/rules.md."""
    parts = [
        "# Rules\n",
        "What `megatwin check` may find. `megatwin explain RULE` shows the same text. This page is generated.\n",
    ]
    for rule in rules.values():
        if rule.id.startswith(PREFIX):
            continue
        parts += [f"## {rule.id}: {rule.summary}\n", f"*{rule.severity}.* {rule.explanation}\n"]
        parts.append(f"**What to do:** {rule.remedy}\n")
    parts += ["## Rules of DTDL\n", f"Their ids begin with `{PREFIX}`.\n", "| Rule | What is wrong | What to do |"]
    parts[-1] += "\n|---|---|---|"
    rows = [
        f"| `{rule.id.removeprefix(PREFIX)}` | {_cell(rule.summary)} | {_cell(rule.remedy)} |"
        for rule in rules.values()
        if rule.id.startswith(PREFIX)
    ]
    return "\n".join(parts) + "\n" + "\n".join(rows) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
