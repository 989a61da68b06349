// A server of npm's ws that knows nothing of SockJS: echoes, and closes when it is told to. It says
// which subprotocol, query, Origin and address a connection came with when it is asked.
'use strict';
const { WebSocketServer } = require('ws');

const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
server.on('listening', () =>
  console.log(`listening on ws://127.0.0.1:${server.address().port}`));
server.on('connection', (socket, request) => {
  socket.on('message', (data, isBinary) => {
    const [word, rest] = isBinary ? [] : String(data).split(':');
    if (word === 'close') socket.close(Number(rest), 'as told');
    else if (word === 'drop') socket.terminate();
    else if (word === 'who') {
      const { origin, cookie, 'x-forwarded-for': address } = request.headers;
      socket.send(JSON.stringify({ url: request.url, origin, cookie, address }));
    } else socket.send(data, { binary: isBinary });
  });
});
