from __future__ import annotations

import ssl
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from interop.cli import main
from interop.rest import tls
from interop.rest.tls import dev_tls


def serve(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "megatwin", "serve", "--http", "127.0.0.1:0", "--for", "0", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


def test_serve_says_where_it_is_and_what_makes_it_trusted(tmp_path: Path) -> None:
    done = serve("--data", "twins", "--tls-dev", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    authority = tmp_path / "twins" / "tls" / "ca.pem"
    assert done.stdout.splitlines() == [f"REQUESTS_CA_BUNDLE={authority}", f"NODE_EXTRA_CA_CERTS={authority}"]
    assert "REST     https://127.0.0.1:" in done.stderr


def test_without_tls_nothing_is_on_standard_output(tmp_path: Path) -> None:
    done = serve(cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert "REST     http://127.0.0.1:" in done.stderr
    assert (tmp_path / ".megatwin").is_dir()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--http", "8080"],
        ["--http", "127.0.0.1:x"],
        ["--http", "127.0.0.1:99999"],
        ["--endpoint", "log"],
        ["--endpoint", "a b=c"],
        ["--endpoint", "hook=ftp://127.0.0.1/x"],
    ],
)
def test_what_cannot_be_understood_is_a_matter_of_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", *arguments]) == 2
    assert repr(arguments[1]) in capsys.readouterr().err


def test_an_address_of_the_network_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--data", str(tmp_path), "--http", "0.0.0.0:0"]) == 1
    assert "not a loopback address" in capsys.readouterr().err


def test_the_certificate_is_for_this_machine_signed_by_the_authority_and_kept(tmp_path: Path) -> None:
    first = dev_tls(tmp_path / "tls")
    context = ssl.create_default_context(cafile=str(first.authority))
    assert context.cert_store_stats()["x509_ca"] == 1
    certificate = x509.load_pem_x509_certificate(first.certificate.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(name) for name in names.get_values_for_type(x509.IPAddress)} == {"127.0.0.1", "::1"}
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(first.authority.read_bytes()))
    assert stat.S_IMODE(first.key.stat().st_mode) == 0o600
    before = first.certificate.read_bytes()
    assert dev_tls(tmp_path / "tls").certificate.read_bytes() == before


def test_a_certificate_that_ends_soon_or_is_damaged_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "LIFETIME", timedelta(days=20))
    short = dev_tls(tmp_path)
    monkeypatch.undo()
    renewed = x509.load_pem_x509_certificate(dev_tls(tmp_path).certificate.read_bytes())
    assert renewed.not_valid_after_utc > datetime.now(UTC) + timedelta(days=300)
    short.certificate.write_text("damaged", "utf-8")
    assert x509.load_pem_x509_certificate(dev_tls(tmp_path).certificate.read_bytes())
    short.key.unlink()
    assert dev_tls(tmp_path).key.is_file()
