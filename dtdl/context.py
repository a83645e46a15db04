"""``@context``: which DTDL version, extensions, limits and local terms hold for an element; never a network access."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Literal, NoReturn, get_args

from dtdl.dtmi import Dtmi
from dtdl.errors import DtmiInvalid
from dtdl.metamodel import ContextTable, Language, Metamodel, bound
from dtdl.source import Document, Site

Json = Any
AllowUndefined = Literal["default", "always", "never"]

_CORE: Final = "dtmi:dtdl:context;"
_TERM: Final = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=][@A-Za-z0-9\-._~!$&'()*+,;=]*\Z")
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\s<>\"{}|\\^`]*\Z")


class ContextRefused(Exception):
    """The ``@context`` is not acceptable.

    Args:
        rule: Short id of the rule.
        site: Where.
        fields: Structured fields of the finding.
    """

    def __init__(self, rule: str, site: Site, **fields: str | None) -> None:
        super().__init__(rule)
        self.rule = rule
        self.site = site
        self.fields = fields


@dataclass(frozen=True, slots=True)
class ContextOptions:
    """What the caller allows.

    Attributes:
        allow_undefined: Extensions that no table defines: ``always``, ``never``, or as the DTDL version says.
        max_version: Highest DTDL version, None for the highest known.
        limits: DTMIs of limit contexts that are acceptable; without a version any version is.
    """

    allow_undefined: AllowUndefined = "default"
    max_version: int | None = None
    limits: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what would be taken for the default without a word.

        Raises:
            TypeError: ``max_version`` is no integer.
            ValueError: ``allow_undefined`` is none of its values.
        """
        if self.allow_undefined not in get_args(AllowUndefined):
            allowed = ", ".join(map(repr, get_args(AllowUndefined)))
            raise ValueError(f"allow_undefined is one of {allowed}, not {self.allow_undefined!r}")
        if self.max_version is not None and type(self.max_version) is not int:
            raise TypeError(f"max_version is an integer or None, not {self.max_version!r}")


