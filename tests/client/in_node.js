// Play scenarios with the stock client in Node: `node in_node.js CONFIG`, where CONFIG is JSON with
// test, extra, transports and scenarios (see scenarios.js). Prints {transport: {scenario: error}}.
'use strict';

const http = require('http');
const net = require('net');

// The client makes its requests through http.request; count them by what they ask for.
const asked = {};
const request = http.request;
http.request = function (...parameters) {
  const [target] = parameters;
  const path = typeof target === 'string' ? target : target.path || target.pathname;
  const last = String(path).split('?')[0].split('/').pop();
  asked[last] = (asked[last] || 0) + 1;
  return request.apply(this, parameters);
};
// Its websockets connect by themselves, through net.connect, which http does not use.
const connect = net.connect;
net.connect = function (...parameters) {
  asked.websocket = (asked.websocket || 0) + 1;
  return connect.apply(this, parameters);
};

const SockJS = require('sockjs-client');
const { command } = require('./command.js');
const { play, SERVED_BY } = require('./scenarios.js');

command(async ({ test, extra, transports, scenarios }) => {
  const results = {};
  // At the same time: the process then mostly waits for the slowest.
  await Promise.all(transports.map(async (transport) => {
    const receivers = async () => asked[SERVED_BY[transport]] || 0;
    const environment = { SockJS, test, extra, receivers };
    results[transport] = {};
    for (const name of scenarios[transport]) {
      results[transport][name] = await play(environment, transport, name);
    }
  }));
  return results;
});
