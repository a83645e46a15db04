import pytest
from pydantic import BaseModel, ValidationError

from interop.config.quantities import (
    Bytes,
    ExistingFile,
    HostAndPort,
    PositiveSeconds,
    Quantity,
    Seconds,
    Secret,
    Text,
    parse_quantity,
)  # fmt: skip


class Settings(BaseModel):
    wait: Seconds = 5.0
    step: PositiveSeconds = 1.0
    size: Bytes = 0
    listen: HostAndPort | None = None
    password: Secret | None = None
    user: Text | None = None
    key: ExistingFile | None = None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500 ms", 0.5), ("500ms", 0.5), ("5 s", 5.0), ("1 min", 60.0), ("1.5 h", 5400.0), ("1 d", 86400.0),
     ("1e3 us", 1e-3), (0, 0.0)],
)  # fmt: skip
def test_a_duration_comes_as_seconds(text, seconds):
    assert Settings(wait=text).wait == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "kind"),
    [(5, "unit_missing"), (0.5, "unit_missing"), ("5", "quantity_invalid"), ("5 weeks", "quantity_invalid"),
     (True, "quantity_invalid"), ("soon", "quantity_invalid"), ("-1 s", "quantity_negative"),
     (None, "quantity_invalid"), ("1e999 s", "quantity_invalid")],
)  # fmt: skip
def test_a_duration_without_a_known_unit_is_refused(text, kind):
    with pytest.raises(ValidationError) as caught:
        Settings(wait=text)
    assert caught.value.errors()[0]["type"] == kind


def test_a_step_of_zero_is_refused():
    with pytest.raises(ValidationError):
        Settings(step="0 s")


def test_a_size_comes_as_bytes():
    assert Settings(size="64 MiB").size == 64 * 1024 * 1024


def test_a_secret_comes_from_the_environment_and_is_not_shown(monkeypatch):
    monkeypatch.setenv("PLANT_PASSWORD", "hush")
    settings = Settings(password="env:PLANT_PASSWORD", user="env:PLANT_PASSWORD")
    assert settings.password.get_secret_value() == "hush"
    assert settings.user == "hush"
    assert "hush" not in repr(settings.password)


def test_a_secret_in_the_file_is_refused_and_an_unset_variable_too(monkeypatch):
    monkeypatch.delenv("PLANT_PASSWORD", raising=False)
    with pytest.raises(ValidationError) as caught:
        Settings(password="hush", user="env:PLANT_PASSWORD")
    assert [error["type"] for error in caught.value.errors()] == ["secret_in_file", "environment_unset"]


@pytest.mark.parametrize("text", ["127.0.0.1", "127.0.0.1:http", "127.0.0.1:70000", ":80", "::1:80", 8080])
def test_an_address_that_is_not_host_and_port_is_refused(text):
    with pytest.raises(ValidationError):
        Settings(listen=text)


def test_an_address_is_host_and_port():
    assert Settings(listen="[::1]:8080").listen == ("::1", 8080)


def test_a_missing_file_is_found_when_the_folder_is_known(tmp_path):
    (tmp_path / "a.pem").write_text("x")
    assert Settings.model_validate({"key": "a.pem"}, context={"base": str(tmp_path)}).key == "a.pem"
    with pytest.raises(ValidationError):
        Settings.model_validate({"key": "b.pem"}, context={"base": str(tmp_path)})
    assert Settings(key="b.pem").key == "b.pem"


def test_a_quantity_keeps_its_unit():
    assert parse_quantity("850 kJ/K") == Quantity(850.0, "kJ/K")
    assert parse_quantity("3.5") == Quantity(3.5, None)
    assert parse_quantity("kJ") is None
