// sockjs-node for txsockjs.client: /echo echoes, and closes when it is told to.
'use strict';
const http = require('http');
const sockjs = require('sockjs');

const server = http.createServer();
const echo = sockjs.createServer({ log: () => {}, heartbeat_delay: 1000 });
echo.on('connection', (connection) => {
  if (connection === null) return;
  connection.on('data', (message) => {
    const [word, rest] = message.split(':');
    if (word === 'close') connection.close(Number(rest), 'as told');
    else connection.write(message);
  });
});
echo.installHandlers(server, { prefix: '/echo' });
server.listen(0, '127.0.0.1', () =>
  console.log(`listening on http://127.0.0.1:${server.address().port}`));
