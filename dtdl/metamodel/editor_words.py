"""What editors show about the terms of DTDL, in our own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

WORDS: Final[Mapping[str, str]] = {
    "Array": "A list of values of one schema.",
    "Command": "Something that can be asked of a twin, with a request and a response.",
    "CommandRequest": "What a Command takes.",
    "CommandResponse": "What a Command gives.",
    "Component": "A part of a twin that is described by an Interface of its own.",
    "Enum": "One of some named values.",
    "EnumValue": "One value of an Enum.",
    "Field": "One part of an Object.",
    "Interface": "What twins of one kind have: properties, telemetry, commands, relationships and components.",
    "Map": "Values of one schema under keys of the user's choice.",
    "Object": "A value with named fields.",
    "Property": "State of a twin: it has a value at any time.",
    "Relationship": "A link from a twin to other twins.",
    "Telemetry": "Measurements or events that a twin sends.",
    "comment": "A remark for authors of models.",
    "contents": "What twins of this Interface have.",
    "description": "An explanation for people; one text, or one for each language.",
    "displayName": "A name for people; one text, or one for each language.",
    "elementSchema": "The schema of the values of an Array.",
    "enumValue": "The value itself: an integer or a string, as valueSchema says.",
    "enumValues": "The values of an Enum.",
    "extends": "The Interfaces whose contents this one has too.",
    "fields": "The parts of an Object.",
    "mapKey": "What the keys of a Map are; they are strings.",
    "mapValue": "What the values of a Map are.",
    "maxMultiplicity": "How many targets a twin may have at most.",
    "minMultiplicity": "How many targets a twin must have; only 0 is allowed.",
    "name": "The name by which programs know it: letters, digits and underscores, with a letter first.",
    "nullable": "Whether the value may be null.",
    "properties": "What is known about each link of a Relationship.",
    "request": "What a Command takes.",
    "response": "What a Command gives.",
    "schema": "The kind of value: a primitive such as double, a schema written here, or the DTMI of one.",
    "schemas": "Schemas that the Interface uses by their DTMI.",
    "target": "The Interface that twins at the other end must have.",
    "unit": "The unit of the value; it must measure what the semantic type names.",
    "valueSchema": "Whether the values of an Enum are integers or strings.",
    "writable": "Whether the value may be set from outside.",
}
"""Class or property → a sentence."""
