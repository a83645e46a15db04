"""Every rule of data: twins, relationships, patches and tables against models, JSON against a JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from interop.config.rules import Rule

_ALL: Final = (
    Rule("MT401", "A key is given twice in one object.",
         "Readers of JSON keep one of the two and do not say which.", "Remove one of the two."),
    Rule("MT402", "A value is not what this kind of file holds.",
         "Data is one twin in the Azure form, or an array of twins and relationships; with --patch it is an array of "
         "operations. In .ndjson each line is one of them.",
         "Write a JSON object with $dtId and $metadata.$model, or an array of such objects."),
    Rule("MT403", "A twin does not say its model.",
         "A twin is an instance of exactly one Interface; without it nothing can be checked.",
         'Add "$metadata": {"$model": "dtmi:…;1"}, a column $model, or give --model.'),
    Rule("MT404", "The model of a twin is not defined.",
         "None of the definitions under --models has an Interface of this identifier.",
         "Correct the identifier, or name the file that defines it with --models."),
    Rule("MT405", "An id cannot be used.",
         "An id has 1 to 128 characters: letters, digits and - . + % _ # * ? ! ( ) , = @ $ ' ~.", "Use another id."),
    Rule("MT406", "An id is given twice.",
         "In one set of data a $dtId names one twin, and a $relationshipId one relationship of its source.",
         "Give each its own id, or remove one."),
    Rule("MT407", "A key that begins with $ has no meaning here.",
         "Twins have $dtId, $etag and $metadata; relationships $relationshipId, $relationshipName, $sourceId, "
         "$targetId, $etag and $metadata. Names of contents never begin with $.",
         "Remove it."),
    Rule("MT408", "A relationship cannot be made.",
         "The model of its source must have a Relationship of that name, and its target must be of the kind that the "
         "Relationship takes.",
         "Correct the name, the source or the target."),
    Rule("MT409", "Not all findings are shown.",
         "The number of findings is bounded, so that bad data cannot exhaust the process that checks it.",
         "Correct what is shown, and check again."),
    Rule("MT410", "A table is not CSV.",
         "Cells are separated by commas; a cell with a comma, a quote or a line break stands in double quotes, and a "
         "quote in it is written twice (RFC 4180). Every row has as many cells as the first.",
         "Correct the row."),
    Rule("MT411", "A column cannot be used.",
         "The first row names $dtId, $model or paths of the model: temperature, motor/speed, position/x. A path stands "
         "there once, and not together with a part of it.",
         "Correct the name of the column."),
    Rule("MT420", "A patch is malformed.",
         "A patch is an array of operations add, replace and remove (RFC 6902), each with a path, and a value where it "
         "needs one.",
         "Correct the operation."),
    Rule("MT421", "A patch changes what the model does not have.",
         "Paths lead to Properties of the twin's Interface and of its Components, and into Objects, Maps and Arrays. "
         "Telemetry, Commands and Relationships are not changed by a patch of a twin.",
         "Correct the path."),
    Rule("MT440", "A value does not fit its JSON Schema.", "The schema that the data was checked against refuses it.",
         "Correct the value, or the schema."),
    Rule("MT441", "A schema is not a JSON Schema.",
         "The draft of JSON Schema that it names does not allow what is written here, so it cannot be relied on.",
         "Correct the schema."),
    Rule("MT442", "A reference leads to another place than the folder of the schema.",
         "Only files in the folder of the schema, and below it, are read. Nothing is ever fetched over a network.",
         "Put the file beside the schema, and refer to it by its relative path."),
    Rule("MT443", "A reference leads nowhere.", "What $ref names does not exist, or is not a schema.",
         "Correct the reference."),
    Rule("MT444", "The dialect of a schema is not known.",
         "$schema names the draft: 3, 4, 6, 7, 2019-09 or 2020-12, which is taken when nothing is named.",
         "Name one of these drafts."),
    Rule("MT445", "The check took too long.",
         "Some schemas take more time than there is, such as a pattern that tries every way to split a text. So the "
         "check runs in a process of its own, and is ended at the limit.",
         "Make the patterns of the schema simpler, or raise --time-limit."),
    Rule("MT446", "The check could not be finished.",
         "The schema refers to itself without end, or needs more memory than the bound.",
         "Correct the schema so that each reference comes nearer to an end."),
)  # fmt: skip

RULES: Final[Mapping[str, Rule]] = MappingProxyType({rule.id: rule for rule in _ALL})
"""By id."""
