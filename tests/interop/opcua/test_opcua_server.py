"""Our server as any client sees it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from asyncua import Client, ua
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256

from dtdl.errors import PortInUse
from interop.config.plan import Address
from interop.opcua.security import Store
from interop.opcua.server import OpcUaServer
from interop.values import BAD_NO_COMMUNICATION, UNCERTAIN_LAST_USABLE, parse_time
from tests.interop.opcua.little_service import ROOM, SITE, LittleService

LOCAL = Address("127.0.0.1", 0)
pytestmark = pytest.mark.asyncio(loop_scope="module")
everywhere = pytest_asyncio.fixture(loop_scope="module", scope="module")


@everywhere
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[LittleService, OpcUaServer]]:
    """A server takes a second to start: one for all; each test begins with the twins as they were."""
    service = LittleService()
    folder = tmp_path_factory.mktemp("server")
    server = OpcUaServer(service, LOCAL, name="north", data_dir=folder, insecure=True)
    await server.start()
    yield service, server
    await server.stop()


@pytest.fixture
def service(shared: tuple[LittleService, OpcUaServer]) -> LittleService:
    service = shared[0]
    for twin in list(service.graph.twins):
        service.delete(twin)
    service.graph.links.clear()
    service.put("site", SITE, label="north")
    service.put("room", ROOM, label="west", setPoint=21.0, mode=1, since="2026-01-02T03:04:05Z", fan={"speed": 3})
    service.sample("room", "temperature", value=20.5, source_time=parse_time("2026-01-31T12:00:00Z"))
    service.relate("site", "room")
    return service


@pytest.fixture
def server(shared: tuple[LittleService, OpcUaServer]) -> OpcUaServer:
    return shared[1]


@pytest_asyncio.fixture(loop_scope="module")
async def client(server: OpcUaServer, service: LittleService) -> AsyncIterator[Client]:
    client = Client(server.url)
    client.session_timeout = 60_000
    async with client:
        room = await node_of(client, "room/temperature")

        async def shown() -> object:
            data = await room.read_data_value(raise_on_bad_status=False)
            return data.Value.Value if data.StatusCode.is_good() else None

        await eventually(shown, 20.5)
        yield client


async def node_of(client: Client, point: str) -> ua.NodeId:
    index = await client.get_namespace_index("urn:megatwin:north")
    return client.get_node(ua.NodeId(point, index))


async def eventually(read: Callable[[], Awaitable[object]], wanted: object, timeout_s: float = 5.0) -> None:
    async with asyncio.timeout(timeout_s):
        while await read() != wanted:
            await asyncio.sleep(0.01)


async def test_a_twin_is_an_object_with_the_type_of_its_interface(client: Client) -> None:
    room = await node_of(client, "room")
    types = await client.get_namespace_index("dtmi:acme:site")
    assert await room.read_browse_name() == ua.QualifiedName("room", room.nodeid.NamespaceIndex)
    definition = client.get_node(await room.read_type_definition())
    assert await definition.read_browse_name() == ua.QualifiedName("Room", types)
    assert definition.nodeid == ua.NodeId(ROOM, types)
    (above,) = await definition.get_referenced_nodes(ua.ObjectIds.HasSubtype, ua.BrowseDirection.Inverse)
    assert (await above.read_browse_name()).Name == "Place"
    assert await (await definition.get_child("0:DtdlId")).read_value() == ROOM


async def test_instances_have_the_browse_names_and_types_of_their_declarations(client: Client) -> None:
    room = await node_of(client, "room")
    definition = client.get_node(await room.read_type_definition())
    place = (await definition.get_referenced_nodes(ua.ObjectIds.HasSubtype, ua.BrowseDirection.Inverse))[0]
    declared = {
        (await child.read_browse_name()).to_string(): child
        for each in (definition, place)
        for child in await each.get_children(ua.ObjectIds.HasComponent)
    }
    shown = {
        (await child.read_browse_name()).to_string(): child
        for child in await room.get_children(ua.ObjectIds.HasComponent)
    }
    assert shown.keys() == declared.keys()
    for name, child in shown.items():
        assert await child.read_node_class() == await declared[name].read_node_class()
        if await child.read_node_class() == ua.NodeClass.Variable:
            assert await child.read_data_type() == await declared[name].read_data_type()
            assert await child.read_type_definition() == await declared[name].read_type_definition()


async def test_a_value_carries_status_times_type_and_unit(client: Client) -> None:
    temperature = await node_of(client, "room/temperature")
    data = await temperature.read_data_value()
    assert data.Value == ua.Variant(20.5, ua.VariantType.Double)
    assert data.StatusCode.is_good()
    assert data.SourceTimestamp == parse_time("2026-01-31T12:00:00Z")
    assert await temperature.read_type_definition() == ua.NodeId(17497)
    unit = await (await temperature.get_child("0:EngineeringUnits")).read_value()
    assert unit.UnitId == int.from_bytes(b"CEL", "big")
    assert unit.NamespaceUri == "http://www.opcfoundation.org/UA/units/un/cefact"
    assert await (await node_of(client, "room/fan/speed")).read_value() == 3
    assert await (await node_of(client, "room/since")).read_value() == parse_time("2026-01-02T03:04:05Z")


async def test_an_enum_has_its_own_data_type_with_its_names(client: Client) -> None:
    mode = await node_of(client, "room/mode")
    data_type = client.get_node(await mode.read_data_type())
    values = await (await data_type.get_child("0:EnumValues")).read_value()
    assert [(value.Value, value.DisplayName.Text) for value in values] == [(0, "off"), (1, "on")]
    assert await mode.read_value() == 1


async def test_only_what_dtdl_makes_writable_can_be_written(client: Client) -> None:
    for point, writable in (("room/setPoint", True), ("room/temperature", False), ("room/mode", False)):
        levels = await (await node_of(client, point)).get_access_level()
        assert (ua.AccessLevel.CurrentWrite in levels) is writable
    with pytest.raises(ua.uaerrors.BadNotWritable):
        await (await node_of(client, "room/temperature")).write_value(1.0)
    with pytest.raises(ua.uaerrors.BadNotWritable):
        await client.nodes.namespace_array.write_value(["urn:stolen"])


async def test_a_change_and_a_bad_status_reach_a_subscriber(client: Client, service: LittleService) -> None:
    seen: asyncio.Queue[ua.DataValue] = asyncio.Queue()

    class Handler:
        def datachange_notification(self, node: object, value: object, data: object) -> None:
            seen.put_nowait(data.monitored_item.Value)  # type: ignore[attr-defined]

    subscription = await client.create_subscription(20, Handler())
    await subscription.subscribe_data_change(await node_of(client, "room/temperature"))
    assert (await asyncio.wait_for(seen.get(), 5)).Value.Value == 20.5
    service.sample("room", "temperature", value=22.25)
    assert (await asyncio.wait_for(seen.get(), 5)).Value.Value == 22.25
    service.sample("room", "temperature", value=22.25, status=UNCERTAIN_LAST_USABLE)
    uncertain = await asyncio.wait_for(seen.get(), 5)
    assert (uncertain.Value.Value, uncertain.StatusCode.name) == (22.25, "UncertainLastUsableValue")
    service.sample("room", "temperature", value=22.25, status=BAD_NO_COMMUNICATION)
    assert (await asyncio.wait_for(seen.get(), 5)).StatusCode.name == "BadNoCommunication"
    service.sample("room", "temperature", value=23.0)
    assert (await asyncio.wait_for(seen.get(), 5)).Value.Value == 23.0
    await subscription.delete()


async def test_a_write_goes_through_the_service_and_is_shown_afterwards(client: Client, service: LittleService) -> None:
    node = await node_of(client, "room/setPoint")
    await node.write_value(23.5)
    assert service.graph.twins["room"].contents["setPoint"] == 23.5
    assert service.callers[-1].actor == "opcua:anonymous"
    await eventually(node.read_value, 23.5)
    speed = await node_of(client, "room/fan/speed")
    await speed.write_value(ua.Variant(5, ua.VariantType.Int32))
    await eventually(speed.read_value, 5)


async def test_what_the_service_refuses_comes_back_as_status_code_and_changes_nothing(client: Client) -> None:
    node = await node_of(client, "room/setPoint")
    for value, error in (
        (99.0, ua.uaerrors.BadOutOfRange),
        (98.0, ua.uaerrors.BadNoCommunication),
        (97.0, ua.uaerrors.BadTimeout),
        ("warm", ua.uaerrors.BadTypeMismatch),
    ):
        with pytest.raises(error):
            await node.write_value(value)
    assert await node.read_value() == 21.0


async def test_a_method_calls_the_command_and_gives_its_result(client: Client, service: LittleService) -> None:
    room, purge = await node_of(client, "room"), await node_of(client, "room/purge")
    (argument,) = await (await purge.get_child("0:InputArguments")).read_value()
    assert (argument.Name, argument.DataType) == ("seconds", ua.NodeId(ua.ObjectIds.Int32))
    seconds = ua.Variant(30, ua.VariantType.Int32)
    assert await room.call_method(purge.nodeid, seconds) == "purged for 30 s"
    assert await room.call_method((await node_of(client, "room/stop")).nodeid) is None
    with pytest.raises(ua.uaerrors.BadInvalidArgument):
        await room.call_method(purge.nodeid, ua.Variant(0, ua.VariantType.Int32))
    with pytest.raises(ua.uaerrors.BadArgumentsMissing):
        await room.call_method(purge.nodeid)
    with pytest.raises(ua.uaerrors.BadTypeMismatch):
        await room.call_method(purge.nodeid, ua.Variant("x", ua.VariantType.String))


async def test_a_method_can_be_called_by_its_declaration_in_the_type(client: Client) -> None:
    room = await node_of(client, "room")
    declared = ua.NodeId(f"{ROOM}/purge", await client.get_namespace_index("dtmi:acme:site"))
    assert await room.call_method(declared, ua.Variant(5, ua.VariantType.Int32)) == "purged for 5 s"


async def test_a_session_cannot_take_over_the_subscription_of_another(client: Client, server: OpcUaServer) -> None:
    class Handler:
        def datachange_notification(self, node: object, value: object, data: object) -> None: ...

    subscription = await client.create_subscription(50, Handler())
    thief = Client(server.url)
    thief.session_timeout = 60_000
    async with thief:
        parameters = ua.TransferSubscriptionsParameters(SubscriptionIds=[subscription.subscription_id, 999_999])
        own, unknown = await thief.uaclient.transfer_subscriptions(parameters)
    assert own.StatusCode.name == "BadUserAccessDenied"
    assert unknown.StatusCode.name == "BadSubscriptionIdInvalid"
    await subscription.delete()


async def test_a_relationship_is_a_reference_for_as_long_as_it_is_there(client: Client, service: LittleService) -> None:
    site, room = await node_of(client, "site"), await node_of(client, "room")
    assert room in await site.get_children(ua.ObjectIds.Organizes)
    service.graph.links.clear()
    service.change("relationship-deleted", "site")
    await eventually(lambda: site.get_children(ua.ObjectIds.Organizes), [])


async def test_twins_appear_and_disappear_while_it_runs(client: Client, service: LittleService) -> None:
    service.put("attic", ROOM, setPoint=17.0)
    objects = client.nodes.objects

    async def names() -> set[str]:
        return {(await child.read_browse_name()).Name for child in await objects.get_children()} - {
            "Server", "Aliases", "Locations", "Quantities"
        }  # fmt: skip

    await eventually(names, {"site", "room", "attic"})
    assert await (await node_of(client, "attic/setPoint")).read_value() == 17.0
    service.delete("attic")
    await eventually(names, {"site", "room"})
    with pytest.raises(ua.uaerrors.BadNodeIdUnknown):
        await (await node_of(client, "attic/setPoint")).read_value()


async def test_a_point_without_a_value_is_bad_and_not_zero(client: Client, service: LittleService) -> None:
    service.put("empty", ROOM)
    node = await node_of(client, "empty/setPoint")

    async def status() -> str:
        return (await node.read_data_value(raise_on_bad_status=False)).StatusCode.name

    await eventually(status, "BadNoData")


async def test_missed_batches_are_made_up_for(client: Client, service: LittleService) -> None:
    from interop.service import Published

    state = service.graph.twins["room"]
    service.graph.twins["room"] = type(state)(id="room", model=ROOM, contents={"setPoint": 12.0})
    for feed in service.feeds:
        feed.queue.put_nowait(Published(9, 9, (), lost=3))
    await eventually((await node_of(client, "room/setPoint")).read_value, 12.0)


async def test_a_port_in_use_is_said(service: LittleService, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = Address("127.0.0.1", taken.getsockname()[1])
        server = OpcUaServer(service, address, name="north", data_dir=tmp_path)
        with pytest.raises(PortInUse, match=str(address.port)):
            await server.start()
        await server.stop()


async def test_without_insecure_only_a_trusted_client_over_an_encrypted_channel_comes_in(
    service: LittleService, tmp_path: Path
) -> None:
    server = OpcUaServer(service, LOCAL, name="north", data_dir=tmp_path / "server")
    await server.start()
    try:
        endpoints = await Client(server.url).connect_and_get_server_endpoints()
        assert {end.SecurityMode for end in endpoints} == {ua.MessageSecurityMode.SignAndEncrypt}
        with pytest.raises(ua.UaError):
            await Client(server.url).connect()
        own = Store(tmp_path / "client").own("visitor")
        with pytest.raises(ua.uaerrors.BadSecurityChecksFailed):
            await (await visitor(server, tmp_path)).connect()
        (met,) = Store(tmp_path / "server").rejected()
        assert met.path.read_bytes() == own.certificate.read_bytes()
        Store(tmp_path / "server").trust(met.path)
        client = await visitor(server, tmp_path)
        async with client:
            await (await node_of(client, "room/setPoint")).write_value(24.0)
        assert service.callers[-1].actor == "opcua:megatwin visitor"
    finally:
        await server.stop()


async def visitor(server: OpcUaServer, tmp_path: Path) -> Client:
    own = Store(tmp_path / "client").own("visitor")
    client = Client(server.url)
    client.application_uri = own.application_uri
    client.session_timeout = 60_000
    await client.set_security(
        SecurityPolicyBasic256Sha256, own.certificate, own.key, server_certificate=str(server.certificate)
    )
    return client


async def test_an_unsecured_session_that_skips_the_endpoint_list_is_refused(
    service: LittleService, tmp_path: Path
) -> None:
    server = OpcUaServer(service, LOCAL, name="north", data_dir=tmp_path / "server")
    await server.start()
    client = Client(server.url)
    try:
        await client.connect_socket()
        await client.send_hello()
        await client.open_secure_channel()
        parameters = ua.CreateSessionParameters(
            ClientDescription=ua.ApplicationDescription(ApplicationUri="urn:x"), EndpointUrl=server.url,
            SessionName="x", RequestedSessionTimeout=60_000, ClientNonce=b"0" * 32,
        )  # fmt: skip
        await client.uaclient.create_session(parameters)
        anonymous = ua.ActivateSessionParameters(UserIdentityToken=ua.AnonymousIdentityToken(PolicyId="anonymous"))
        with pytest.raises(ua.uaerrors.BadSecurityPolicyRejected):
            await client.uaclient.activate_session(anonymous)
        with pytest.raises(ua.UaStatusCodeError):
            await client.nodes.objects.read_browse_name()
    finally:
        client.disconnect_socket()
        await server.stop()