@dataclass(eq=False)
class Context:
    """The active context of an element.

    Attributes:
        metamodel: The tables.
        options: What the caller allows.
        language: DTDL version, None before any ``@context``.
        affiliates: Extensions by versionless DTMI.
        unrecognized: Extensions that no table defines.
        local: Local terms and, with a final ``:`` or ``/``, prefixes.
        site: Where the DTDL context is written.
        limit: Name of the limits that hold, ``""`` for those of the version.
        limit_context: DTMI of the context that sets the limits.
        raw: The ``@context`` as it is written.
        children: Contexts of elements below, by what their ``@context`` lists.
        plain: References already met that are right and call for no advice → DTMI.
    """

    metamodel: Metamodel
    options: ContextOptions
    language: Language | None = None
    affiliates: Mapping[str, ContextTable] = field(default_factory=dict)
    unrecognized: frozenset[str] = frozenset()
    local: Mapping[str, str] = field(default_factory=dict)
    site: Site | None = None
    limit: str = ""
    limit_context: str = ""
    raw: Json = None
    children: dict[tuple[Json, ...], Context] = field(default_factory=dict)
    plain: dict[str, str] = field(default_factory=dict)

    @cached_property
    def active(self) -> Language:
        """The DTDL version; an element without one was refused before."""
        assert self.language is not None
        return self.language

    @property
    def version(self) -> int:
        """DTDL version, 0 before any ``@context``."""
        return self.language.version if self.language else 0

    @cached_property
    def named(self) -> tuple[str, ...]:
        """What the ``@context`` that made it names."""
        return tuple(part for part in (self.raw if isinstance(self.raw, list) else [self.raw]) if isinstance(part, str))

    @cached_property
    def complete(self) -> bool:
        """Whether every named context is known, so that an unknown term is a mistake."""
        return not self.unrecognized

    @cached_property
    def terms(self) -> Mapping[str, str]:
        """Term → DTMI: DTDL first, then local terms, then extensions in order."""
        merged: dict[str, str] = {}
        for table in reversed(tuple(self.affiliates.values())):
            merged |= table.terms
        merged |= {k: v for k, v in self.local.items() if not v.endswith((":", "/"))}
        return merged | dict(self.active.terms)

    @cached_property
    def _resolved(self) -> dict[str, str | None]:
        return {}

    def dtmi(self, text: str) -> str | None:
        """Gives the DTMI that a term, a prefixed name or a DTMI stands for, or None."""
        found = self.terms.get(text)
        if found is None:
            resolved = self._resolved
            if text in resolved:
                return resolved[text]
            found = resolved[text] = self._expand(text)
        return found if found is None or found.startswith("dtmi:") else None

    def meanings(self, text: str) -> list[str]:
        """Gives every DTMI that a term stands for: the usual one first, then what further extensions mean by it."""
        found = self.dtmi(text)
        others = (table.terms.get(text) for table in self.affiliates.values())
        return list(dict.fromkeys(dtmi for dtmi in (found, *others) if dtmi is not None))

    def uri(self, text: str) -> str | None:
        """Gives the URI that a term, a prefixed name or a URI stands for, or None."""
        found = self.terms.get(text) or self._expand(text)
        if found is None and ":" in text and not text.startswith("dtmi:") and _URI.match(text):
            return text
        return found

    def _expand(self, text: str) -> str | None:
        prefix, colon, rest = text.partition(":")
        if not colon:
            return None
        if prefix != "dtmi":
            definition = self.local.get(prefix, "")
            if not definition.endswith((":", "/")):
                return None
            text = definition + rest
            if not text.startswith("dtmi:"):
                return text if _URI.match(text) else None
        return text if self.is_reference(text) else None

    def is_reference(self, dtmi: str) -> bool:
        """Whether a text may refer to an element, by the pattern and length of the version."""
        active = self.active
        length = bound(active.id_length, self.limit)
        return (length is None or len(dtmi) <= length) and active.id_match.match(dtmi) is not None

    @cached_property
    def reserved(self) -> tuple[str, ...]:
        """Gives the prefixes of DTMIs that no user may define, as the active contexts list them."""
        known = self.metamodel.reserved
        contexts = [self.active.id, *(table.id for table in self.affiliates.values())]
        return tuple(prefix for context in contexts for prefix in known.get(context, ()))

    def child(self, document: Document, node: Mapping[str, Json]) -> Context:
        """Gives the context of an element written below.

        Raises:
            ContextRefused: Its ``@context`` is missing where none is active, or not acceptable.
        """
        if "@context" not in node:
            if self.language is None:
                raise ContextRefused("missingContext", Site(document, node))
            return self
        raw = node["@context"]
        components = raw if type(raw) is list else [raw]
        try:
            known = self.children.get(tuple(components))
        except TypeError:  # a local context is no key
            known = None
        if known is not None:
            return known
        if not components:
            if self.language is None:
                raise ContextRefused("emptyContext", Site(document, node, "key", "@context"))
            return self
        made = _Reader(self, document, node, components).read()
        if all(type(part) is str for part in components):
            self.children[tuple(components)] = made
        return made


