"""Worker: the process in which graphs and shapes of others are read; it reaches no network and starts no program."""

from __future__ import annotations

import json
import logging
import resource
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final

from dtdl.errors import InputUnreadable, LimitExceeded, MegatwinError, ModelInvalid, ModelNotFound
from dtdl.errors import ValueInvalid as Invalid

MAX_MEMORY: Final = 4 * 1024 * 1024 * 1024
"""Bytes of address space."""
_REFUSED: Final = (
    "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.bind", "urllib.Request",
    "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork",
)  # fmt: skip


class Confined(MegatwinError):
    """Something tried to leave the process, which no graph may cause."""

    exit_code = 1


def _refuse(event: str, _: tuple[Any, ...]) -> None:
    if event in _REFUSED:
        raise Confined(f"{event} while a graph was read", action="Remove from the graph what asks for it.")


def _import(request: dict[str, Any]) -> dict[str, Any]:
    from interop.rdf.importing import answer  # noqa: PLC0415 - each task imports what it needs

    return answer(request)


def _shapes(request: dict[str, Any]) -> dict[str, Any]:
    from interop.rdf.shapes import answer  # noqa: PLC0415 - pyshacl is an extra

    return answer(request)


TASKS: Final[Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {"import": _import, "shapes": _shapes}


def answered(task: str, request: dict[str, Any]) -> dict[str, Any]:
    """Runs a task and gives its answer, or what it raised, as JSON values."""
    try:
        return TASKS[task](request)
    except (InputUnreadable, LimitExceeded, ModelNotFound) as error:
        return {"error": type(error).__name__, "message": error.message, "action": error.action}
    except (Invalid, ModelInvalid) as error:
        return {"invalid": [asdict(item) for item in error.diagnostics]}
    except MemoryError:
        message = f"the work needs more than {MAX_MEMORY // 1024**3} GiB of memory"
        return {"error": "LimitExceeded", "message": message, "action": "Split the graph."}


def main() -> None:
    """Reads one request from standard input and writes its answer to standard output."""
    sys.addaudithook(_refuse)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = MAX_MEMORY if hard == resource.RLIM_INFINITY else min(MAX_MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    # rdflib logs a traceback for each literal that is not of its datatype; we say that ourselves.
    logging.getLogger("rdflib").setLevel(logging.CRITICAL)
    asked = json.load(sys.stdin)
    json.dump(answered(asked["task"], asked["request"]), sys.stdout)


if __name__ == "__main__":
    main()
