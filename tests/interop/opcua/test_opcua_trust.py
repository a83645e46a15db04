"""Certificates on disk, and the command that trusts them."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dtdl.errors import InputUnreadable, Untrusted
from interop.cli import main
from interop.opcua.security import Store, application_uri, der, read_certificate, thumbprint, verify_peer


def test_our_certificate_is_made_once_and_names_the_application(tmp_path: Path) -> None:
    own = Store(tmp_path).own("north")
    certificate = read_certificate(own.certificate)
    assert application_uri(certificate) == own.application_uri
    assert certificate.not_valid_before_utc < datetime.now(UTC) < certificate.not_valid_after_utc
    assert stat.S_IMODE(own.key.stat().st_mode) == 0o600
    before = own.certificate.read_bytes()
    assert Store(tmp_path).own("north").certificate.read_bytes() == before
    assert Store(tmp_path).own("south").certificate.read_bytes() != before


def test_a_peer_is_refused_until_it_is_trusted_and_again_when_it_no_longer_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    peer = der(read_certificate(Store(tmp_path / "peer").own("peer").certificate))
    store = Store(tmp_path / "ours")
    with pytest.raises(Untrusted, match="not trusted"):
        verify_peer(peer, pinned=None, store=store, peer="plant")
    (met,) = store.rejected()
    assert met.thumbprint == thumbprint(peer)
    assert main(["opcua", "trust", "add", "--store", str(store.folder), str(met.path)]) == 0
    verify_peer(peer, pinned=None, store=store, peer="plant")
    capsys.readouterr()
    assert main(["opcua", "trust", "list", "--store", str(store.folder), "--format", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["trusted"], row["thumbprint"]) == (True, met.thumbprint)
    assert main(["opcua", "trust", "remove", "--store", str(store.folder), met.thumbprint[:8]]) == 0
    with pytest.raises(Untrusted):
        verify_peer(peer, pinned=None, store=store, peer="plant")
    assert main(["opcua", "trust", "list", "--store", str(store.folder)]) == 0
    assert "rejected" in capsys.readouterr().out


def test_what_is_no_certificate_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "x.der"
    other.write_bytes(b"nothing")
    for path in (other, tmp_path / "missing.der"):
        with pytest.raises(InputUnreadable):
            read_certificate(path)
        assert main(["opcua", "trust", "add", "--store", str(tmp_path / "s"), str(path)]) == 2
    assert main(["opcua", "trust", "remove", "--store", str(tmp_path / "s"), "abc"]) == 2
    assert "0 trusted certificates" in capsys.readouterr().err
