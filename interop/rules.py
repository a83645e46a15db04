"""Every rule that a finding can name, whichever part of megatwin finds it."""

from __future__ import annotations

from collections.abc import Mapping

from interop.config.rules import RULES, Rule


def find_rules() -> Mapping[str, Rule]:
    """Gives all rules, by id, in order of id."""
    return dict(sorted(RULES.items()))


def to_markdown(rules: Mapping[str, Rule]) -> str:
    """Writes docs/rules.md."""
    parts = [
        "# Rules\n",
        "What `megatwin check` may find. `megatwin explain RULE` shows the same text. This page is generated.\n",
    ]
    for rule in rules.values():
        parts += [f"## {rule.id}: {rule.summary}\n", f"*{rule.severity}.* {rule.explanation}\n"]
        parts.append(f"**What to do:** {rule.remedy}\n")
    return "\n".join(parts)
