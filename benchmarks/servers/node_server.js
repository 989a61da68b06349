// sockjs-node: /echo and /broadcast, with the default settings and without its log.
// Its node_modules are found through NODE_PATH.
'use strict';
const http = require('http');
const sockjs = require('sockjs');

const quiet = { log: () => {} };
const everyone = new Set();
const server = http.createServer();

const echo = sockjs.createServer(quiet);
echo.on('connection', (connection) => {
  if (connection === null) return;
  connection.on('data', (message) => connection.write(message));
});
echo.installHandlers(server, { prefix: '/echo' });

const broadcast = sockjs.createServer(quiet);
broadcast.on('connection', (connection) => {
  if (connection === null) return;
  everyone.add(connection);
  connection.on('data', (message) => {
    for (const one of everyone) one.write(message);
  });
  connection.on('close', () => everyone.delete(connection));
});
broadcast.installHandlers(server, { prefix: '/broadcast' });

server.listen(0, '127.0.0.1', () => console.log('listening on', server.address().port));
process.stdin.on('end', () => process.exit(0)).resume();
