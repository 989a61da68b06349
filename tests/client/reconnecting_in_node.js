// Play scenarios with txsockjs.js in Node: `node reconnecting_in_node.js CONFIG`, where CONFIG is JSON
// with source (the path of the script), ports and pids (of the servers), count, breaks, transports and
// scenarios (see reconnecting.js). Prints {transport: {scenario: error}}.
'use strict';

const SockJS = require('sockjs-client');
const { breaking } = require('./breaking.js');
const { command } = require('./command.js');
const { play } = require('./reconnecting.js');

command(async ({ source, ports, pids, count, breaks, transports, scenarios }) => {
  const ReconnectingSockJS = require(source);
  const results = {};
  for (const transport of transports) {
    results[transport] = {};
    for (const name of scenarios[transport]) {
      const broken = await breaking({ ports, pids });
      const environment = { SockJS, ReconnectingSockJS, count, breaks, ...broken };
      results[transport][name] = await play(environment, transport, name);
    }
  }
  return results;
});
