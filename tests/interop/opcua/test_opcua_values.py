"""Values, statuses and the outbox, without a server."""

from __future__ import annotations

import math
import struct
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from asyncua import ua
from asyncua.ua import VariantType
from hypothesis import given
from hypothesis import strategies as st

from dtdl.errors import InteropError, LinkDown, Refused, Unreachable, Untrusted
from interop.opcua.errors import translated
from interop.opcua.values import (
    CEFACT,
    INTEGERS,
    json_value,
    overflowed,
    sample,
    shortest,
    status,
    status_code,
    status_name,
    unit_name,
    unit_text,
    variant,
)
from interop.outbox import Outbox
from interop.ports import Observed
from interop.values import GOOD, LinkEvent, Point, Reading, Sample, utc_now

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        (True, True),
        (7, 7),
        (2**63, 2**63),
        ("a", "a"),
        (b"\x00\xff", "AP8="),
        (NOON, "2026-01-31T12:00:00.000000Z"),
        (NOON.replace(tzinfo=None), "2026-01-31T12:00:00.000000Z"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (ua.LocalizedText("hot", "en"), "hot"),
        (ua.QualifiedName("n", 2), "n"),
        (ua.StatusCode(ua.StatusCodes.BadTimeout), "BadTimeout"),
        (ua.ServerState.Running, 0),
        ([1, [2, None]], [1, [2, None]]),
        (ua.Range(Low=1.0, High=2.0), {"Low": 1.0, "High": 2.0}),
    ],
)
def test_every_kind_of_value_becomes_json(raw: object, wanted: object) -> None:
    found = json_value(raw)
    assert found == wanted
    assert type(found) is type(wanted)


def test_a_sample_keeps_status_and_both_times() -> None:
    data = ua.DataValue(
        ua.Variant(1.5, VariantType.Double),
        StatusCode=ua.StatusCode(ua.StatusCodes.UncertainLastUsableValue | 0x480),
        SourceTimestamp=NOON.replace(tzinfo=None),
        ServerTimestamp=NOON,
    )
    assert sample(data) == Sample(1.5, status(ua.StatusCodes.UncertainLastUsableValue), NOON, NOON)


def test_a_value_that_is_no_number_is_bad_and_not_null_with_good() -> None:
    found = sample(ua.DataValue(ua.Variant(math.nan, VariantType.Double)))
    assert found.value is None
    assert found.status == "BadNoData"


def test_names_of_status_codes_leave_out_info_bits_and_know_vendors_own() -> None:
    assert status_name(ua.StatusCodes.BadOutOfRange | 0x480) == "BadOutOfRange"
    assert status_name(0x80FE0000) == "Bad"
    assert status_name(0x40FE0000) == "Uncertain"
    assert status_name(0) == "Good"
    assert status_code("BadOutOfRange").value == ua.StatusCodes.BadOutOfRange
    assert status_code("NoSuchCode").value == ua.StatusCodes.BadUnexpectedError
    assert overflowed(0x480)
    assert not overflowed(0x80)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_the_shortest_text_of_a_float_is_the_same_float(value: float) -> None:
    assert struct.pack("<f", shortest(value)) == struct.pack("<f", value)


def test_a_float_reads_as_it_was_written() -> None:
    written = struct.unpack("<f", struct.pack("<f", 45.4))[0]
    assert written != 45.4
    assert sample(ua.DataValue(ua.Variant(written, VariantType.Float))).value == 45.4


@given(st.sampled_from(sorted(INTEGERS)), st.integers(-(2**70), 2**70))
def test_an_integer_is_written_exactly_or_refused(kind: VariantType, value: int) -> None:
    least, greatest = INTEGERS[kind]
    if least <= value <= greatest:
        assert variant(value, kind) == ua.Variant(value, kind)
    else:
        with pytest.raises(Refused) as caught:
            variant(value, kind)
        assert caught.value.code == "BadOutOfRange"


@pytest.mark.parametrize(
    ("value", "kind", "code"),
    [
        (True, VariantType.Int32, "BadTypeMismatch"),
        (1, VariantType.Boolean, "BadTypeMismatch"),
        (1.5, VariantType.Int16, "BadTypeMismatch"),
        (math.inf, VariantType.Int64, "BadTypeMismatch"),
        ("1", VariantType.Double, "BadTypeMismatch"),
        (1e39, VariantType.Float, "BadOutOfRange"),
        ("noon", VariantType.DateTime, "BadTypeMismatch"),
        ("2026-01-31T12:00:00", VariantType.DateTime, "BadTypeMismatch"),
        ("%", VariantType.ByteString, "BadTypeMismatch"),
        ("x", VariantType.Guid, "BadTypeMismatch"),
        ([1], VariantType.ExtensionObject, "BadTypeMismatch"),
        (None, VariantType.Double, "BadTypeMismatch"),
    ],
)
def test_a_value_of_another_type_is_refused(value: object, kind: VariantType, code: str) -> None:
    with pytest.raises(Refused) as caught:
        variant(value, kind)  # type: ignore[arg-type]
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("value", "written"), [(195.3, 195), (195.5, 196), (194.5, 194), (-0.6, -1), (32767.4, 32767), (7, 7)]
)
def test_a_value_between_two_steps_of_a_scaled_node_is_rounded_to_the_nearest(value: float, written: int) -> None:
    assert variant(value, VariantType.Int16, scaled=True) == ua.Variant(written, VariantType.Int16)
    assert variant([value], VariantType.Int16, 1, scaled=True).Value == [written]


