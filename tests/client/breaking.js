// What breaks between a page and its servers: `breaking({ports, pids})` resolves to
//   url           of a TCP proxy; each connection goes to one of the ports at random
//   cut()         before 1000 more bytes have passed, cut the connection that is at it, or all
//   calm()        cut nothing more
//   outage()      cut all connections, and let none through for a moment
//   rolls(pid)    have all servers replace their workers; pids are those of the servers
//   stops(pid)    stop the worker of that pid
//   kills(pid)    kill it
'use strict';

const net = require('net');

const OUTAGE = 300;

exports.breaking = ({ ports, pids }) => new Promise((resolve) => {
  const pairs = new Set();
  let left = Infinity; // how many bytes pass before the next cut
  let away = false;

  // Orderly or not: with a reset, what was sent before may be lost, too.
  function drop(pair) {
    pairs.delete(pair);
    const how = Math.random() < 0.5 ? 'destroy' : 'resetAndDestroy';
    for (const socket of pair) socket[how]();
  }

  function pass(chunk, to, pair) {
    if (chunk.length <= left) {
      left -= chunk.length;
      to.write(chunk);
      return;
    }
    to.write(chunk.subarray(0, left));
    left = Infinity;
    for (const each of Math.random() < 0.5 ? [pair] : [...pairs]) drop(each);
  }

  const server = net.createServer((client) => {
    if (away) {
      client.destroy();
      return;
    }
    const port = ports[Math.floor(Math.random() * ports.length)];
    const upstream = net.connect(port, '127.0.0.1');
    const pair = [client, upstream];
    pairs.add(pair);
    for (const [from, to] of [[client, upstream], [upstream, client]]) {
      from.setNoDelay(true);
      from.on('data', (chunk) => pass(chunk, to, pair));
      from.on('end', () => to.end());
      from.on('error', () => drop(pair));
      from.on('close', () => drop(pair));
    }
  });
  server.listen(0, '127.0.0.1', () => resolve({
    url: `http://127.0.0.1:${server.address().port}`,
    async cut() { left = Math.min(left, Math.floor(Math.random() * 1000)); },
    async calm() { left = Infinity; },
    async outage() {
      away = true;
      [...pairs].forEach(drop);
      setTimeout(() => { away = false; }, OUTAGE);
    },
    async rolls() { for (const each of pids) process.kill(each, 'SIGHUP'); },
    async stops(pid) { process.kill(pid, 'SIGTERM'); },
    async kills(pid) { process.kill(pid, 'SIGKILL'); },
  }));
});
