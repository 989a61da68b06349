// What the stock client does before servers that know nothing of it, told once for Node and for the
// browser: `play(SockJS, url, transport, name)` plays one scenario, and resolves to null or to what went
// wrong; `names` are those of the scenarios.
(function (root, factory) {
  if (typeof module === 'object' && module.exports) module.exports = factory();
  else root.bridged = factory();
})(typeof self === 'undefined' ? this : self, function () {
  'use strict';

  const PATIENCE = 60000;

  // A connection whose messages are waited for one by one.
  class Client {
    constructor(SockJS, url, transport) {
      this.messages = [];
      this.changed = () => {};
      this.end = null;
      this.sock = new SockJS(url, null, { transports: [transport], timeout: 15000 });
      this.opened = new Promise((resolve) => { this.sock.onopen = resolve; });
      this.sock.onmessage = (event) => { this.messages.push(event.data); this.changed(); };
      this.closed = new Promise((resolve) => {
        this.sock.onclose = (event) => resolve([event.code, event.reason]);
      });
    }

    async take(count) {
      while (this.messages.length < count) {
        await new Promise((resolve) => { this.changed = resolve; });
      }
      return this.messages.splice(0, count);
    }
  }

  function same(got, wanted) {
    const [a, b] = [JSON.stringify(got), JSON.stringify(wanted)];
    if (a !== b) throw new Error(`got ${a.slice(0, 200)}, wanted ${b.slice(0, 200)}`);
  }

  const SCENARIOS = {
    async echoes(client) {
      const texts = ['plain', 'grüße 漢字 😀', '\u2028\u200b', '', '100%25 \r\n\t\0', 'x'.repeat(300000)];
      for (const text of texts) client.sock.send(text);
      same(await client.take(texts.length), texts);
    },
    async burst(client) {
      const texts = Array.from({ length: 1000 }, (_, number) => String(number));
      for (const text of texts) client.sock.send(text);
      same(await client.take(texts.length), texts);
    },
    async closed(client) {
      client.sock.send('before');
      client.sock.send('close:4321');
      same(await client.take(1), ['before']);
      same(await client.closed, [4321, 'as told']);
    },
    async dropped(client) {
      client.sock.send('drop');
      same(await client.closed, [1014, 'Upstream connection lost']);
    },
    async whoever(client) {
      client.sock.send('who');
      const [told] = (await client.take(1)).map(JSON.parse);
      same(told.address, '127.0.0.1');
      same(told.cookie, undefined);
      same(told.url.includes('token=1'), true);
    },
  };

  async function play(SockJS, url, transport, name) {
    const query = name === 'whoever' ? '?token=1' : '';
    const client = new Client(SockJS, url + query, transport);
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error('it took too long')), PATIENCE);
    });
    try {
      await Promise.race([client.opened, client.closed, late]);
      await Promise.race([SCENARIOS[name](client), late]);
      return null;
    } catch (error) {
      return String(error);
    } finally {
      clearTimeout(timer);
      client.sock.close();
    }
  }

  return { play, names: Object.keys(SCENARIOS) };
});