@pytest.mark.parametrize(
    ("value", "code"), [(math.nan, "BadTypeMismatch"), (math.inf, "BadTypeMismatch"), (32767.6, "BadOutOfRange")]
)
def test_what_no_step_of_a_scaled_node_is_near_to_is_refused(value: float, code: str) -> None:
    with pytest.raises(Refused) as caught:
        variant(value, VariantType.Int16, scaled=True)
    assert caught.value.code == code


def test_a_fraction_for_an_integer_node_without_a_scale_is_refused_with_the_nodes_type() -> None:
    with pytest.raises(Refused, match="type Int16 takes whole numbers only"):
        variant(195.3, VariantType.Int16)


def test_what_can_be_written_is_written_in_the_nodes_own_type() -> None:
    assert variant(195.00000000000003, VariantType.Int16) == ua.Variant(195, VariantType.Int16)
    assert variant(3, VariantType.Double) == ua.Variant(3.0, VariantType.Double)
    assert variant("2026-01-31T12:00:00Z", VariantType.DateTime).Value == NOON
    assert variant("AP8=", VariantType.ByteString).Value == b"\x00\xff"
    assert variant("hot", VariantType.LocalizedText).Value == ua.LocalizedText("hot")
    assert variant([1, 2], VariantType.Int32, 1).Value == [1, 2]
    with pytest.raises(Refused):
        variant(1, VariantType.Int32, 1)


def test_a_plants_unit_is_known_by_its_code_and_shown_in_its_own_words() -> None:
    celsius = ua.EUInformation(CEFACT, int.from_bytes(b"CEL", "big"), ua.LocalizedText("Grad"), ua.LocalizedText())
    assert (unit_name(celsius), unit_text(celsius)) == ("degreeCelsius", "Grad")
    other = ua.EUInformation("urn:vendor:units", 5, ua.LocalizedText("bananas"), ua.LocalizedText())
    assert (unit_name(other), unit_text(other)) == (None, "bananas")
    bare = ua.EUInformation(CEFACT, int.from_bytes(b"KWT", "big"), ua.LocalizedText(), ua.LocalizedText())
    assert (unit_name(bare), unit_text(bare)) == ("kilowatt", "KWT")
    assert (unit_name(None), unit_text(None)) == (None, None)


@pytest.mark.parametrize(
    ("raised", "connecting", "expected"),
    [
        (ua.uaerrors.BadOutOfRange(), False, Refused),
        (ua.uaerrors.BadSecurityChecksFailed(), True, Untrusted),
        (ua.uaerrors.BadUserAccessDenied(), True, Untrusted),
        (ua.uaerrors.BadUserAccessDenied(), False, Refused),
        (ua.uaerrors.BadSessionIdInvalid(), False, LinkDown),
        (ua.uaerrors.BadTimeout(), True, Unreachable),
        (ConnectionRefusedError("no"), True, Unreachable),
        (ConnectionError("gone"), False, LinkDown),
        (TimeoutError(), False, LinkDown),
        (struct.error("garbage"), True, Unreachable),
        (ua.UaError("odd"), True, InteropError),
    ],
)
def test_the_stacks_errors_become_ours_and_keep_their_cause(
    raised: Exception, connecting: bool, expected: type[InteropError]
) -> None:
    with pytest.raises(expected, match="doing it") as caught, translated("doing it", connecting=connecting):
        raise raised
    assert type(caught.value) is expected
    assert caught.value.__cause__ is raised


def reading(number: int) -> Reading:
    return Reading(Point("a", ("b",)), Sample(number, GOOD))


async def batches_of(outbox: Outbox) -> AsyncIterator[list[Observed]]:
    while batch := await outbox.take():
        yield batch


async def test_a_full_outbox_drops_the_oldest_readings_and_no_link_event() -> None:
    outbox = Outbox("plant", 2)
    up, down = (LinkEvent("plant", kind, utc_now()) for kind in ("up", "down"))
    outbox.put([up, reading(1), down, reading(2), reading(3), reading(4)])
    outbox.close()
    batches = [batch async for batch in batches_of(outbox)]
    flat = [item for batch in batches for item in batch]
    assert flat[:2] == [up, down]
    assert isinstance(flat[2], LinkEvent)
    assert (flat[2].kind, flat[2].count) == ("overflow", 2)
    assert batches[-1] == [reading(3), reading(4)]
    assert all(len(batch) == 1 for batch in batches[:-1])


async def test_what_is_held_comes_after_the_up() -> None:
    outbox = Outbox("plant", 10)
    outbox.hold()
    outbox.put([reading(1)])
    up = LinkEvent("plant", "up", utc_now())
    outbox.release([up])
    assert [await outbox.take(), await outbox.take()] == [[up], [reading(1)]]
    outbox.hold()
    outbox.put([reading(2)])
    outbox.drop_held()
    outbox.put([reading(3)])
    assert await outbox.take() == [reading(3)]
    outbox.close()
    assert await outbox.take() == []
