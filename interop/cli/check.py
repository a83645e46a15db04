"""``megatwin check``: checks files of every kind; prints findings with file, line and column."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dtdl.diagnostic import Diagnostic
    from interop.check import Checked

GRAPHS = (".ttl", ".nt", ".jsonld", ".ndjson")
"""What --shapes takes beside what is always checked."""
FORMATS = ("text", "concise", "json", "sarif", "github", "junit")


@dataclass(frozen=True, slots=True)
class _Choice:
    """What was asked for."""

    paths: tuple[str, ...]
    strict: bool
    select: tuple[str, ...]
    ignore: tuple[str, ...]

    def refuse_unknown(self, found: Iterable[str]) -> None:
        """Refuses a rule of ours that is not there: selecting it would hide every finding.

        Args:
            found: Rules of what was found. Adapters of others have rules of their own: what may be one is only noted.

        Raises:
            click.UsageError: No rule begins so.
        """
        if not (self.select or self.ignore):
            return
        from interop.config.findings import did_you_mean  # noqa: PLC0415 - only when rules are named
        from interop.rules import PREFIX, find_rules  # noqa: PLC0415

        known = {*find_rules(), *found}
        for name in (*self.select, *self.ignore):
            if any(rule.startswith(name) for rule in known):
                continue
            full = PREFIX + name
            near = f"Did you mean {full!r}?" if full in known else did_you_mean(name, known)
            message = f"No rule begins with {name!r}. {near or 'megatwin explain lists all.'}"
            if full in known or name.upper().startswith(("MT", "DTMI:")):
                raise click.UsageError(message)
            click.echo(message, err=True)

    def wants(self, rule: str) -> bool:
        return (not self.select or rule.startswith(self.select)) and not (self.ignore and rule.startswith(self.ignore))


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATHS...")
@click.option("--format", "how", type=click.Choice(FORMATS), default="text", show_default=True, help="How to print.")
@click.option("--strict", is_flag=True, help="Warnings count as findings; undefined extensions are refused.")
@click.option("--select", multiple=True, metavar="RULE", help="Only rules that begin so; may be repeated.")
@click.option("--ignore", multiple=True, metavar="RULE", help="No rules that begin so; may be repeated.")
@click.option("--resolve", multiple=True, metavar="DIR", type=click.Path(path_type=Path),
              help="Folder of definitions that those given only refer to; may be repeated.")  # fmt: skip
@click.option("--baseline", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Findings that this file knows do not count.")  # fmt: skip
@click.option("--update-baseline", is_flag=True, help="Write what is found now to the baseline.")
@click.option("--fix", "mend", is_flag=True, help="First edit definitions where that cannot change their meaning.")
@click.option("--diff", is_flag=True, help="With --fix: show the edits, and write nothing.")
@click.option("--shapes", multiple=True, metavar="FILE",
              help="SHACL shapes that the graph of PATHS is checked against; may be repeated.")  # fmt: skip
def command(  # noqa: PLR0913 - one for each option
    paths: tuple[str, ...],
    how: str,
    *,
    strict: bool,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    resolve: tuple[Path, ...],
    baseline: Path | None,
    update_baseline: bool,
    mend: bool,
    diff: bool,
    shapes: tuple[str, ...],
) -> int:
    """Check DTDL (.json, .jsonl), megatwin.yaml and FMUs; folders are searched for them.

    With --shapes, PATHS may also be graphs (.ttl, .nt, .jsonld) and twins (.ndjson).

    Exit code 0: nothing was found. 1: findings. 2: a path is missing or cannot be read.
    """
    if update_baseline and baseline is None:
        raise click.UsageError("--update-baseline needs --baseline FILE")
    if diff and not mend:
        raise click.UsageError("--diff needs --fix")
    from interop.check import check  # noqa: PLC0415 - pydantic and the compiler are needed only here

    data = tuple(path for path in paths if shapes and path.lower().endswith(GRAPHS))
    paths = tuple(path for path in paths if path not in data)
    chosen = _Choice(paths, strict, select, ignore)
    checked = check(paths, strict=strict, resolve=resolve)
    chosen.refuse_unknown(item.rule for item in checked.diagnostics)
    if mend and _mend(checked, chosen, show=diff):
        checked = check(paths, strict=strict, resolve=resolve)
    if shapes:
        _add_shapes(checked, shapes, data)
    return _report(checked, chosen, "" if diff else how, (baseline, update_baseline))


def run(paths: tuple[str, ...], how: str, *, strict: bool, second_opinion: bool = False) -> int:
    """Checks and prints, for commands that check one kind of file.

    Args:
        paths: Files and folders.
        how: One of FORMATS.
        strict: Whether warnings count.
        second_opinion: See `interop.check.check`.

    Returns:
        The exit code.
    """
    from interop.check import check  # noqa: PLC0415 - pydantic and the compiler are needed only here

    checked = check(paths, strict=strict, second_opinion=second_opinion)
    return _report(checked, _Choice(paths, strict, (), ()), how, (None, False))


def _report(checked: Checked, chosen: _Choice, how: str, known: tuple[Path | None, bool]) -> int:
    """Prints the findings, but for those of the baseline, and gives the exit code."""
    from dtdl.diagnostic import Severity  # noqa: PLC0415
    from interop import baseline  # noqa: PLC0415
    from interop.cli.render import render, summary  # noqa: PLC0415

    found = [item for item in checked.diagnostics if chosen.wants(item.rule)]
    path, update = known
    notes = []
    if path is not None and update:
        notes.append(f"{baseline.write(found, path)} findings written to {path}")
    if path is not None:
        count = len(found)
        found, gone = baseline.new(found, path)
        if count > len(found):
            notes.append(f"{count - len(found)} known to {path}")
        if gone:
            notes.append(f"{gone} of {path} no longer there: --update-baseline drops them")
    if how:
        color = how == "text" and sys.stdout.isatty() and "NO_COLOR" not in os.environ
        click.echo(render(found, how, checked=checked.files, color=color), nl=False, color=color)
    count = len(checked.files)
    if checked.skipped:
        notes.insert(0, f"{len(checked.skipped)} passed over, being no DTDL and no configuration")
    line = f"{count} file{'s' if count != 1 else ''} checked: {summary(found)}"
    click.echo("; ".join((line, *notes)), err=True)
    bad = {Severity.ERROR, Severity.WARNING} if chosen.strict else {Severity.ERROR}
    return 1 if any(item.severity in bad for item in found) else 0


def _add_shapes(checked: Checked, shapes: tuple[str, ...], data: tuple[str, ...]) -> None:
    """Adds what the shapes find in the graph of the definitions and the data."""
    from dtdl.diagnostic import Severity  # noqa: PLC0415
    from dtdl.errors import ValueInvalid  # noqa: PLC0415
    from interop.rdf.shapes import check_shapes  # noqa: PLC0415 - rdflib is needed only here

    checked.files += [*data, *shapes]
    if any(item.severity is Severity.ERROR for item in checked.diagnostics):
        click.echo("the shapes were not checked, since there are errors", err=True)
        return
    found: dict[Diagnostic, None] = {}
    for models in checked.sets or [()]:
        try:
            found |= dict.fromkeys(check_shapes(shapes, models, data))
        except ValueInvalid as error:
            found |= dict.fromkeys(error.diagnostics)
    checked.diagnostics += found


def _mend(checked: Checked, chosen: _Choice, *, show: bool) -> bool:
    """Edits definitions, or shows the edits; says what was done, and whether files changed."""
    from interop.fixes import fix  # noqa: PLC0415 - reads definitions again

    def may(path: Path) -> bool:
        return path.resolve() in checked.named

    fixed = fix(checked.sets, may=may, wanted=chosen.wants, strict=chosen.strict,
                resolver=checked.resolver)  # fmt: skip
    if show:
        click.echo(fixed.diff(), nl=False)
    else:
        fixed.write()
    for item in fixed.done:
        click.echo(f"{'would fix' if show else 'fixed'} {item}", err=True)
    for item in fixed.left:
        click.echo(f"not fixed, for that would change something else: {item}", err=True)
    if fixed.skipped:
        click.echo("definitions with errors are not edited: correct the errors first", err=True)
    return bool(fixed.texts) and not show
