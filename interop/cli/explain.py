"""``megatwin explain``: what a rule means, why it is there, and what to do."""

from __future__ import annotations

import textwrap

import click


@click.command()
@click.argument("rule", required=False)
@click.option("--format", "how", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How.")
def command(rule: str | None, how: str) -> int:
    """Explain a RULE such as MT121 or missingContext; without one, list all.

    Exit code 0: explained. 2: there is no such rule.
    """
    import json  # noqa: PLC0415 - --help needs none of these
    from dataclasses import asdict  # noqa: PLC0415

    from interop.config.findings import did_you_mean  # noqa: PLC0415
    from interop.rules import find_rules  # noqa: PLC0415

    rules = find_rules()
    if rule is None:
        chosen = list(rules.values())
        if how == "text":
            click.echo("\n".join(f"{known.id:<10} {known.severity:<8} {known.summary}" for known in chosen))
            return 0
    else:
        short = {name.rpartition(":")[2].lower(): known for name, known in rules.items()}
        near = rules.get(rule) or short.get(rule.lower())
        if near is None:
            guess = did_you_mean(rule, rules, otherwise="Run megatwin explain for the list.")
            raise click.UsageError(f"There is no rule {rule!r}. {guess}")
        chosen = [near]
    if how == "json":
        click.echo(json.dumps([asdict(known) for known in chosen], indent=2, ensure_ascii=False))
        return 0
    for known in chosen:
        click.echo(f"{known.id} ({known.severity}): {known.summary}\n")
        click.echo(textwrap.fill(known.explanation, 100) + "\n")
        click.echo(textwrap.fill(f"What to do: {known.remedy}", 100))
    return 0
