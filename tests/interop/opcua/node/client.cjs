// Obeys one JSON command a line with a client of another vendor, and answers each with one JSON line.
"use strict";
const readline = require("node:readline");
const opcua = require("node-opcua-client");
const { OPCUACertificateManager } = require("node-opcua-certificate-manager");
const { NumericRange } = require("node-opcua-numeric-range");

const clients = {};
const watched = {};
let folder = "";

const plain = (variant) => {
  if (!variant || variant.value === null || variant.value === undefined) return null;
  const value = variant.value;
  return ArrayBuffer.isView(value) ? Array.from(value) : value;
};
const told = (data) => ({
  value: plain(data.value),
  status: data.statusCode.value,
  name: data.statusCode.name,
  time: data.sourceTimestamp ? data.sourceTimestamp.toISOString() : null,
});
const filterOf = (wanted) =>
  wanted ? new opcua.DataChangeFilter({ trigger: opcua.DataChangeTrigger.StatusValue, ...wanted }) : undefined;
const session = (args) => clients[args.as || "one"].session;

const commands = {
  async connect({ as = "one", url, security = "None", mode = "None" }) {
    const manager = new OPCUACertificateManager({ rootFolder: folder, automaticallyAcceptUnknownCertificate: true });
    await manager.initialize();
    const client = opcua.OPCUAClient.create({
      endpointMustExist: false,
      connectionStrategy: { maxRetry: 0 },
      securityPolicy: opcua.SecurityPolicy[security],
      securityMode: opcua.MessageSecurityMode[mode],
      clientCertificateManager: manager,
      requestedSessionTimeout: 60000,
    });
    await client.connect(url);
    try {
      clients[as] = { client, session: await client.createSession() };
    } catch (error) {
      await client.disconnect();
      throw error;
    }
    return null;
  },
  async namespace(args) {
    const namespaces = await session(args).readNamespaceArray();
    return namespaces.indexOf(args.uri);
  },
  async read(args) {
    return told(await session(args).read({ nodeId: args.node, attributeId: 13, indexRange: args.range && new NumericRange(args.range) }));
  },
  async write(args) {
    const value = { value: { dataType: opcua.DataType[args.type || "Double"], value: args.value } };
    return (await session(args).write({ nodeId: args.node, attributeId: 13, value })).name;
  },
  async subscribe(args) {
    const subscription = await session(args).createSubscription2({
      requestedPublishingInterval: args.publishing || 20,
      requestedLifetimeCount: 10000,
      requestedMaxKeepAliveCount: 1000,
      maxNotificationsPerPublish: args.most || 0,
      publishingEnabled: true,
    });
    const held = { subscription, sizes: [], values: {}, nodes: [], wake: () => {} };
    watched[subscription.subscriptionId] = held;
    subscription.on("raw_notification", (message) => {
      for (const data of message.notificationData || []) {
        if (!data || !data.monitoredItems) continue;
        held.sizes.push(data.monitoredItems.length);
        for (const item of data.monitoredItems) held.values[held.nodes[item.clientHandle]].push(told(item.value));
      }
      held.wake();
    });
    return subscription.subscriptionId;
  },
  async monitor(args) {
    const held = watched[args.subscription];
    const clientHandle = held.nodes.push(args.node) - 1;
    held.values[args.node] = held.values[args.node] || [];
    const answer = await session(args).createMonitoredItems({
      subscriptionId: args.subscription,
      timestampsToReturn: opcua.TimestampsToReturn.Both,
      itemsToCreate: [
        {
          itemToMonitor: { nodeId: args.node, attributeId: 13, indexRange: args.range && new NumericRange(args.range) },
          monitoringMode: opcua.MonitoringMode.Reporting,
          requestedParameters: {
            clientHandle,
            samplingInterval: args.sampling,
            queueSize: args.queue,
            discardOldest: args.discardOldest !== false,
            filter: filterOf(args.filter),
          },
        },
      ],
    });
    const result = answer.results[0];
    return { status: result.statusCode.name, sampling: result.revisedSamplingInterval, queue: result.revisedQueueSize };
  },
  // All values of one node, once its last is `until`, or once there are `count`.
  async values(args) {
    const held = watched[args.subscription];
    const ready = () => {
      const seen = held.values[args.node] || [];
      return args.count ? seen.length >= args.count : seen.length > 0 && seen[seen.length - 1].value === args.until;
    };
    while (!ready()) await new Promise((resolve) => { held.wake = resolve; });
    return held.values[args.node];
  },
  async sizes(args) {
    return watched[args.subscription].sizes;
  },
  async republish(args) {
    try {
      const answer = await new Promise((resolve, reject) =>
        session(args).republish({ subscriptionId: args.subscription, retransmitSequenceNumber: args.number }, (error, response) =>
          error ? reject(error) : resolve(response),
        ),
      );
      return answer.responseHeader.serviceResult.name;
    } catch (error) {
      return error.message;
    }
  },
  async transfer(args) {
    const answer = await session(args).transferSubscriptions({ subscriptionIds: [args.subscription], sendInitialValues: false });
    return answer.results[0].statusCode.name;
  },
};

async function main() {
  folder = process.argv[2];
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { do: name, ...args } = JSON.parse(line);
    let answer;
    try {
      answer = { result: await commands[name](args) };
    } catch (error) {
      answer = { error: error.message };
    }
    process.stdout.write(`\n@${JSON.stringify(answer)}\n`);
  }
  process.exit(0);
}
main();
