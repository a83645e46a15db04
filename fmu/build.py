"""C source → .fmu for this platform or for others; the same sources and compiler give the same bytes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Final

from dtdl.errors import BuildFailed, InputUnreadable
from dtdl.markup import Element, MarkupInvalid, parse
from fmu import archive, binaries
from fmu.description import FILE_NAME, FMI_3, Description, Interface, read_description

COMPILERS: Final = ("gcc", "cc", "clang")
FLAGS: Final = ("-O2", "-fPIC", "-shared", "-ffp-contract=off", "-g0", "-s", "-Wl,--build-id=none")
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_TIMEOUT_S: Final = 300.0
_COSIM: Final = Path(__file__).parent / "library" / "cosim"
_INCLUDES: Final = re.compile(rb'^\s*#\s*include\s*"cosim\.h"', re.MULTILINE)
_BUILD_DESCRIPTION: Final = """<?xml version="1.0" encoding="UTF-8"?>
<fmiBuildDescription fmiVersion="{version}">
  <BuildConfiguration modelIdentifier="{identifier}">
    <SourceFileSet language="C99">
{files}
    </SourceFileSet>
    <Library name="m" external="true"/>
  </BuildConfiguration>
</fmiBuildDescription>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What is compiled: paths relative to the folder ``sources``."""

    files: Sequence[str]
    standard: str = "c99"
    definitions: Sequence[str] = ()
    includes: Sequence[str] = ()


def build(source: Path, target: Path, *, platforms: Sequence[str] = ()) -> Path:
    """Builds the binaries of an FMU and packs it.

    Args:
        source: A folder with ``model.c`` (and further ``.c`` and ``.h`` files) and ``modelDescription.xml``, whose
            folders ``resources``, ``documentation`` and ``terminalsAndIcons`` are packed too; or an ``.fmu`` with
            sources.
        target: The ``.fmu`` to write; replaced in one step when all went well.
        platforms: What to build for, of `fmu.binaries.TARGETS`, with the compiler of the package ``ziglang``. Empty:
            this platform, with its own compiler.

    Returns:
        The target.

    Raises:
        InputUnreadable: The source lacks a file.
        DescriptionInvalid: Its modelDescription.xml has findings.
        ArchiveUnsafe: The source FMU is not a sound archive.
        BuildFailed: There is no compiler, or it refused the sources; with its own words.
    """
    description = read_description(source)
    interface = description.co_simulation or description.model_exchange
    if interface is None:
        raise BuildFailed(f"{source}: neither co-simulation nor model exchange", action="Use another FMU.")
    with tempfile.TemporaryDirectory(prefix="megatwin-build-") as scratch:
        root = Path(scratch) / "fmu"
        if source.is_dir():
            plan = _lay_out(source, root, description, interface)
        else:
            archive.unpack(source, root)
            plan = _plan_of(root / "sources", description, interface)
        if not platforms:
            platform = binaries.platform_names(description.major)[0]
            binary = root / binaries.member(description, interface, platform)
            _compile(root / "sources", plan, interface.model_identifier, binary, _Tool(compiler=(compiler(),)))
        for platform in platforms:
            tool = cross_tool(platform)
            binary = root / binaries.target_member(description, interface, platform)
            _compile(root / "sources", plan, interface.model_identifier, binary, tool)
        packed = Path(scratch) / "packed.fmu"
        _pack(root, packed)
        target.parent.mkdir(parents=True, exist_ok=True)
        # a copy beside the target, then one rename: readers see the old file or the new one
        beside = target.with_name(f".{target.name}.{Path(scratch).name}")
        shutil.copyfile(packed, beside)
        beside.replace(target)
    return target


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tool:
    """A compiler as a command, with what it needs besides the common flags."""

    compiler: Sequence[str]
    flags: Sequence[str] = FLAGS
    libraries: Sequence[str] = ("-lm",)


def cross_tool(platform: str) -> _Tool:
    """The compiler for another platform: clang as the package ``ziglang`` brings it.

    Raises:
        BuildFailed: A platform that is not one of `fmu.binaries.TARGETS`, or the package is missing.
    """
    if platform not in binaries.TARGETS:
        raise BuildFailed(f"there is no platform {platform!r}", action=f"Take of {', '.join(binaries.TARGETS)}.")
    if find_spec("ziglang") is None:
        raise BuildFailed(
            f"building for {platform} needs ziglang, which is not installed",
            action="Run: pip install 'megatwin[build]'",
        )
    machine, _, system = platform.partition("-")
    triple = {"linux": f"{machine}-linux-gnu.2.28", "windows": f"{machine}-windows-gnu", "darwin": f"{machine}-macos"}
    flags = ["-O2", "-shared", "-ffp-contract=off", "-g0", "-s", *(["-fPIC"] if system != "windows" else [])]
    flags += ["-Wl,--build-id=none"] if system == "linux" else []
    # zig adds checks of undefined behaviour that a binary of ours does not have
    flags += ["-fno-sanitize=undefined"]
    return _Tool(
        compiler=(sys.executable, "-m", "ziglang", "cc", "-target", triple[system]),
        flags=flags,
        libraries=() if system == "windows" else ("-lm",),
    )


def compiler() -> str:
    """Path of the C compiler.

    Raises:
        BuildFailed: There is none.
    """
    for name in COMPILERS:
        if found := shutil.which(name):
            return found
    raise BuildFailed(
        f"no C compiler: none of {', '.join(COMPILERS)} is on the path", action="Install gcc, then try again."
    )


def _lay_out(source: Path, root: Path, description: Description, interface: Interface) -> _Plan:
    """Copies a model's folder into the shape of an FMU."""
    if not (source / "model.c").is_file():
        raise InputUnreadable(f"{source}: there is no model.c", action="Give a folder with model.c, or a source .fmu.")
    sources = root / "sources"
    sources.mkdir(parents=True)
    shutil.copyfile(source / FILE_NAME, root / FILE_NAME)
    for file in sorted(source.iterdir()):
        if file.suffix in (".c", ".h"):
            shutil.copyfile(file, sources / file.name)
            if _INCLUDES.search(file.read_bytes()):
                shutil.copyfile(_COSIM / f"cosim{description.major}.h", sources / "cosim.h")
                shutil.copyfile(_COSIM / "values.h", sources / "values.h")
    for folder in ("resources", "documentation", "terminalsAndIcons"):
        if (source / folder).is_dir():
            shutil.copytree(source / folder, root / folder)
    files = sorted(file.name for file in sources.glob("*.c"))
    if description.major == FMI_3:
        listed = "\n".join(f'      <SourceFile name="{name}"/>' for name in files)
        text = _BUILD_DESCRIPTION.format(
            version=description.fmi_version, identifier=interface.model_identifier, files=listed
        )
        (sources / "buildDescription.xml").write_text(text, encoding="utf-8")
    return _Plan(files=files)


