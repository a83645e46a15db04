// Every operation of the published Azure Digital Twins client for JavaScript, unmodified; prints what it did.
import assert from "node:assert/strict";
import { DigitalTwinsClient } from "@azure/digital-twins-core";

const [url, models] = [process.argv[2], JSON.parse(process.argv[3])];
const [VENT, ROOM, FLOOR] = models.map((model) => model["@id"]);
const credential = {
  getToken: async () => ({ token: "any", expiresOnTimestamp: Date.now() + 3600_000 }),
};
const client = new DigitalTwinsClient(url, credential, { retryOptions: { maxRetries: 0 } });
const all = async (pages) => {
  const found = [];
  for await (const item of pages) found.push(item);
  return found;
};
const refused = async (promise, status, code) => {
  const error = await promise.then(() => assert.fail("it was not refused"), (found) => found);
  assert.equal(error.statusCode, status, String(error));
  assert.equal(error.response.headers.get("x-ms-error-code"), code);
};

const steps = {
  async models() {
    const created = await client.createModels(models);
    assert.deepEqual(Array.from(created, (model) => model.id), [VENT, ROOM, FLOOR]);
    await refused(client.createModels(models), 409, "ModelAlreadyExists");
    const room = await client.getModel(ROOM, true);
    assert.equal(room.model["@id"], ROOM);
    assert.equal(room.displayName.de, "Raum");
    assert.ok(room.uploadTime ?? room.uploadedOn);
    assert.equal((await all(client.listModels())).length, 3);
    assert.deepEqual((await all(client.listModels([ROOM, FLOOR], true, 1))).map((one) => one.id), [FLOOR, ROOM, VENT]);
  },
  async twins() {
    const twin = { $metadata: { $model: ROOM }, temperature: 20.5, vent: { $metadata: {}, speed: 1 } };
    const put = await client.upsertDigitalTwin("room", JSON.stringify(twin));
    assert.equal(put.body.temperature, 20.5);
    await refused(client.upsertDigitalTwin("room", JSON.stringify(twin), { ifNoneMatch: "*" }), 412, "PreconditionFailed");
    const patch = [{ op: "replace", path: "/temperature", value: 21 }];
    await client.updateDigitalTwin("room", patch, { ifMatch: put.etag });
    await refused(client.updateDigitalTwin("room", patch, { ifMatch: put.etag }), 412, "PreconditionFailed");
    assert.equal((await client.getDigitalTwin("room")).body.temperature, 21);
    await refused(client.getDigitalTwin("none"), 404, "DigitalTwinNotFound");
  },
  async components() {
    await client.updateComponent("room", "vent", [{ op: "replace", path: "/speed", value: 2 }]);
    assert.equal((await client.getComponent("room", "vent")).body.speed, 2);
    await refused(client.getComponent("room", "none"), 404, "ComponentNotFound");
  },
  async relationships() {
    await client.upsertDigitalTwin("floor", JSON.stringify({ $metadata: { $model: FLOOR } }));
    for (let number = 0; number < 103; number += 1) {
      const link = { $targetId: "room", $relationshipName: "has", locked: false };
      await client.upsertRelationship("floor", `l${number}`, link);
    }
    assert.equal((await all(client.listRelationships("floor"))).length, 103);
    assert.equal((await all(client.listIncomingRelationships("room"))).length, 103);
    await client.updateRelationship("floor", "l1", [{ op: "replace", path: "/locked", value: true }]);
    assert.equal((await client.getRelationship("floor", "l1")).body.locked, true);
    const loop = { $targetId: "floor", $relationshipName: "has" };
    await refused(client.upsertRelationship("floor", "x", loop), 400, "OperationNotAllowed");
    await refused(client.deleteDigitalTwin("floor"), 400, "RelationshipsNotDeleted");
    for (let number = 0; number < 103; number += 1) await client.deleteRelationship("floor", `l${number}`);
  },
  async telemetry() {
    await client.publishTelemetry("room", { noise: 1.5 }, "message-1");
    // 1.1.0 sends the third argument as Message-Id and the fourth as the body.
    await client.publishComponentTelemetry("room", "vent", JSON.stringify({ vibration: 0.5 }), "message-2");
    await refused(client.publishTelemetry("none", {}, "message-3"), 404, "DigitalTwinNotFound");
  },
  async queries() {
    const found = await all(client.queryTwins("SELECT * FROM DIGITALTWINS WHERE IS_DEFINED(temperature)"));
    assert.deepEqual(found.map((twin) => twin.$dtId), ["room"]);
    await refused(all(client.queryTwins("SELEC")), 400, "SqlQueryError");
  },
  async eventRoutes() {
    assert.deepEqual(await all(client.listEventRoutes()), []);
    await client.upsertEventRoute("route", "log", "true");
    assert.equal((await client.getEventRoute("route")).endpointName, "log");
    assert.deepEqual((await all(client.listEventRoutes(1))).map((route) => route.id), ["route"]);
    await refused(client.upsertEventRoute("other", "none", "true"), 400, "EventRouteEndpointInvalid");
    await client.deleteEventRoute("route");
    await refused(client.getEventRoute("route"), 404, "EventRouteNotFound");
  },
  async end() {
    await client.deleteDigitalTwin("room");
    await client.deleteDigitalTwin("floor");
    await client.decomissionModel(FLOOR);
    assert.equal((await client.getModel(FLOOR)).decommissioned, true);
    for (const model of [FLOOR, ROOM, VENT]) await client.deleteModel(model);
    assert.deepEqual(await all(client.listModels()), []);
  },
};
for (const [name, step] of Object.entries(steps)) {
  await step();
  console.log(name);
}
