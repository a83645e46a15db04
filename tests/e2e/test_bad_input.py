"""Each bad input gives one clear error with a remedy and the documented exit code, and nothing else."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from fmu.shipped import library_fmu
from tests.e2e.harness import ROOT, environment, free_port, megatwin, run, wait_until

MODEL = {
    "@context": ["dtmi:dtdl:context;4", "dtmi:dtdl:extension:quantitativeTypes;2"],
    "@id": "dtmi:example:Room;1",
    "@type": "Interface",
    "contents": [
        {"@type": ["Property", "Temperature"], "name": "temperature", "schema": "double", "unit": "degreeCelsius"},
        {"@type": ["Property", "Power"], "name": "power", "schema": "double", "unit": "watt"},
    ],
}
RIGHT = """\
megatwin: 1
models: [models/]
twins:
  room: {model: "dtmi:example:Room;1"}
serve: {http: "127.0.0.1:0"}
"""
OTHER_PLATFORM = """\
megatwin: 1
models: [models/]
sources:
  thermal: {fmu: other.fmu, step: 1 s}
twins:
  room: {model: "dtmi:example:Room;1", bind: {thermal: {map: {temperature: T_room}}}}
serve: {http: "127.0.0.1:0"}
"""
FIVE = """\
megatwin: 1
models: [models/]
sources:
  plant: {opcua: "opc.tcp://127.0.0.1:4845", security: none, namespaces: {p: "urn:p"}}
twins:
  hall: {model: "dtmi:example:Rom;1"}
  room:
    model: "dtmi:example:Room;1"
    colour: red
    bind:
      plant:
        at: /Objects/2:Room
        map:
          temperature: {path: "p:T", unit: kilowatt}
          power: {path: "p:P", write: true}
