"""Every rule of megatwin.yaml: its id, how bad it is, what it means and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from dtdl.diagnostic import Severity

FILE_NAME: Final = "megatwin.yaml"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        id: ``MT…``.
        summary: What is wrong, in a few words.
        explanation: Why it is wrong, for someone who meets it for the first time.
        remedy: What to do, one sentence.
        severity: How bad it is.
    """

    id: str
    summary: str
    explanation: str
    remedy: str
    severity: Severity = Severity.ERROR


_ALL: Final = (
    Rule("MT100", "The file is not UTF-8.",
         "Every text file that megatwin reads is UTF-8. The byte named is not part of any UTF-8 character.",
         "Save the file as UTF-8."),
    Rule("MT101", "The file is not YAML.",
         "The YAML reader could not go on from this place, so nothing after it was read.",
         "Correct the syntax here; often the cause is indentation, a missing space after ':' or an unclosed quote."),
    Rule("MT102", "A key is given twice.",
         "In one mapping a key may stand once; which of the two values is meant cannot be known.",
         "Remove one of the two."),
    Rule("MT103", "The file is too large.",
         "Size, depth, length of numbers and the number of values after aliases are bounded, so that a file cannot "
         "exhaust the process that reads it.",
         "Split the file, or write it without so many aliases."),
    Rule("MT104", "The YAML uses what megatwin.yaml has no use for.",
         "Keys are texts; tags other than those of the YAML 1.2 core schema are not read.",
         "Write the key as a text, or remove the tag."),
    Rule("MT105", "A value is of the wrong kind.",
         "The key takes another kind of value, such as a mapping where a text is written. In YAML 1.2 only true and "
         "false are booleans; yes, no, on and off are texts.",
         "Write the value in the form that the message names."),
    Rule("MT106", "A key is not known.",
         "The file has a fixed set of keys at each place, so that a typo cannot silently change what runs.",
         "Correct the key, or remove it."),
    Rule("MT107", "A key is missing.", "This entry cannot work without it.", "Add the key."),
    Rule("MT108", "A key belongs to a later release.",
         "The key is planned and does nothing yet. It is refused, since ignoring it would promise what is not done.",
         "Remove the key."),
    Rule("MT109", "A value is not allowed here.",
         "The value has the right kind but is out of range, not of the set, or not of the form that is needed. "
         "Durations and sizes carry a unit: 500 ms, 5 s, 1 min, 64 MiB.",
         "Write a value that the message allows."),
    Rule("MT110", "A file that is named does not exist.",
         "Paths in megatwin.yaml are relative to the folder that it is in.",
         "Correct the path, or put the file there."),
    Rule("MT111", "An environment variable is not set.",
         "env:NAME takes the value of the environment variable NAME of the process that reads the file.",
         "Set the variable before you start megatwin."),
    Rule("MT112", "A secret is written in the file.",
         "megatwin.yaml is meant for version control; keys and passwords come from the environment.",
         "Put the secret into an environment variable and write env:NAME."),
    Rule("MT113", "An address is not HOST:PORT.",
         "A server listens on a host and a port from 0 to 65535; port 0 asks for any free one.",
         "Write an address such as 127.0.0.1:8080 or [::1]:8080."),
    Rule("MT114", "An address is open to other machines.",
         "Without rules of access everyone who reaches the port may read and write every twin, and through it the "
         "plant. So only addresses of this machine itself are served.",
         "Listen on 127.0.0.1 or [::1], and put a proxy that authenticates before it."),
    Rule("MT115", "An override cannot be applied.",
         "--set takes a path of keys and a value in YAML: serve.http=127.0.0.1:0. A key that holds a dot stands in "
         "double quotes.",
         "Write --set a.b.c=value."),
    Rule("MT116", "Two servers have one address.",
         "Only one server can listen on a port.", "Give each its own port."),
    Rule("MT120", "There are no models.",
         "A twin is an instance of a DTDL Interface, so at least one definition is needed.",
         "Name the folder or the files of your DTDL under models:."),
    Rule("MT121", "A DTMI is not defined.",
         "None of the loaded definitions has this identifier.",
         "Correct the identifier, or add the file that defines it under models:."),
    Rule("MT122", "A twin has no model.",
         "Each twin is an instance of exactly one DTDL Interface.", "Add model: with the DTMI of an Interface."),
    Rule("MT123", "A DTMI is not an Interface.",
         "Twins are instances of Interfaces; other elements, such as schemas, have no instances of their own.",
         "Name the DTMI of an Interface."),
    Rule("MT124", "A twin's id cannot be used.",
         "An id has 1 to 128 characters, and is used in addresses of points; letters, digits and - . + % _ # * ? ! ( ) "
         ", = @ $ ' ~ are allowed.",
         "Use another id."),
    Rule("MT125", "A value that a new twin starts with is refused by its model.",
         "properties: gives values of a new twin; they must fit the DTDL schemas.", "Correct the value."),
    Rule("MT130", "A source does not say what it is.",
         "One key of each source tells its kind, and where it is: opcua, fmu, …. There must be exactly one such key.",
         "Give exactly one of the kinds that the message names."),
    Rule("MT131", "The adapter of a kind of source cannot be loaded.",
         "The package that registers this kind of source is broken or incomplete.", "Repair or remove that package."),
    Rule("MT132", "A source is not known.",
         "bind: names sources that stand under sources:.", "Correct the name, or add the source."),
    Rule("MT133", "A source is not used.",
         "No twin binds anything to this source, so it would be opened for nothing.",
         "Bind something to it, or remove it.", Severity.WARNING),
    Rule("MT134", "A simulation beside a plant does not run in real time.",
         "A plant lives at the pace of the clock. A simulation that is faster or slower has other times, and values of "
         "both would be mixed.",
         "Write factor: 1, or give the plant and the simulation a file each."),
    Rule("MT140", "The model has no such content.",
         "What is bound, computed or connected is a Property, Telemetry or Command of the twin's Interface, of one of "
         "its Components, or a member of an Object: tilt, motor/speed, position/x.",
         "Write a name that the model has."),
    Rule("MT141", "The model does not let this be written.",
         "write: true sends what clients write to the source. DTDL allows that for a Property with writable: true; "
         "Commands are bound under commands:.",
         "Remove write: true, or make the Property writable in the model."),
    Rule("MT142", "The source does not let this be written.",
         "The source only gives this value: an output of an FMU, for instance, is computed by it.",
         "Remove write: true, or bind an address that takes values."),
    Rule("MT143", "A unit cannot be converted.",
         "The unit of the source and that of the model measure different things, or one of the two has no unit.",
         "Correct unit:, or the unit in the model."),
    Rule("MT144", "A unit is not known.",
         "Units are written with their DTDL name, such as degreeCelsius, or a common symbol, such as °C or kW.",
         "Use a DTDL unit."),
    Rule("MT146", "Two active bindings give one point.",
         "A point has one source at a time: one binding, one roll-up or one connection. Which of two should win cannot "
         "be known.",
         "Remove one, or mark one binding with standby: true."),
    Rule("MT147", "Only numbers are scaled and converted.",
         "scale, offset and unit have a meaning for numbers only.", "Remove scale, offset and unit."),
    Rule("MT148", "The source cannot match names by itself.",
         "auto: true looks for the model's names in the source; this kind of source cannot do that.",
         "Write each binding under map:."),
    Rule("MT149", "The source cannot run commands.",
         "commands: binds Commands to something that can be called; this kind of source has nothing of the sort.",
         "Remove the command from commands:."),
    Rule("MT150", "The model has no such Relationship.",
         "A relationship between twins is an instance of a Relationship that the source twin's Interface has.",
         "Use a Relationship of the model, or add it there."),
    Rule("MT151", "A Relationship does not allow this target.",
         "The Relationship names the Interface that its targets must be, or extend.",
         "Relate it to a twin of that Interface."),
    Rule("MT152", "A twin is not known.",
         "Connections and relationships name twins that stand under twins:.", "Correct the name, or add the twin."),
    Rule("MT153", "Two relationships of one twin have one id.",
         "The id of a relationship is unique among those that start at the same twin; without id: it is "
         "FROM-NAME-TO.",
         "Give one of them an id: of its own."),
    Rule("MT154", "A property of a relationship is refused by the model.",
         "A relationship has the properties that the Relationship in the model defines.", "Correct the property."),
    Rule("MT155", "A Relationship has more targets than the model allows.",
         "maxMultiplicity in the model bounds how many relationships of this name may start at one twin.",
         "Remove a relationship, or change the model."),
    Rule("MT160", "A roll-up cannot be read.",
         "A roll-up is written FUNCTION(parts/PATH) with sum, mean, min or max, such as sum(parts/power).",
         "Write it in that form."),
    Rule("MT161", "What is computed is not a number.",
         "Sums, means and extremes need numbers, in the parts and in the whole.",
         "Choose a numeric Property or Telemetry."),
    Rule("MT162", "No part has the value that is rolled up.",
         "None of the models that the parts of this twin have holds this path.",
         "Correct the path, or the parts."),
    Rule("MT163", "Units cannot be combined.",
         "The unit of a value that goes in cannot be converted to the unit of the value that comes out.",
         "Choose values that measure the same."),
    Rule("MT164", "A roll-up has no parts.",
         "parts: {relationship: NAME} tells which twins are the parts of this one.",
         "Add parts: to the twin."),
    Rule("MT165", "The twin has no part yet.",
         "No relationship of this file makes another twin its part. Parts may still be added while it runs.",
         "Add relationships: if parts were forgotten.", Severity.WARNING),
    Rule("MT170", "An address is not a point.",
         "A point is written TWIN/PROPERTY, TWIN/COMPONENT/PROPERTY or TWIN/PROPERTY/MEMBER, with ~1 for / and ~0 for "
         "~.",
         "Write the address in that form."),
    Rule("MT171", "Values depend on themselves.",
         "Connections and roll-ups are computed one after the other; these lead in a circle, so none can be first.",
         "Remove one of the connections or roll-ups of the circle."),
    Rule("MT172", "Values of these kinds cannot be connected.",
         "The value that follows must have a schema that takes the values it follows.",
         "Connect values of the same schema."),
    Rule("MT180", "A stored state does not fit the model.",
         "The ledger holds values of a twin that its model, as it is now, refuses. Values are never dropped silently, "
         "so the start is refused.",
         "Change the model so that it fits, or correct the value with the old model first."),
)  # fmt: skip

RULES: Final[Mapping[str, Rule]] = MappingProxyType({rule.id: rule for rule in _ALL})
"""By id."""