class _Reader:
    """Reads one ``@context``, component after component."""

    def __init__(
        self, parent: Context, document: Document, node: Mapping[str, Json], components: Sequence[Json]
    ) -> None:
        self.parent = parent
        self.metamodel = parent.metamodel
        self.document = document
        self.node = node
        self.components = components
        self.position = 0
        self.language = parent.language
        self.limit = ""
        self.limit_context = ""
        self.site = parent.site

    def place(self, index: int) -> Site:
        return Site(self.document, self.node, "value", "@context", index)

    def refuse(self, rule: str, index: int, **fields: str | None) -> NoReturn:
        if "value" in fields or isinstance(self.components[index], str):
            fields.setdefault("value", str(self.components[index]))
        raise ContextRefused(rule, self.place(index), **fields)

    def read(self) -> Context:
        for index, component in enumerate(self.components):
            if not isinstance(component, str | dict):
                self.refuse("invalidContext", index)
        before = self.implicit()
        self.core()
        if self.language is None:
            raise ContextRefused("missingDtdlContext", self.place(0))
        end = len(self.components)
        local = dict(self.parent.local)
        if isinstance(self.components[end - 1], dict):
            end -= 1
            local = self.locals(end)
        affiliates = dict(self.parent.affiliates) | before
        unrecognized = set(self.parent.unrecognized)
        allow = self.allow_undefined(self.language)
        for index in range(self.position, end):
            table = self.affiliate(index, self.language.version, allow=allow)
            if table is None:
                unrecognized.add(self.components[index])
            else:
                affiliates[table.id.split(";")[0]] = table
        return Context(
            self.metamodel,
            self.parent.options,
            self.language,
            affiliates,
            frozenset(unrecognized),
            local,
            self.site,
            self.limit,
            self.limit_context,
            self.node["@context"],
        )

    def allow_undefined(self, language: Language) -> bool:
        allowed = self.parent.options.allow_undefined
        return allowed == "always" or (allowed == "default" and bool(language.rules["undefined_by_default"]))

    def implicit(self) -> dict[str, ContextTable]:
        """Reads extensions that may stand before the DTDL context."""
        found: dict[str, ContextTable] = {}
        while self.position < len(self.components):
            text = self.components[self.position]
            version = self.metamodel.implicit.get(text) if isinstance(text, str) else None
            if version is None:
                break
            table = self.affiliate(self.position, version, allow=self.parent.options.allow_undefined == "always")
            if table is not None:
                found[table.id.split(";")[0]] = table
            self.position += 1
        return found

    def core(self) -> None:
        """Reads DTDL contexts, each with the limit context that belongs to it."""
        while self.position < len(self.components):
            text = self.components[self.position]
            if not isinstance(text, str) or not text.startswith(_CORE):
                return
            index = self.position
            self.site = self.place(index)
            self.position += 1
            if self.dtdl(index, text):
                self.limit, self.limit_context = "", text
            elif self.position < len(self.components) and self.limits(self.position):
                self.limit_context = self.components[self.position]
                self.position += 1
            else:
                assert self.language is not None
                self.refuse("missingLimitContext", index, restriction=str(self.language.version))

    def parse(self, index: int, text: str) -> Dtmi:
        try:
            return Dtmi(text)
        except DtmiInvalid:
            self.refuse("invalidContextSpecifier", index)

    def dtdl(self, index: int, text: str) -> bool:
        """Reads a DTDL context; gives whether it sets the limits too."""
        dtmi = self.parse(index, text)
        if dtmi.fragment not in ("", "#limitless", "#limits"):
            self.refuse("invalidContextFragment", index)
        known = self.metamodel.history(dtmi.versionless.split("#")[0]) or {}
        custom = dtmi.major in known and self.metamodel.language(dtmi.major).rules["custom_limits"]
        if dtmi.fragment and not custom:
            self.refuse("disallowedContextFragment", index, restriction=str(dtmi.major))
        if dtmi.major == 0:
            self.refuse("missingContextVersion", index)
        if dtmi.fragment == "#limits":
            self.refuse("misplacedLimitContext", index)
        if dtmi.major not in known or dtmi.minor < 0:
            self.refuse("unrecognizedContextVersion", index, restriction=", ".join(map(str, sorted(known))))
        highest = self.parent.options.max_version
        if highest is not None and dtmi.major > highest:
            self.refuse("disallowedContextVersion", index, restriction=str(highest))
        self.language = self.metamodel.language(dtmi.major)
        self.check_version(index, text.split("#", maxsplit=1)[0], self.language.version)
        return dtmi.fragment != "#limitless"

    def check_version(self, index: int, text: str, version: int) -> None:
        if self.metamodel.language(version).id_match.match(text) is None:
            self.refuse("invalidContextSpecifierForVersion", index, restriction=str(version))

    def named(self, index: int, version: int) -> Dtmi:
        """Reads the DTMI of an extension or limit context."""
        text = self.components[index]
        if not text.startswith("dtmi:"):
            self.refuse("nonDtmiContextSpecifier", index)
        dtmi = self.parse(index, text)
        self.check_version(index, text.split("#")[0], version)
        if dtmi.major == 0:
            self.refuse("missingContextVersion", index)
        return dtmi

    def limits(self, index: int) -> bool:
        """Reads a limit context; gives whether it is one."""
        assert self.language is not None
        version = self.language.version
        if not isinstance(self.components[index], str):
            return False
        dtmi = self.named(index, version)
        if dtmi.startswith(_CORE):
            if dtmi.fragment not in ("", "#limitless", "#limits"):
                self.refuse("invalidContextFragment", index)
            self.limit = ""
            return dtmi.fragment != "#limitless" and dtmi.major == version
        if dtmi.fragment:
            self.refuse("invalidContextSpecifier", index)
        known = self.metamodel.history(dtmi.versionless) or {}
        limits = self.metamodel.limits.get(f"{dtmi.versionless};{dtmi.major}") if dtmi.major in known else None
        if limits is None or limits[0] != version:
            return False
        if not any(self.acceptable(Dtmi(text), dtmi) for text in self.parent.options.limits):
            wanted = [f'"{_CORE}{version}#limits"', *(f'"{text}"' for text in self.parent.options.limits)]
            self.refuse("disallowedLimitContext", index, restriction=" or ".join(wanted))
        self.limit = limits[1]
        return True

    @staticmethod
    def acceptable(allowed: Dtmi, given: Dtmi) -> bool:
        same = allowed.versionless == given.versionless
        return same and (allowed.major == 0 or (allowed.major == given.major and allowed.minor <= given.minor))

    def affiliate(self, index: int, version: int, *, allow: bool) -> ContextTable | None:
        """Reads an extension context; gives None when no table defines it and that is allowed."""
        text = self.components[index]
        if not isinstance(text, str):
            self.refuse("localContextNotLast", index)
        if text.startswith(_CORE):
            self.refuse("dtdlContextFollowsAffiliate", index)
        dtmi = self.named(index, version)
        if dtmi.fragment:
            self.refuse("invalidContextSpecifier", index)
        known = self.metamodel.history(dtmi.versionless)
        if known is None:
            if not allow:
                self.refuse("unresolvableContextSpecifier", index)
            return None
        if dtmi.major not in known:
            if not allow:
                versions = ", ".join(map(str, sorted(known)))
                self.refuse("unresolvableContextVersion", index, restriction=versions)
            return None
        context = f"{dtmi.versionless};{dtmi.major}"
        if context in self.metamodel.limits:
            self.refuse("misplacedLimitContext", index)
        return self.metamodel.table(context)

    def locals(self, index: int) -> dict[str, str]:
        """Reads a local context, an object of terms."""
        assert self.language is not None
        if not self.language.rules["local_terms"]:
            raise ContextRefused("disallowedLocalContext", self.place(index), restriction=str(self.language.version))
        found = dict(self.parent.local)
        for term, value in self.components[index].items():
            found.pop(term, None)
            definition = self.definition(index, term, value)
            if definition is not None:
                found[term] = definition
        return found

    def definition(self, index: int, term: str, value: Json) -> str | None:
        site = Site(self.document, self.components[index], "key", term)
        problem = self.term_problem(term)
        if problem:
            raise ContextRefused(problem, site, property=term)
        if isinstance(value, dict):
            if "@id" not in value:
                raise ContextRefused("termDefinitionMissingIdProperty", site)
            value = value["@id"]
            if not isinstance(value, str):
                raise ContextRefused("termDefinitionIdPropertyNotString", site)
        if value is not None and not isinstance(value, str):
            raise ContextRefused("termDefinitionNotStringOrObject", site)
        problem = self.definition_problem(value or ":")
        if problem:
            raise ContextRefused(problem, site, property=term, value=value)
        return value

    def definition_problem(self, value: str) -> str | None:
        assert self.language is not None
        if value.endswith((":", "/")):
            return None
        if value.startswith("dtmi:"):
            return None if self.language.id_match.match(value) else "localTermDefinitionInvalidDtmi"
        return None if _URI.match(value) else "localTermDefinitionInvalidUri"

    def term_problem(self, term: str) -> str | None:
        if not term:
            return "localTermEmpty"
        if term == "dtmi":
            return "localTermSchemePrefix"
        if _TERM.match(term) is None:
            return "localTermInvalid"
        if any(term in self.metamodel.language(version).terms for version in self.metamodel.versions):
            return "localTermReserved"
        return None
