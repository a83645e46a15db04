"""The command line: one file a command, imported only when it is used."""

from __future__ import annotations

import importlib
import sys
import traceback
from typing import Final

import click

from dtdl.errors import MegatwinError

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "init": ("interop.cli.init", "Make a project: models, megatwin.yaml, a mock plant."),
    "check": ("interop.cli.check", "Check files of every kind; print findings with file, line and column."),
    "validate": ("interop.cli.validate", "Check data against models or a JSON Schema."),
    "import": ("interop.cli.import_", "Turn an RDF instance graph into twins."),
    "explain": ("interop.cli.explain", "Explain a rule."),
    "diff": ("interop.cli.diff", "Compare two versions of DTDL: what breaks users, which version it needs."),
    "bump": ("interop.cli.bump", "Raise versions of Interfaces, and every reference to them."),
    "compile": ("interop.cli.compile", "Compile DTDL to typed Python."),
    "sim": ("interop.cli.sim", "Run a coupled system (SSP) offline, as fast as possible."),
    "up": ("interop.cli.up", "Run what a megatwin.yaml describes, live."),
    "serve": ("interop.cli.serve", "Serve an empty twin service that Azure Digital Twins clients use unmodified."),
    "demo": ("interop.cli.demo", "Run two vendors' plants and a simulation as one mega-twin."),
    "ls": ("interop.cli.ls", "List the twins of a running instance."),
    "get": ("interop.cli.get", "Show a twin of a running instance."),
    "set": ("interop.cli.set", "Write a property of a twin."),
    "call": ("interop.cli.call", "Call a command of a twin."),
    "history": ("interop.cli.history", "Show past values of a twin."),
    "query": ("interop.cli.query", "Query twins and relationships."),
    "watch": ("interop.cli.watch", "Follow changes as they happen."),
    "fmu": ("interop.cli.fmu", "Build, inspect and run functional mock-up units."),
    "opcua": ("interop.cli.opcua", "Types and mocks of OPC UA plants; certificates and trust."),
    "ledger": ("interop.cli.ledger", "Check, sign, prove and carry the ledger of every state."),
}
"""Command → module that has it as attribute ``command``, and the line that --help shows."""


class _LazyGroup(click.Group):
    """Knows the names of its commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="megatwin", prog_name="megatwin")
def command() -> None:
    """Join twin definitions, plants and simulations of several vendors into mega-twins."""


def main(arguments: list[str] | None = None) -> int:
    """Runs a command line and gives its exit code.

    0 ok · 1 findings · 2 usage or unreadable input · 3 a bug of ours · 4 endpoint unreachable · 5 simulation failed ·
    6 not ready in time · 130 interrupted.
    """
    try:
        result = command.main(arguments, prog_name="megatwin", standalone_mode=False)
    except MegatwinError as error:
        click.echo(f"megatwin: {error}", err=True)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception:  # noqa: BLE001 - the one place that turns a bug into exit code 3
        traceback.print_exc()
        click.echo("megatwin: this is a bug of megatwin; please report it with the lines above", err=True)
        return 3
    return result if isinstance(result, int) else 0
