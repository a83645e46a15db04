"""What every rule says: cause and action, by the rule's short id; data, read by ``messages``.

Braces hold the structured fields of a finding (``primary``, ``property``, ``value`` …) and what only the message needs
(``expected``, ``limit``, ``count``, ``required``, ``violation``, ``through``, ``key``, ``hint``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_IT: Final = "{property!r} of {primary}"
_LITERALS: Final = {
    "string": "a string",
    "integer": "a whole number of 32 bits",
    "numeric": "a number",
    "boolean": "true or false",
    "duration": "a duration",
    "literal": "a string, a number or a boolean",
}

_FAMILIES: Final = {
    "CountBelowMin": (_IT + " has no value, but needs {what}.", "Give it {what}."),
    "MultipleValues": (_IT + " has several values, but takes one.", "Keep one value."),
    "ObjectNoValue": (_IT + " is an object without '@value'.", "Write {what}, or add '@value'."),
}
_TYPED: Final = {
    "string": ("stringNotString", "stringTypeNotString", "stringValueNotString"),
    "integer": ("integerNotInteger", "integerTypeNotInteger", "integerValueNotInteger"),
    "numeric": ("numericNotNumeric", "numericTypeNotNumeric", "numericValueNotNumeric"),
    "boolean": ("booleanNotBoolean", "booleanTypeNotBoolean", "booleanValueNotBoolean"),
    "duration": ("durationNotString", "durationTypeNotDuration", "durationValueNotString"),
}

_WORDS: dict[str, tuple[str, str]] = {
    # -- the document ------------------------------------------------------------------------------------------
    "notJsonObject": ("A model must be a JSON object.", "Write an object, or an array of objects."),
    "missingContext": ("The model has no '@context', so its DTDL version is unknown.",
                       'Add "@context": "dtmi:dtdl:context;4".'),
    "emptyContext": ("'@context' is empty, so the DTDL version is unknown.", 'Write "dtmi:dtdl:context;4" in it.'),
    "missingDtdlContext": ("'@context' does not begin with a DTDL version.",
                           'Put "dtmi:dtdl:context;4" (or ;3, ;2) first.'),
    "invalidContext": ("A part of '@context' is neither a string nor an object.", "Remove it, or write a DTMI."),
    "invalidContextSpecifier": ("{value!r} in '@context' is not a DTMI that can name a context.",
                                "Correct its spelling."),
    "invalidContextSpecifierForVersion": ("{value!r} in '@context' has not the form that DTDL v{restriction} asks.",
                                          "Write dtmi:<path>;<version>."),
    "nonDtmiContextSpecifier": ("{value!r} in '@context' is not a DTMI.", "DTDL contexts are DTMIs; remove others."),
    "missingContextVersion": ("{value!r} in '@context' has no version.", "Append ;<version>."),
    "unrecognizedContextVersion": ("{value!r} is no known DTDL version.", "Use one of {restriction}."),
    "disallowedContextVersion": ("{value!r} is newer than v{restriction}, the highest version that was allowed.",
                                 "Use an older version, or allow this one."),
    "unresolvableContextSpecifier": ("The extension {value!r} is unknown.{hint}",
                                     "Correct it, or allow undefined extensions."),
    "unresolvableContextVersion": ("This version of the extension {value!r} is unknown.", "Use {restriction}."),
    "dtdlContextFollowsAffiliate": ("The DTDL version {value!r} stands behind an extension.", "Put it first."),
    "localContextNotLast": ("Local terms stand before another context.", "Put them last."),
    "disallowedLocalContext": ("DTDL v{restriction} has no local terms in '@context'.", "Remove the object."),
    "missingLimitContext": ("{value!r} sets no limits, and no limit context follows it.",
                            "Add a limit context behind it, or drop '#limitless'."),
    "misplacedLimitContext": ("The limit context {value!r} does not stand right behind a '#limitless' DTDL context.",
                              "Move it there."),
    "disallowedLimitContext": ("The limit context {value!r} was not allowed.", "Use {restriction}, or allow it."),
    "invalidContextFragment": ("{value!r} has a fragment that no DTDL context has.",
                               "Use '#limitless', '#limits' or none."),
    "disallowedContextFragment": ("DTDL v{restriction} contexts have no fragment: {value!r}.", "Remove the fragment."),
    "duplicateTermInContextObject": ("The local term {property!r} is defined twice.", "Keep one definition."),
    "termDefinitionNotStringOrObject": ("A local term is defined by neither a string nor an object.", "Give a URI."),
    "termDefinitionMissingIdProperty": ("A local term is defined by an object without '@id'.", "Give it an '@id'."),
    "termDefinitionIdPropertyNotString": ("The '@id' of a local term is not a string.", "Give a URI."),
    "localTermEmpty": ("A local term is empty.", "Give it a name, or remove it."),
    "localTermSchemePrefix": ("{property!r} cannot be a local term.", "Choose another name."),
    "localTermInvalid": ("The local term {property!r} has characters that no term has.", "Choose another name."),
    "localTermReserved": ("The local term {property!r} is a term of DTDL.", "Choose another name."),
    "localTermDefinitionInvalidDtmi": ("The local term {property!r} stands for {value!r}, which is no DTMI.",
                                       "Correct the DTMI."),
    "localTermDefinitionInvalidUri": ("The local term {property!r} stands for {value!r}, which is no URI.",
                                      "Correct the URI."),
    "topLevelGraphDisallowed": ("A model may not have '@graph'.", "Write an array of models."),
    "topLevelKeywordDisallowed": ("{value!r} has no meaning in a model.", "Remove it."),
    "typeNotRootable": ("The model {value} is not of type {type}.", "Only {type} may stand at the top of a document."),
    "repeatedKeyword": ("{key!r} stands twice in one object.", "Keep one."),
    # -- identifiers -------------------------------------------------------------------------------------------
    "missingTopLevelId": ("The model has no '@id'.", "Give it one, such as dtmi:acme:Room;1."),
    "missingRequiredId": ("An element in " + _IT + " needs an '@id'.", "Give it one."),
    "idNotString": ("The '@id' is not a string.", "Write a DTMI."),
    "idTooLong": ("The '@id' {value!r} is longer than {limit} characters.", "Shorten it."),
    "idTooLongForType": ("The '@id' {value!r} is longer than the {limit} characters that {type} allows.",
                         "Shorten it."),
    "invalidId": ("The '@id' {value!r} is not a DTMI of DTDL v{restriction}.",
                  "Write dtmi:<label>:<label>;<version>: labels of letters, digits and inner '_', version from 1."),
    "reservedId": ("The '@id' {value!r} lies in a reserved namespace.", "Begin it with none of {restriction}."),
    "duplicateDefinition": ("{primary} is defined twice.", "Keep one definition, or give one another '@id'."),
    "idReference": ("{value!r} stands in an object of its own, which is not how DTDL refers to an element.",
                    "Write the '@id' as a plain string."),
    "idRefBadDtmiOrTerm": ("{value!r} in " + _IT + " is neither a DTMI nor a term.", "Correct it."),
    "missingDtmiSegPropertyValue": ("An element in " + _IT + " has neither '@id' nor {value!r}.", "Give it one."),
    "dtmiSegPropertyNotStringOrNumber": ("{value!r} of an element in " + _IT + " is neither a string nor a number.",
                                         "Write a string."),
    "crossPartitionReference": ("{primary} refers in {property!r} to {secondary}, which belongs to {value}.",
                                "Define it in {restriction}, or refer to an Interface."),
    "undefinedReservedId": (_IT + " names {secondary}, which is no standard element.{hint}", "Correct it."),
    # -- types -------------------------------------------------------------------------------------------------
    "badType": (_IT + " holds {secondary}{typed}, where {expected} is expected.{hint}", "Give it a fitting '@type'."),
    "multipleMaterialTypes": ("{primary} is of several classes: {value}.", "Keep one of them in '@type'."),
    "abstractSupplementalType": ("{type} in '@type' of {primary} is abstract.", "Use a type that derives from it."),
    "typeUndefinedTerm": ("{value!r} in '@type' of {primary} is no term of DTDL v{restriction} or an extension.{hint}",
                          "Correct it, or add the extension that defines it to '@context'."),
    "typeIrrelevantDtmiOrTerm": ("{value!r} in '@type' of {primary} is no type.{hint}", "Remove or correct it."),
    "typeInvalidDtmi": ("{value!r} in '@type' of {primary} is not a DTMI.", "Correct it."),
    "typeNotDtmiNorTerm": ("{value!r} in '@type' of {primary} is neither a DTMI nor a term.", "Remove it."),
    "invalidCotype": ("{type} cannot be a co-type of {primary}.", "It goes with {restriction}."),
    "invalidCotypeVersion": ("{type} cannot be a co-type of {primary} in this DTDL version.",
                             "It goes with version {restriction}."),
    "missingCocotype": ("{primary} is of type {type}, which needs {restriction} too.", "Add {restriction} to '@type'."),
    "disallowedCocotype": ("{primary} is of the types {type} and {restriction}, which exclude each other.",
                           "Remove one."),
    "conflictingSupplementalTypes": ("{primary}: {type} and {restriction} both add {property!r}.", "Keep one of them."),
    "disallowedVersionDefinition": ("An element of DTDL v{value} stands in " + _IT + ".", "Use version {restriction}."),
    "disallowedVersionReference": (_IT + " refers to {secondary}, which is of DTDL v{value}.",
                                   "Refer to elements of version {restriction}."),
    # -- properties --------------------------------------------------------------------------------------------
    "propertyUndefinedTerm": ("{property!r} of {primary} is no term of DTDL v{restriction} or an extension.{hint}",
                              "Correct it, or add the extension that defines it to '@context'."),
    "propertyIrrelevantDtmiOrTerm": ("{property!r} is no property of {primary}.{hint}",
                                     "Remove it, or add the co-type that has it."),
    "propertyInvalidDtmi": ("{property!r} of {primary} is not a DTMI.", "Correct it."),
    "propertyNotDtmiNorTerm": ("{property!r} of {primary} is neither a DTMI nor a term.", "Remove it."),
    "noTypeThatAllows": ("No type of {primary} has the property {property!r}.{hint}",
                         "Remove it, or add the co-type that has it."),
    "inferredTypeDoesNotAllow": ("{primary} is taken for a {type}, which has no property {property!r}.{hint}",
                                 "Remove it, or write '@type'."),
    "duplicatePropertyName": ("{property!r} of {primary} is written twice.", "Keep one."),
    "missingLiteralProperty": ("{primary} has no {property!r}.", "Add it."),
    "missingObjectProperty": ("{primary} has no {property!r}.", "Add it."),
    "missingIdentifierProperty": ("{primary} has no {property!r}.", "Add it."),
    "missingSupplementalLiteralProperty": ("{primary} is of type {type}, but has no {property!r}.", "Add it."),
    "missingSupplementalObjectProperty": ("{primary} is of type {type}, but has no {property!r}.", "Add it."),
    "missingSupplementalIdentifierProperty": ("{primary} is of type {type}, but has no {property!r}.", "Add it."),
    "objectMultipleValues": (_IT + " has several values, but takes one.", "Keep one value."),
    "objectCountBelowMin": (_IT + " has too few values.", "Give it at least {required}."),
    "objectCountAboveMax": (_IT + " has {count} values.", "Keep at most {limit}."),
    "identifierCountAboveMax": (_IT + " has too many values.", "Keep at most {limit}."),
    "badDtmiOrTerm": ("{value!r} in " + _IT + " is neither a DTMI nor a term of DTDL v{restriction}.{hint}",
                      "Correct it."),
    "refNotStringOrObject": ("A value of " + _IT + " is neither a string nor an object.",
                             "Refer to an element by a string, or define one by an object."),
    "refObjectNotAllowed": (_IT + " takes references only.", "Write the DTMI or term as a string."),
    "wrongParent": (_IT + " refers to {secondary}, a {value}.", "Refer to a child of {restriction}."),
    "graphDisallowed": ("'@graph' stands in " + _IT + ".", "Remove it."),
    "keywordDisallowed": ("{value!r} stands in an element of " + _IT + ", where it has no meaning.", "Remove it."),
    "missingDictKeyPropertyValue": ("{secondary} in " + _IT + " has no {value!r}.", "Give it one."),
    "incorrectPropertyValue": (_IT + " is {value}.", "Use {restriction}."),
    "notRequiredType": (_IT + " holds {secondary}, which is no {type}.", "Use one that is {type}."),
    "notRequiredValue": (_IT + " holds {secondary}.", "Use {restriction}."),
    "partitionTooLarge": ("{primary} is larger than {limit} bytes.", "Split the Interface."),
    # -- literals ----------------------------------------------------------------------------------------------
    "literalTypeNotSingular": ("The '@type' of a value of " + _IT + " is not one string.", "Write one type."),
    "literalNotValid": ("The value of " + _IT + " is not of its declared type.", "Correct the value or its '@type'."),
    "durationInvalid": ("{value!r} in " + _IT + " is no ISO 8601 duration.", "Write one such as PT15M or P1D."),
    "stringTooLong": (_IT + " is longer than {limit} characters.", "Shorten it."),
    "stringInvalid": ("{value!r} in " + _IT + " does not have the form of {property}.",
                      "Match {restriction}."),
    "langStringValueTooLong": (_IT + " is longer than {limit} characters.", "Shorten it."),
    "langStringValueInvalid": ("{value!r} in " + _IT + " does not have the form asked.", "Match {restriction}."),
    "identifierTooLong": ("{value!r} in " + _IT + " is longer than {limit} characters.", "Shorten it."),
    "identifierInvalid": ("{value!r} in " + _IT + " does not have the form asked.", "Match {restriction}."),
    "identifierMultipleValues": (_IT + " has several values, but takes one.", "Keep one value."),
    "identifierCountBelowMin": (_IT + " has too few values.", "Give it at least {required}."),
    "identifierNotString": ("A value of " + _IT + " is not a string.", "Write a {type}."),
    "identifierNotDtmi": ("{value!r} in " + _IT + " is neither a DTMI nor a term.", "Write a DTMI."),
    "identifierNotUri": ("{value!r} in " + _IT + " is no URI.", "Write a URI."),
    "valueNotExact": ("{value} in " + _IT + " is not the one value allowed.", "Write {restriction}."),
    "valueBelowMin": ("{value} in " + _IT + " is too small.", "Write at least {restriction}."),
    "valueAboveMax": ("{value} in " + _IT + " is too large.", "Write at most {restriction}."),
    "valueBelowRange": ("{value} in " + _IT + " is too small.", "Stay within {restriction}."),
    "valueAboveRange": ("{value} in " + _IT + " is too large.", "Stay within {restriction}."),
    "valueObjectContext": ("'@context' stands in a value object of " + _IT + ".", "Remove it."),
    "valueObjectId": ("'@id' stands in a value object of " + _IT + ".", "Remove it."),
    "valueObjectGraph": ("'@graph' stands in a value object of " + _IT + ".", "Remove it."),
    "valueObjectLanguage": ("'@language' stands in a value object of " + _IT + ".", "Remove it."),
    "valueObjectKeyword": ("{value!r} stands in a value object of " + _IT + ".", "Remove it."),
    "valueObjectInvalidProp": ("{value!r} stands in a value object of " + _IT + ".", "Remove it."),
    "langTagValueInLangMap": (_IT + " is one tagged string where a language map is expected.",
                              "Write {value}, or put the tagged string into an array."),
    "langMapObjKeyword": ("{value!r} stands in the language map of " + _IT + ".", "Remove it."),
    "langStringInvalidCode": ("{value!r} in " + _IT + " is no language code.", "Write one such as 'en' or 'en-US'."),
    "langStringValueNotString": ("The text for {value!r} in " + _IT + " is not a string.", "Write a string."),
    "langStringCodeNotUnique": (_IT + " has two texts for {value!r}.", "Keep one."),
    "langStringElementNotStringOrObject": ("A value of " + _IT + " is neither a string nor an object.",
                                           "Write a string, or a tagged string."),
    "langStringElementCodeNotString": ("'@language' in " + _IT + " is not a string.", "Write a language code."),
    "langStringElementInvalidCode": ("{value!r} in " + _IT + " is no language code.",
                                     "Write one such as 'en' or 'en-US'."),
    "langStringElementNoValue": ("A tagged string of " + _IT + " has no '@value'.", "Add it."),
    "langStringElementValueNotString": ("'@value' in " + _IT + " is not a string.", "Write a string."),
    "langStringElementContext": ("'@context' stands in a tagged string of " + _IT + ".", "Remove it."),
    "langStringElementId": ("'@id' stands in a tagged string of " + _IT + ".", "Remove it."),
    "langStringElementGraph": ("'@graph' stands in a tagged string of " + _IT + ".", "Remove it."),
    "langStringElementType": ("'@type' stands in a tagged string of " + _IT + ".", "Remove it."),
    "langStringElementKeyword": ("{value!r} stands in a tagged string of " + _IT + ".", "Remove it."),
    "langStringElementInvalidProp": ("{value!r} stands in a tagged string of " + _IT + ".", "Remove it."),
    "langStringElementCodeNotUnique": (_IT + " has two texts for {value!r}.", "Keep one."),
    # -- the graph ---------------------------------------------------------------------------------------------
    "nonUniquePropertyValue": ("Two elements in " + _IT + " have the {aux} {value!r}.", "Give one another {aux}."),
    "nonUniqueImportedPropertyValue": ("{primary} and {secondary}, its ancestor, both have {value!r} in {property!r}.",
                                       "Rename one."),
    "recursiveStructureNarrow": ("{primary} leads back to itself through {through}.", "Break the circle."),
    "recursiveStructureWide": ("{primary} leads back to itself through {through}.", "Break the circle."),
    "excessiveDepthNarrow": ("Below {primary}, {through} goes deeper than {limit} levels, at {secondary}.",
                             "Flatten the structure."),
    "excessiveDepthWide": ("Below {primary}, {through} goes deeper than {limit} levels, at {secondary}.",
                           "Flatten the structure."),
    "excessiveCount": ("Below {primary} are {count} elements through {through}.", "Keep at most {limit}."),
    "excludedType": ("Below the {type} {primary} is {secondary}, a {restriction}.", "A {type} may hold none."),
    "nonConformantDatatype": ("{value!r} in {property!r} of {primary} is not of type {type}.",
                              "Make it fit {restriction!r} of {secondary}."),
    "nonConformantPropertyValue": (_IT + " does not fit {restriction!r}: {violation}", "Correct the value."),
    # -- siblings ----------------------------------------------------------------------------------------------
    "parentMissingCotype": ("{primary} is of type {type}, but its parent is not {restriction}.",
                            "Make the parent {restriction}, or remove {type}."),
    "siblingDuplicatesCotype": ("{primary} and its sibling {secondary} cannot be {type} and {restriction} together.",
                                "Keep one of them."),
    "siblingMissingCotype": ("{primary} is of type {type}, but no sibling is {restriction}.", "Add one that is."),
    "siblingPropertyMismatch": (_IT + " is {value}.", "The property that it stands in for asks {restriction}."),
    "notSiblingRequiredType": (_IT + " names {value!r}, which is no {type}.", "Name one that is {type}."),
    "disallowedType": (_IT + " names {value!r}, which is {type}.", "Name one that is not {type}."),
    "multipleReference": ("Two elements of " + _IT + " have the same {aux}: {value}.", "Keep one of them."),
    "noMatchingSupplementalProperty": (_IT + " names {value!r}, which has no property {restriction!r}.",
                                       "Name an element that has it."),
    "matchingPropertyNotSupplemental": (_IT + " names {value!r}, whose {restriction!r} no co-type adds.",
                                        "Name a property that a co-type adds."),
}  # fmt: skip


def _families() -> dict[str, tuple[str, str]]:
    """Gives the rules that say the same of every literal type."""
    made: dict[str, tuple[str, str]] = {}
    for name, what in _LITERALS.items():
        for suffix, (cause, action) in _FAMILIES.items():
            made[name + suffix] = (cause.replace("{what}", what), action.replace("{what}", what))
    for name, (plain, typed, valued) in _TYPED.items():
        what = _LITERALS[name]
        made[plain] = (f"The value of {_IT} is not {what}.", f"Write {what}.")
        made[typed] = (f"The value of {_IT} is declared to be something else than {what}.", "Correct its '@type'.")
        made[valued] = (f"The '@value' of {_IT} is not {what}.", f"Write {what}.")
    for key in ("@graph", "@context", "@id", "@type", "@value", "@language"):
        made[f"repeated{key[1:].capitalize()}Property"] = _WORDS["repeatedKeyword"]
    return made


WORDS: Final[Mapping[str, tuple[str, str]]] = _WORDS | _families()
"""Rules that are published with the language, by the part of their id behind the last colon."""

OWN: Final[Mapping[str, tuple[str, str]]] = {
    "MT004": ("{value} is referred to in {property!r} of {primary}, but nothing defines it.{hint}",
              "Add the document that defines it{place}, or correct the DTMI."),
    "MT011": ("{property!r} is written as a DTMI.", "Write the term {value!r}."),
    "MT012": (_IT + " names a standard element by its DTMI {value}.", "Write the term {restriction!r}."),
    "MT013": ("'@type' of {primary} says {value} twice.", "Say it once."),
    "MT014": ("{value!r} in '@type' of {primary} is written as a DTMI.", "Write the term {restriction!r}."),
    "MT015": ("{value!r} has no meaning in DTDL.", "Remove it; newer versions refuse it."),
    "MT016": ("{property!r} of {primary} is deprecated.", "Remove it."),
    "MT017": ("'@context' names a DTDL version more than once.", "Name one version."),
    "MT018": ("'@context' names {value!r} more than once.", "Name it once."),
    "MT019": ("The extension {value!r} stands before the DTDL version.", "Put the DTDL version first."),
}  # fmt: skip
"""Our own rules: what is allowed, and what the specification advises against."""
