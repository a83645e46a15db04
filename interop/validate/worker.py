"""Worker: the check against a JSON Schema, in a process of its own, since patterns and references may never end."""

from __future__ import annotations

import json
import resource
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from jsonschema.protocols import Validator
from referencing.exceptions import Unresolvable

from dtdl.diagnostic import Diagnostic, Location
from dtdl.errors import InputUnreadable, LimitExceeded, MegatwinError
from interop.validate.library import Library
from interop.validate.report import Full, Report
from interop.validate.words import words_of
from interop.validate.written import read

MAX_MEMORY: Final = 4 * 1024 * 1024 * 1024
"""Bytes of address space."""
_STACK: Final = 512 * 1024 * 1024
_FRAMES: Final = 20_000
_NETWORK: Final = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.bind")


class NetworkUsed(MegatwinError):
    """Something tried to reach a network, which no check does."""


def check(data: Sequence[Path], schema: Path) -> list[Diagnostic]:
    """Checks data against a schema, without any bound of time.

    Raises:
        InputUnreadable: A file cannot be read.
        LimitExceeded: A file is too large.
    """
    report = Report()
    try:
        validator = Library(schema, report).validator()
        if validator is not None:
            for path in data:
                _file(path, validator, report)
    except Full:
        # The report says itself that it is full.
        return report.ordered()
    except RecursionError:
        _unfinished(report, schema, "The schema refers to itself without end, or the data is too deep for it.")
    except OverflowError as error:
        _unfinished(report, schema, f"A number is too large to be compared with the schema: {error}.")
    except MemoryError:
        _unfinished(report, schema, f"The check needs more than {MAX_MEMORY // 1024**3} GiB of memory.")
    except Unresolvable as error:
        report.add("MT443", Location(str(schema)), f"A reference leads nowhere: {str(error.ref)[:200]!r}.")
    return report.ordered()


def _file(path: Path, validator: Validator, report: Report) -> None:
    for written in read(path, report):
        for error in validator.iter_errors(written.value):
            for words in words_of(error):
                where = written.at(words.path, key=words.key)
                named = "/".join(map(str, words.path))
                cause = f"{named}: {words.cause}" if named else words.cause
                report.add("MT440", where, cause, action=words.action, property_name=named or None)


def _unfinished(report: Report, schema: Path, cause: str) -> None:
    report.add("MT446", Location(str(schema)), cause)


def _no_network(event: str, _: tuple[Any, ...]) -> None:
    if event in _NETWORK:
        raise NetworkUsed(f"{event} in a check", action="Report this as a bug.")


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        found = check([Path(name) for name in request["data"]], Path(request["schema"]))
    except (InputUnreadable, LimitExceeded) as error:
        return {"error": type(error).__name__, "message": error.message, "action": error.action}
    return {"diagnostics": [asdict(item) for item in found]}


def main() -> None:
    """Reads one request from standard input and writes its answer to standard output."""
    sys.addaudithook(_no_network)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = MAX_MEMORY if hard == resource.RLIM_INFINITY else min(MAX_MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    # Metaschemas take many frames for each level of a schema; a stack of its own has room for the deepest allowed.
    sys.setrecursionlimit(_FRAMES)
    threading.stack_size(_STACK)
    request = json.load(sys.stdin)
    thread = threading.Thread(target=lambda: json.dump(_answer(request), sys.stdout))
    thread.start()
    thread.join()


if __name__ == "__main__":
    main()
