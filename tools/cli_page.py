"""The page about the command line, from the commands themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import click

from interop.cli import COMMANDS
from interop.cli import command as root

_HEAD: Final = """\
# Command line

```
megatwin COMMAND [OPTIONS] [ARGUMENTS]
```

`python -m megatwin` is the same. Data goes to standard output, everything else to standard error. With `--format json`
the data is JSON: one document, or one line a twin where it goes on. `-h` or `--help` explains every command.

| Exit code | Means |
|---|---|
| 0 | ok |
| 1 | findings: something that was read is wrong, or a request was refused |
| 2 | usage, or input that is missing or cannot be read |
| 3 | a bug of megatwin; the traceback is on standard error |
| 4 | an endpoint cannot be reached |
| 5 | a simulation failed |
| 6 | not ready, or not done, in time |
| 130 | interrupted with Ctrl-C |

| Environment | Means |
|---|---|
| `MEGATWIN_URL` | where the commands about a running instance look for it; `--url` goes first |
| `NO_COLOR` | no colours |

"""


def cli_page() -> str:
    """Gives docs/cli.md: every command with its arguments and options."""
    parts = [_HEAD, "| Command | Does |\n|---|---|\n"]
    parts += [f"| [`{name}`](#megatwin-{name}) | {_cell(text)} |\n" for name, (_, text) in COMMANDS.items()]
    context = click.Context(root, info_name="megatwin")
    for name in COMMANDS:
        found = root.get_command(context, name)
        assert found is not None
        parts += _section(found, click.Context(found, info_name=name, parent=context), depth=2)
    return "".join(parts)


def _section(found: click.Command, context: click.Context, *, depth: int) -> Iterator[str]:
    path = context.command_path
    yield f"\n{'#' * depth} {path}\n\n```\n{path} {' '.join(found.collect_usage_pieces(context))}\n```\n\n"
    yield "\n\n".join(_paragraphs(found.help or "")) + "\n"
    options = [option for option in found.get_params(context) if isinstance(option, click.Option)]
    rows = [_row(option, context) for option in options if "--help" not in option.opts]
    if rows:
        yield "\n| Option | Means |\n|---|---|\n" + "".join(rows)
    if isinstance(found, click.Group):
        for name in found.list_commands(context):
            inner = found.get_command(context, name)
            assert inner is not None
            yield from _section(inner, click.Context(inner, info_name=name, parent=context), depth=depth + 1)


def _paragraphs(text: str) -> list[str]:
    return [re.sub(r"\s+", " ", part).strip() for part in re.split(r"\n\s*\n", text.strip())]


def _row(option: click.Option, context: click.Context) -> str:
    names, meaning = option.get_help_record(context) or ("", "")
    return f"| `{_cell(names)}` | {_cell(meaning)} |\n"


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().replace("|", "\\|").replace("<", "&lt;")
