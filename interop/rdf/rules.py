"""Every rule of RDF: graphs that are read, instances that become twins, shapes that are checked."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from dtdl.diagnostic import Severity
from interop.config.rules import Rule

_LOST: Final = "What is not understood is listed and left out; under --strict nothing is written then. "

_ALL: Final = (
    Rule("MT450", "A text is not RDF.", "The reader of Turtle or JSON-LD could not go on from this place.",
         "Correct the syntax here, or just before."),
    Rule("MT451", "A JSON-LD document names a context that is not in it.",
         "Nothing is fetched over a network, and no other file is read. Contexts of DTDL are known.",
         "Write the context into the document."),
    Rule("MT452", "A triple has no meaning for a twin.",
         "A graph in the form that megatwin writes says only what twins have; every triple counts.",
         "Remove the triple, or read the graph with megatwin import."),
    Rule("MT453", "A subject has no type that the models know.",
         _LOST + "A class becomes an Interface by its IRI: the labels of its host reversed, then its path and name.",
         "Name the Interface of the class in a file for --map, or give its model with --models.", Severity.WARNING),
    Rule("MT454", "A subject has several types.",
         "A twin has one Interface. Of types that extend each other the most specific one wins; these do not.",
         "Keep one of the types, or name null for the others in a file for --map.", Severity.WARNING),
    Rule("MT455", "A predicate is no content of the model.",
         _LOST + "A predicate becomes the Property, Relationship or Component of its name, or a Relationship of the "
         "inverse name on the other side.",
         "Name the content in a file for --map, or null to leave the predicate out.", Severity.WARNING),
    Rule("MT456", "A value does not fit its Property.",
         _LOST + "Literals are converted to the schema where that keeps their meaning.",
         "Correct the literal, or the schema.", Severity.WARNING),
    Rule("MT457", "An object is not a twin.",
         _LOST + "A Relationship leads to a twin of the same graph.",
         "Describe the object in the graph, or leave the triple out.", Severity.WARNING),
    Rule("MT458", "A Property has several values.",
         _LOST + "A Property whose schema is no Array has one value. Of texts in languages the English or plain one is "
         "taken.", "Keep one of them.", Severity.WARNING),
    Rule("MT459", "A file for --map is not what it should be.",
         'It is a JSON object with "classes" (IRI to DTMI or null), "predicates" (IRI to name or null) and "inverse" '
         "(IRI of a predicate to the name of the Relationship in the other direction).",
         "Correct the file."),
    Rule("MT460", "The work on a graph took too long, or more memory than there is.",
         "It runs in a process of its own, and is ended at the limit, whatever the graph says.",
         "Split the graph, make the shapes simpler, or raise --time-limit."),
    Rule("MT461", "The target of a relationship is of another kind than its model takes.",
         _LOST + "The Relationship names the Interface that its targets have.",
         "Correct the type of the target.", Severity.WARNING),
    Rule("MT470", "A shape is not fulfilled.",
         "The shapes graph (SHACL) asks for something that the data does not have. The severity is that of the shape.",
         "Change the data, or the shape."),
    Rule("MT471", "A shapes graph cannot be used.",
         "It is not SHACL that can be checked: shapes are malformed, or use what is not supported. JavaScript, "
         "owl:imports and federated queries never run.",
         "Correct the shapes."),
)  # fmt: skip

RULES: Final[Mapping[str, Rule]] = MappingProxyType({rule.id: rule for rule in _ALL})
"""By id."""
