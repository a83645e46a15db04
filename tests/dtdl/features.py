"""Definitions that between them use every feature that is compiled."""

from __future__ import annotations

import json

PRIMITIVES = (
    "boolean", "byte", "bytes", "date", "dateTime", "decimal", "double", "duration", "float", "integer", "long",
    "short", "string", "time", "unsignedByte", "unsignedInteger", "unsignedLong", "unsignedShort", "uuid",
)  # fmt: skip
ROOM = {
    "@context": [
        "dtmi:dtdl:context;4", "dtmi:dtdl:extension:quantitativeTypes;3", "dtmi:dtdl:extension:annotation;2",
        "dtmi:dtdl:extension:requirement;1", "dtmi:dtdl:extension:historization;2",
    ],
    "@id": "dtmi:acme:Room;1", "@type": "Interface", "extends": "dtmi:acme:Space;1",
    "displayName": {"en": "Room", "de": "Raum", "fr": "Pièce"}, "description": {"de": "Ein Raum."},
    "comment": "for tests",
    "contents": [
        {"@type": ["Property", "Temperature", "Historized"], "name": "temperature", "schema": "double",
         "unit": "degreeCelsius", "displayName": {"en": "Temperature", "de": "Temperatur"}},
        {"@type": ["Property", "ValueAnnotation"], "name": "confidence", "schema": "double",
         "annotates": "temperature"},
        {"@type": "Property", "name": "mode", "writable": True, "schema": {"@type": "Enum", "valueSchema": "string",
         "displayName": "Mode", "enumValues": [
            {"name": "off", "enumValue": "OFF", "displayName": {"en": "Off", "de": "Aus"}},
            {"name": "on", "enumValue": "it's"}, {"name": "title", "enumValue": "T"},
            {"name": "None", "enumValue": "N"}, {"name": "value", "enumValue": "V"}]}},
        {"@type": "Property", "name": "level", "schema": {"@type": "Enum", "valueSchema": "integer", "enumValues": [
            {"name": "low", "enumValue": 0}, {"name": "high", "enumValue": 1}]}},
        {"@type": "Property", "name": "modes", "schema": {"@type": "Array", "elementSchema": {"@type": "Enum",
         "@id": "dtmi:acme:Kind;1", "valueSchema": "string", "enumValues": [{"name": "a", "enumValue": "A"}]}}},
        {"@type": ["Telemetry", "Power"], "name": "load", "schema": "double", "unit": "kilowatt"},
        {"@type": "Telemetry", "name": "motion", "schema": {"@type": "Object", "fields": [
            {"@type": ["Field", "Required"], "name": "class", "schema": "string"}, {"name": "n", "schema": "short"}]}},
        {"@type": "Command", "name": "reset",
         "request": {"name": "delay", "schema": "duration", "description": "How long."},
         "response": {"name": "ok", "schema": "boolean", "nullable": True}},
        {"@type": "Command", "name": "ping"},
        {"@type": "Relationship", "name": "serves", "target": "dtmi:acme:Space;1", "maxMultiplicity": 2,
         "displayName": {"de": "versorgt"}, "properties": [
            {"@type": "Property", "name": "since", "schema": "date", "displayName": {"de": "seit"}}]},
        {"@type": "Relationship", "name": "near"},
    ],
}  # fmt: skip
SPACE = {
    "@context": "dtmi:dtdl:context;4", "@id": "dtmi:acme:Space;1", "@type": "Interface",
    "contents": [{"@type": "Property", "name": "name", "schema": "string", "description": {"de": "Name"}}],
}  # fmt: skip
EVERY = {
    "@context": ["dtmi:dtdl:context;4", "dtmi:dtdl:extension:quantitativeTypes;3"],
    "@id": "dtmi:acme:Every;1", "@type": "Interface", "extends": ["dtmi:acme:Room;1", "dtmi:acme:Fan;2"],
    "schemas": [
        {"@id": "dtmi:acme:Tree;1", "@type": "Object", "fields": [
            {"name": "name", "schema": "string"},
            {"name": "children", "schema": {"@type": "Array", "elementSchema": "dtmi:acme:Tree;1"}}]},
        {"@id": "dtmi:acme:str;1", "@type": "Object", "fields": [{"name": "x", "schema": "float"}]},
    ],
    "contents": [
        *({"@type": "Property", "name": f"p_{name}", "schema": name} for name in PRIMITIVES),
        {"@type": "Property", "name": "tree", "schema": "dtmi:acme:Tree;1"},
        {"@type": "Property", "name": "Tree", "schema": "dtmi:acme:Tree;1"},
        {"@type": "Property", "name": "where", "schema": "multiPolygon"},
        {"@type": "Property", "name": "Fan", "schema": "dtmi:acme:str;1"},
        {"@type": "Property", "name": "class", "schema": "string"},
        {"@type": "Property", "name": "copy", "schema": {"@type": "Map", "mapKey": {"name": "k", "schema": "string"},
         "mapValue": {"name": "v", "schema": {"@type": "Array", "elementSchema": "double"}}}},
        {"@type": ["Property", "Length"], "name": "width", "schema": "double", "unit": "metre"},
        {"@type": "Component", "name": "fan", "schema": "dtmi:acme:Fan;1"},
        {"@type": "Component", "name": "newFan", "schema": "dtmi:acme:Fan;2"},
        {"@type": "Telemetry", "name": "found", "schema": "dtmi:acme:Tree;1"},
        {"@type": "Telemetry", "name": "all", "schema": {"@type": "Array", "elementSchema": "unsignedByte"}},
        {"@type": "Command", "name": "find", "request": {"name": "where", "schema": "point"},
         "response": {"name": "found", "schema": "dtmi:acme:Tree;1", "nullable": True}},
        {"@type": "Relationship", "name": "fans", "target": "dtmi:acme:Fan;2", "maxMultiplicity": 3},
    ],
}  # fmt: skip
FANS = [
    {"@context": "dtmi:dtdl:context;4", "@id": f"dtmi:acme:Fan;{version}", "@type": "Interface", "contents": [
        {"@type": "Property", "name": f"speed{version}", "schema": "integer"}]}
    for version in (1, 2)
]  # fmt: skip
TEXTS = [json.dumps(one) for one in (ROOM, SPACE, EVERY, *FANS)]