serve: {http: "127.0.0.1:0"}
"""
FIVE_PLACES = ["6:17: error: dtmi:example:Rom;1", "9:5: error: the key 'colour'", "14:24: error: room/temperature",
               "14:44: error: kilowatt", "15:39: error: 'power'"]  # fmt: skip


class Case(NamedTuple):
    """A command line, its exit code, what is said where, and the remedy.

    ``findings``: the text is on standard output, as data; otherwise that is empty and the text is on standard error.
    """

    arguments: str
    code: int
    said: str
    remedy: str
    findings: bool = False


CASES = {
    "JSON that is not": Case("check broken.json", 1, "error[MT001]: This is not JSON", "Correct the syntax here", True),
    "JSON that is not UTF-8": Case("check latin.json", 1, "error[MT002]: This is not UTF-8", "as UTF-8", True),
    "YAML that is not": Case("check broken.yaml", 1, "error[MT101]", "Correct the syntax here", True),
    "YAML that is not UTF-8": Case("check latin.yaml", 1, "error[MT100]: the byte 0xff", "as UTF-8", True),
    "compile: not JSON": Case("compile broken.json -o x.py", 1, "error[MT001]", "Correct the syntax here", True),
    "up: not YAML": Case("up broken.yaml", 1, "broken.yaml:2:5: error:", "Correct the syntax here"),
    "up: not UTF-8": Case("up latin.yaml", 1, "latin.yaml:2:7: error: the byte 0xff", "as UTF-8"),
    "check: missing": Case("check missing.json", 2, "missing.json does not exist", "Correct the path."),
    "compile: missing": Case("compile missing.json -o x.py", 2, "missing.json cannot be read", "Check the path"),
    "up: missing": Case("up missing.yaml", 2, "missing.yaml does not exist", "Correct the path."),
    "fmu: missing": Case("fmu info missing.fmu", 2, "missing.fmu: does not exist", "Give the path of an .fmu file"),
    "ledger: missing": Case("ledger verify missing", 2, "there is no ledger in missing", "Give the data folder"),
    "trust: missing": Case("opcua trust add --store s missing.der", 2, "missing.der: no certificate", "Give the path"),
    "up: a folder": Case("up models", 2, "models is a folder, where a file is meant", "Name the file in it."),
    "fmu: a folder": Case("fmu info models", 2, "models: is a folder", "Give the path of an .fmu file"),
    "fmu: not an archive": Case("fmu run broken.json", 1, "broken.json: not a sound zip archive", "plain zip archive"),
    "check: FMU for another platform": Case(
        "check other.yaml", 1, "other.fmu: no binary for", "Export it again for this platform", True
    ),
    "up: FMU for another platform": Case(
        "up other.yaml", 1, "other.fmu: no binary for", "Export it again for this platform"
    ),
    "run: FMU for another platform": Case(
        "fmu run other.fmu", 2, "other.fmu: no binary for", "Export it again for this platform"
    ),
    "no instance answers": Case(
        "get room --url http://127.0.0.1:{closed}", 4, "http://127.0.0.1:{closed} cannot be reached", "megatwin up"
    ),
    "no instance answers a watch": Case(
        "watch --url http://127.0.0.1:{closed}", 4, "http://127.0.0.1:{closed} cannot be reached", "megatwin up"
    ),
    "port of REST in use": Case(
        "up right.yaml --set serve.http=127.0.0.1:{taken}", 2, "cannot listen on 127.0.0.1:{taken}", "another port"
    ),
    "port of OPC UA in use": Case(
        "up right.yaml --set serve.opcua=127.0.0.1:{taken}", 2, "cannot listen on 127.0.0.1:{taken}", "another port"
    ),
    "override of nothing": Case("up right.yaml --set servr.http=x", 1, "the key 'servr' is not known", "'serve'"),
    "no such example": Case("demo missing", 2, "there is no example 'missing'", "Use one of: two-vendors."),
    "no such command": Case("serv", 2, "No such command 'serv'", "Try 'megatwin --help'"),
    "no such option": Case("up --wait", 2, "No such option '--wait'", "Try 'megatwin up --help'"),
    "no such rule": Case("explain MT999", 2, "There is no rule 'MT999'", "Did you mean"),
    "an address that is none": Case("ls --url 127.0.0.1:80", 2, "is not an address", "Write it as http://"),
}


def for_another_platform(target: Path) -> None:
    """The shipped FMU with its binary under another platform's name, and without sources."""
    with zipfile.ZipFile(library_fmu("RoomThermal")) as archive, zipfile.ZipFile(target, "w") as changed:
        for name in archive.namelist():
            if name.startswith("binaries/"):
                changed.writestr("binaries/riscv128-elsewhere/RoomThermal.so", archive.read(name))
            elif not name.startswith("sources/"):
                changed.writestr(name, archive.read(name))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "Room.json").write_text(json.dumps(MODEL), "utf-8")
    (tmp_path / "broken.json").write_text('{"@id": ', "utf-8")
    (tmp_path / "latin.json").write_bytes(b'\xff{"@id": "x"}')
    (tmp_path / "broken.yaml").write_text("megatwin: {1\nname: x\n", "utf-8")
    (tmp_path / "latin.yaml").write_bytes(b"megatwin: 1\nname: \xff\n")
    for name, text in (("right", RIGHT), ("other", OTHER_PLATFORM), ("five", FIVE)):
        (tmp_path / f"{name}.yaml").write_text(text, "utf-8")
    for_another_platform(tmp_path / "other.fmu")
    return tmp_path


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_bad_input_gives_one_error_with_a_remedy(case: Case, project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        names = {"closed": str(free_port()), "taken": str(taken.getsockname()[1])}
        done = run(*case.arguments.format(**names).split(), cwd=project)
    where, other = (done.stdout, done.stderr) if case.findings else (done.stderr, done.stdout)
    assert done.returncode == case.code, done.stdout + done.stderr
    assert where.count(case.said.format(**names)) == 1, where
    assert case.remedy in where
    assert "Traceback" not in done.stdout + done.stderr
    assert not case.findings or "1 error" in other
    assert case.findings or other == ""
    assert not (project / "x.py").exists()


@pytest.mark.parametrize("command", ["check", "up"])
def test_five_mistakes_in_a_file_are_told_at_once_each_with_line_and_column(command: str, project: Path) -> None:
    more = ("--format", "concise") if command == "check" else ()
    done = run(command, "five.yaml", *more, cwd=project)
    assert done.returncode == 1
    lines = (done.stdout if command == "check" else done.stderr).removeprefix("megatwin: ").splitlines()
    assert len(lines) == 5, lines
    for line, place in zip(lines, FIVE_PLACES, strict=True):
        assert line.startswith(f"five.yaml:{place}"), line
    assert not (project / ".megatwin").exists()


@pytest.mark.parametrize("given", [None, "--format=json"])
def test_what_a_machine_reads_is_data_only(given: str | None, project: Path) -> None:
    done = run("check", "five.yaml", given or "--format=sarif", cwd=project)
    assert done.returncode == 1
    assert json.loads(done.stdout)


def test_an_endpoint_that_does_not_answer_is_said_and_the_rest_goes_on(tmp_path: Path) -> None:
    assert run("init", "mine", cwd=tmp_path).returncode == 0
    url = f"opc.tcp://127.0.0.1:{free_port()}/plant"
    settings = (f"sources.plant.opcua={url}", "serve.http=127.0.0.1:0", "serve.opcua=127.0.0.1:0")
    chosen = [word for setting in settings for word in ("--set", setting)]
    with megatwin("up", "--quiet", *chosen, cwd=tmp_path / "mine") as running:
        wait_until(lambda: [line for line in running.said if "plant down" in line], 30, "the link is down")
        (line,) = [line for line in running.said if "plant down" in line]
        assert url in line
        assert "refused" in line
        wait_until(lambda: [said for said in running.said if "tried again" in said], 5, "what happens next is said")
        value = running.value("tank-1/temperature")
        assert (value["value"], value["status"]) == (None, "BadNoCommunication")
        assert url in value["reason"]
        assert running.stop() == 130
        assert "Traceback" not in "\n".join(running.said)


@contextmanager
def secured_plant(folder: Path) -> Iterator[str]:
    """Vendor A's plant of the example, which has a certificate that nobody trusts yet; gives its address."""
    plant = ROOT / "examples" / "two-vendors" / "plant" / "aurora.py"
    with subprocess.Popen(
        [sys.executable, str(plant), "--port", "0", "--pki", str(folder / "pki of the plant")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
    ) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.kill()


def test_a_certificate_that_is_not_trusted_is_said_with_the_command_that_trusts_it(tmp_path: Path) -> None:
    example = tmp_path / "example"
    shutil.copytree(ROOT / "examples" / "two-vendors", example, ignore=shutil.ignore_patterns("__pycache__"))
    with secured_plant(tmp_path) as url:
        settings = (
            f"sources.aurora.opcua={url}",
            f"sources.borealis.opcua=opc.tcp://127.0.0.1:{free_port()}",
            "serve.http=127.0.0.1:0",
            "serve.opcua=127.0.0.1:0",
        )
        chosen = [word for setting in settings for word in ("--set", setting)]
        with megatwin("up", "--quiet", *chosen, cwd=example) as running:

            def told(what: str) -> Callable[[], list[str]]:
                return lambda: [line for line in running.said if what in line]

            (line,) = wait_until(told("aurora down"), 30, "the certificate is refused")
            assert f"the certificate of {url} is not trusted" in line
            command = line.split("run: megatwin ")[1]
            assert command.startswith("opcua trust add --store ")
            trusted = run(*command.split(), cwd=example)
            assert trusted.returncode == 0, trusted.stderr
            wait_until(told("aurora up"), 30, "the link comes up without a restart")
            wait_until(lambda: running.value("cabinet/paTemperature")["status"] == "Good", 10, "its values are good")
            assert running.stop() == 130


def test_a_second_process_on_the_same_data_is_refused_and_the_first_is_named(project: Path) -> None:
    with megatwin("up", "right.yaml", "--quiet", cwd=project) as running:
        assert running.url
        second = run("up", "right.yaml", cwd=project)
        assert second.returncode == 2
        assert second.stdout == ""
        assert str(running.process.pid) in second.stderr
        assert len(second.stderr.splitlines()) == 2, second.stderr
        assert running.value("room/temperature")["status"] == "BadNoData"
        assert running.stop() == 130
    third = run("up", "right.yaml", "--quiet", "--for", "0.1", cwd=project)
    assert third.returncode == 0, third.stderr


def test_a_reader_that_goes_away_is_no_error(project: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f'set -o pipefail; "{sys.executable}" -m megatwin explain | head -n 1'],
        cwd=project, env=environment(), capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
