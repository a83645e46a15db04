// Loads the standard NodeSet2 and the given files with node-opcua, and prints each node of their namespaces as JSON.
"use strict";
const { AddressSpace, BrowseDirection } = {
  ...require("node-opcua-address-space"),
  BrowseDirection: require("node-opcua-data-model").BrowseDirection,
};
const { generateAddressSpace } = require("node-opcua-address-space/nodeJS");
const { NodeClass } = require("node-opcua-data-model");
const { nodesets } = require("node-opcua-nodesets");

const WANTED = Number(process.argv[2]);

function browse(space) {
  const uris = space.getNamespaceArray().map((namespace) => namespace.namespaceUri);
  const id = (nodeId) => `${uris[nodeId.namespace]}|${nodeId.toString().replace(/^ns=\d+;/, "")}`;
  const found = [];
  for (const namespace of space.getNamespaceArray().slice(-WANTED)) {
    for (const node of namespace.nodeIterator()) {
      const references = node
        .allReferences()
        .filter((reference) => reference.isForward)
        .map((reference) => `${id(reference.referenceType)} -> ${id(reference.nodeId)}`);
      const data = node.nodeClass === NodeClass.Variable;
      found.push({
        id: id(node.nodeId),
        class: NodeClass[node.nodeClass],
        browseName: `${uris[node.browseName.namespaceIndex]}|${node.browseName.name}`,
        displayName: node.displayName[0].text,
        description: (node.description && node.description.text) || "",
        dataType: data ? id(node.dataType) : "",
        rank: data ? node.valueRank : 0,
        access: data ? node.accessLevel : 0,
        // node-opcua makes up values of Variables that have none; Properties are the standard's own names
        hasValue: data && node.browseName.namespaceIndex === 0 && node.readValue().value.value !== null,
        references: [...new Set(references)].sort(),
      });
    }
  }
  return found;
}

(async () => {
  console.warn = console.log = () => {};
  const space = AddressSpace.create();
  try {
    await generateAddressSpace(space, [nodesets.standard, ...process.argv.slice(3)]);
    process.stdout.write(JSON.stringify(browse(space)));
  } finally {
    space.dispose();
  }
})().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