def _plan_of(sources: Path, description: Description, interface: Interface) -> _Plan:
    """What a source FMU says must be compiled."""
    plan = _Plan(files=interface.source_files, standard="gnu11")
    listing = sources / "buildDescription.xml"
    if description.major == FMI_3 and listing.is_file():
        try:
            plan = _listed(parse(listing.read_bytes()), interface)
        except MarkupInvalid as error:
            raise BuildFailed(
                f"{description.file}: sources/buildDescription.xml:{error.line}: {error.reason}",
                action="Ask its author for sound sources.",
            ) from error
    if not plan.files:
        found = sorted(file.relative_to(sources).as_posix() for file in sources.glob("*.c"))
        plan = replace(plan, files=found)
    for name in (*plan.files, *plan.includes):
        path = PurePosixPath(name)
        if not name or path.is_absolute() or ".." in path.parts or not (sources / path).exists():
            raise BuildFailed(
                f"{description.file}: its sources name {name!r}, which is not there",
                action="Ask its author for complete sources.",
            )
    if not plan.files:
        raise BuildFailed(f"{description.file}: it has no C sources", action="Ask its author for an FMU with sources.")
    return plan


def _listed(root: Element, interface: Interface) -> _Plan:
    """Reads a buildDescription.xml (FMI 3.0, 2.5.1.4.1)."""
    files: list[str] = []
    definitions: list[str] = []
    includes: list[str] = []
    for configuration in root.all("BuildConfiguration"):
        if configuration.attributes.get("modelIdentifier") != interface.model_identifier:
            continue
        for group in configuration.all("SourceFileSet"):
            files += [file.attributes.get("name", "") for file in group.all("SourceFile")]
            includes += [folder.attributes.get("name", "") for folder in group.all("IncludeDirectory")]
            for macro in group.all("PreprocessorDefinition"):
                value = macro.attributes.get("value")
                definitions.append(macro.attributes.get("name", "") + (f"={value}" if value is not None else ""))
    return _Plan(files=files, standard="gnu11", definitions=definitions, includes=includes)


def _compile(sources: Path, plan: _Plan, name: str, binary: Path, tool: _Tool) -> None:
    binary.parent.mkdir(parents=True, exist_ok=True)
    command = [
        *tool.compiler,
        f"-std={plan.standard}",
        *tool.flags,
        # without these two, a FUNCTION_PREFIX of the sources would end up in the names of a shared library
        "-DFMI2_OVERRIDE_FUNCTION_PREFIX",
        "-DFMI3_OVERRIDE_FUNCTION_PREFIX",
        # FMI 1.0 has it in the name of every function
        f"-DMODEL_IDENTIFIER={name}",
        *(f"-D{definition}" for definition in plan.definitions),
        "-I.",
        *(f"-I{folder}" for folder in plan.includes),
        f"-I{headers()}",
        "-o",
        str(binary),
        *plan.files,
        *tool.libraries,
    ]
    try:
        # run among the sources, so that no path of this machine gets into the binary
        done = subprocess.run(  # noqa: S603 - a compiler with arguments that were checked, without a shell
            command, cwd=sources, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise BuildFailed(
            f"{name}: the compiler did not end within {_TIMEOUT_S:g} s", action="Look at the sources."
        ) from error
    except OSError as error:
        raise BuildFailed(f"{name}: the compiler cannot run: {error}", action="Install gcc, then try again.") from error
    if done.returncode:
        words = (done.stderr or done.stdout).strip()
        raise BuildFailed(f"{name}: the compiler refused the sources:\n{words}", action="Correct the C sources.")


def headers() -> Path:
    """FMPy ships the headers of every FMI version; finding them does not import it."""
    spec = find_spec("fmpy")
    folder = Path(spec.origin).parent / "c-code" if spec and spec.origin else None
    if folder is None or not (folder / "fmi3Functions.h").is_file():
        raise BuildFailed("the FMI headers are missing: fmpy is not installed", action="Run: pip install fmpy")
    return folder


def _pack(root: Path, packed: Path) -> None:
    """Zips a folder with fixed times, rights and order."""
    names = sorted(file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_file())
    names.sort(key=lambda name: name != FILE_NAME)
    with zipfile.ZipFile(packed, "w") as out:
        for name in names:
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = (0o100755 if name.startswith("binaries/") else 0o100644) << 16
            out.writestr(entry, (root / name).read_bytes(), compresslevel=9)
