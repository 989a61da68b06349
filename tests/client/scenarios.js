// What a user of the stock client does, told once for Node and for the browser.
//
// `play(environment, transport, name)` plays one scenario over one transport and resolves to null,
// or to what went wrong. The environment says where things are:
//   SockJS       the client's constructor
//   test         base URL of examples/testserver.py
//   extra        base URL of tests/support/client_server.py
//   WebSocketMultiplex  (browser only) the constructor of the multiplex client
//   documented   (browser only) the code of a page in docs/multiplexing.md
//   receivers()  resolves to how many requests of this transport the client has made so far
//   tab(url, order)  (browser only) opens a connection in a tab of its own, gives that order to
//                the server, and closes the tab
(function (root, factory) {
  if (typeof module === 'object' && module.exports) module.exports = factory();
  else root.scenarios = factory();
})(typeof self === 'undefined' ? this : self, function () {
  'use strict';

  // Only for what hangs: nothing here waits for this long when it works.
  const PATIENCE = 60000;

  // The URL's last segment, and the server's name, of what carries each of the client's transports.
  const SERVED_BY = {
    'websocket': 'websocket',
    'xhr-streaming': 'xhr_streaming',
    'xhr-polling': 'xhr',
    'eventsource': 'eventsource',
    'iframe-eventsource': 'eventsource',
    'iframe-htmlfile': 'htmlfile',
    'iframe-xhr-polling': 'xhr',
    'jsonp-polling': 'jsonp',
    'raw-websocket': 'websocket',
  };
  const ONE_FRAME_PER_REQUEST = ['xhr', 'jsonp'];

  function range(first, last) {
    let text = '';
    for (let code = first; code <= last; code++) text += String.fromCharCode(code);
    return text;
  }

  const TEXTS = {
    plain: 'plain text',
    empty: '',
    unicode: 'Zażółć gęślą jaźń, Ελληνικά, 漢字, ☃',
    percent: '%41 %25 100% % %zz %0a',
    script: '</script><script>document.title = "broken out"</script><!-- <SCRIPT ]]>',
    astral: '😀 𝒳 👩‍👩‍👧 \u{10ffff}',
    surrogate: 'a\ud800b \udfffc \udc00\ud800 end\udbff',
    controls: range(0x00, 0x1f) + '"\\/\'&+=' + range(0x7f, 0x9f) + '\r\n\0 \r',
    escapable: range(0x200c, 0x200f) + range(0x2028, 0x202f) + range(0x2060, 0x206f) +
      range(0xfff0, 0xffff) + '\ufeff\u00ad\u0600\u070f\u17b4',
    json: '["a",{"b":null}] a["x"] c[3000,"Go away!"] o h',
  };

  function show(value) {
    const text = JSON.stringify(value);
    return text && text.length > 120 ? text.slice(0, 90) + '... of ' + text.length : text;
  }

  function same(got, wanted, what) {
    if (JSON.stringify(got) !== JSON.stringify(wanted)) {
      throw new Error(`${what}: got ${show(got)}, wanted ${show(wanted)}`);
    }
  }

  // One connection: what arrived waits in a list until a scenario asks for it.
  class Client {
    constructor(environment, url, transport) {
      this.arrived = [];
      this.wanting = null;
      this.beats = 0;
      this.sock = new environment.SockJS(url, null, {
        transports: transport ? [transport] : undefined,
        // The client measures the round trip and gives a transport a few times that; on a busy
        // machine that is too little, and it would go on to the next one.
        timeout: 15000,
      });
      this.opened = new Promise((resolve) => { this.sock.onopen = resolve; });
      this.closed = new Promise((resolve) => {
        this.sock.onclose = (event) => {
          const { code, reason, wasClean } = event;
          this.end = { code, reason, wasClean };
          if (this.wanting) this.wanting.reject(new Error('closed with ' + show(this.end)));
          resolve(this.end);
        };
      });
      this.sock.onmessage = (event) => this.arrive('message', event.data);
      this.sock.onheartbeat = () => { this.beats += 1; this.arrive('heartbeat'); };
    }

    arrive(kind, data) {
      if (this.wanting && this.wanting.kind === kind) {
        const { resolve } = this.wanting;
        this.wanting = null;
        resolve(data);
      } else if (kind === 'message') {
        this.arrived.push(data);
      }
    }

    want(kind) {
      if (this.end) return Promise.reject(new Error('closed with ' + show(this.end)));
      return new Promise((resolve, reject) => { this.wanting = { kind, resolve, reject }; });
    }

    next() {
      return this.arrived.length ? Promise.resolve(this.arrived.shift()) : this.want('message');
    }

    beat() { return this.want('heartbeat'); }

    async open() {
      await Promise.race([this.opened, this.closed]);
      if (this.end && !this.arrived.length) throw new Error('not opened: ' + show(this.end));
      return this;
    }

    send(message) { this.sock.send(message); }

    // An order to the extra server's /orders.
    order(message) { this.send(JSON.stringify(message)); }

    async answer(message) {
      this.order(message);
      return JSON.parse(await this.next());
    }

    async ask(message) {
      this.send(message);
      return this.next();
    }

    async finish() {
      this.sock.close();
      await this.closed;
    }
  }

  let serial = 0;
  function freshName() {
    serial += 1;
    return `${Date.now()}-${Math.random().toString(36).slice(2)}-${serial}`;
  }

  function numbered(count, width) {
    return Array.from({ length: count }, (_, n) => String(n).padStart(width, '.'));
  }

  // Wait on another connection until the server says how the named one ended there.
  async function heardByServer(environment, transport, name) {
    const watcher = await new Client(environment, environment.extra + '/orders', transport).open();
    const heard = await watcher.answer({ do: 'watch', name });
    await watcher.finish();
    return heard;
  }

  const scenarios = {
    // The client says so, the server says so, and the client made that very request.
    async transport_in_use({ environment, transport, served, connect }) {
      const before = await environment.receivers();
      const client = await connect(environment.extra + '/orders');
      same(client.sock.transport, transport, 'transport that the client uses');
      same((await client.answer({ do: 'info' })).transport, served, 'transport at the server');
      const made = (await environment.receivers()) - before;
      if (made < 1) throw new Error('the client made no request to ' + served);
      await client.finish();
    },

    // Bursts that go out without waiting, through an endpoint whose responses end at 4096 bytes.
    async burst_of_500_echoed({ environment, connect }) {
      const client = await connect(environment.test + '/echo');
      const sent = numbered(500, 24);
      const got = [];
      for (let start = 0; start < 500; start += 50) {
        for (const message of sent.slice(start, start + 50)) client.send(message);
        got.push(await client.next());
      }
      while (got.length < 500) got.push(await client.next());
      same(got, sent, 'echoes');
      same(await client.ask('last'), 'last', 'the one after the bursts');
      await client.finish();
    },

    async burst_of_500_pushed({ environment, connect }) {
      const client = await connect(environment.extra + '/orders');
      client.order({ do: 'push', count: 500, bursts: 10 });
      const got = [];
      while (got.length < 500) got.push(await client.next());
      same(got, Array.from({ length: 500 }, (_, n) => `pushed ${n}`), 'pushed messages');
      await client.finish();
    },

    async message_of_512_kib({ environment, connect }) {
      const client = await connect(environment.extra + '/echo');
      const big = numbered(32768, 16).join('');
      same(await client.ask(big), big, 'big message');
      same(await client.ask('small'), 'small', 'the one after the big one');
      await client.finish();
    },

    async message_of_512_kib_over_the_response_limit({ environment, connect }) {
      const client = await connect(environment.test + '/echo');
      const big = numbered(32768, 16).join('');
      client.send('before');
      client.send(big);
      client.send('after');
      same(await client.next(), 'before', 'the one before');
      same(await client.next(), big, 'big message');
      same(await client.next(), 'after', 'the one after');
      await client.finish();
    },

    async amplified_to_512_kib({ environment, connect }) {
      const client = await connect(environment.test + '/amplify');
      for (const exponent of [1, 10, 19]) {
        const got = await client.ask(String(exponent));
        same(got, 'x'.repeat(2 ** exponent), `2^${exponent} times x`);
      }
      await client.finish();
    },

    // 25 messages of 600 characters through responses that end at 4096 bytes: seven to a response.
    async reconnects_at_the_response_limit({ environment, served, connect }) {
      const before = await environment.receivers();
      const client = await connect(environment.test + '/echo');
      for (const message of numbered(25, 600)) same(await client.ask(message), message, 'echo');
      const made = (await environment.receivers()) - before;
      await client.finish();
      const fewest = ONE_FRAME_PER_REQUEST.includes(served) ? 25 : 4;
      if (served === 'websocket') same(made, 1, 'websockets opened');
      else if (made < fewest) throw new Error(`${made} requests, where ${fewest} are the fewest`);
    },

    // A protocol of Twisted's, served unchanged: its lines are no messages and need not be whole.
    async wrapped_line_receiver({ environment, connect }) {
      const client = await connect(environment.extra + '/lines');
      same(await client.next(), 'hello\r\n', 'greeting');
      for (const piece of ['zaż', 'ółć 漢字 \u{1f600}\r', '\ntwo\r\nthr']) client.send(piece);
      same(await client.next(), '\u{1f600} 字漢 ćłóżaz\r\n', 'line in pieces');
      same(await client.next(), 'owt\r\n', 'whole line');
      same(await client.ask('ee\r\n'), 'eerht\r\n', 'rest of a line');
      const sent = numbered(500, 8);
      client.send(sent.map((line) => line + '\r\n').join(''));
      for (const line of sent) {
        same(await client.next(), [...line].reverse().join('') + '\r\n', 'one of many lines');
      }
      const long = numbered(32768, 16).join('');
      same(await client.ask(long + '\r\n'), [...long].reverse().join('') + '\r\n', 'long line');
      await client.finish();
    },

    async wrapped_line_receiver_closes({ environment, connect }) {
      const client = await connect(environment.extra + '/lines');
      same(await client.next(), 'hello\r\n', 'greeting');
      client.send('one\r\nquit\r\ntwo\r\n');
      same(await client.next(), 'eno\r\n', 'line');
      const end = await client.closed;
      same(client.arrived, ['bye\r\n'], 'what it wrote before it closed');
      same(end, { code: 3000, reason: 'Go away!', wasClean: true }, 'end');
    },

    async closed_by_the_server({ environment, connect }) {
      const client = await connect(environment.extra + '/orders');
      const end = { code: 4321, reason: 'naïve "reason" ☃', wasClean: true };
      client.order({ do: 'close', code: end.code, reason: end.reason });
      same(await client.closed, end, 'end');
    },

    // What was sent before the close arrives before it.
    async close_flushes({ environment, connect }) {
      const client = await connect(environment.extra + '/orders');
      client.order({ do: 'push', count: 500, bursts: 10, code: 3001, reason: 'all sent' });
      const end = await client.closed;
      same(client.arrived, Array.from({ length: 500 }, (_, n) => `pushed ${n}`), 'messages');
      same(end, { code: 3001, reason: 'all sent', wasClean: true }, 'end');
    },

    async closed_by_the_server_at_once({ environment, transport }) {
      const client = new Client(environment, environment.test + '/close', transport);
      let opened = false;
      client.opened.then(() => { opened = true; });
      same(await client.closed, { code: 3000, reason: 'Go away!', wasClean: true }, 'end');
      same(opened, true, 'opened first');
    },

    // The protocol does not carry the client's code and reason; the server hears of the end, once.
    async closed_by_the_client({ environment, transport, connect }) {
      const client = await connect(environment.extra + '/orders');
      const name = freshName();
      same(await client.answer({ do: 'name', name }), { named: name }, 'answer');
      client.sock.close(3456, 'client is done');
      const end = { code: 3456, reason: 'client is done', wasClean: true };
      same(await client.closed, end, 'end at the client');
      same((await heardByServer(environment, transport, name)).times, 1, 'ends at the server');
    },

    async closed_with_its_tab({ environment, transport }) {
      const name = freshName();
      await environment.tab(environment.extra + '/orders', { do: 'name', name });
      same((await heardByServer(environment, transport, name)).times, 1, 'ends at the server');
    },

    async heartbeats({ environment, connect }) {
      const client = await connect(environment.extra + '/beating');
      await client.beat();
      await client.beat();
      same(await client.ask('still here'), 'still here', 'echo');
      await client.beat();
      await client.finish();
    },

    async tick({ environment, connect }) {
      const client = await connect(environment.test + '/ticker');
      same([await client.next(), await client.next()], ['tick!', 'tick!'], 'ticks');
      await client.finish();
    },

    async broadcast_to_two({ environment, connect }) {
      const first = await connect(environment.test + '/broadcast');
      const second = await connect(environment.test + '/broadcast');
      const message = freshName();
      second.send(message);
      for (const client of [first, second]) {
        // Others may be on the air too.
        let got;
        do got = await client.next(); while (got !== message);
        await client.finish();
      }
    },

    async cookie_needed({ environment, connect }) {
      const client = await connect(environment.test + '/cookie_needed_echo');
      same(await client.ask('with a cookie'), 'with a cookie', 'echo');
      await client.finish();
    },

    async falls_back_without_websocket({ environment }) {
      const url = environment.test + '/disabled_websocket_echo';
      const client = await new Client(environment, url, null).open();
      same(client.sock.transport, 'xhr-streaming', 'transport that the client chose');
      same(await client.ask('fallen back'), 'fallen back', 'echo');
      await client.finish();
    },
  };

  // The browser's own websocket, at an endpoint of the server's: no frames of SockJS, and both
  // sides' close codes travel.
  function raw(environment) {
    const url = environment.extra.replace(/^http/, 'ws') + '/orders/websocket';
    const socket = new WebSocket(url);
    socket.binaryType = 'arraybuffer';
    const once = (kind) => new Promise((resolve, reject) => {
      socket.addEventListener(kind, resolve, { once: true });
      if (kind !== 'close') socket.addEventListener('close', reject, { once: true });
    });
    const next = async () => (await once('message')).data;
    return { socket, opened: once('open'), closed: once('close'), next };
  }

  Object.assign(scenarios, {
    async raw_echo({ environment }) {
      const { socket, opened, closed, next } = raw(environment);
      await opened;
      socket.send(JSON.stringify({ do: 'info' }));
      same(JSON.parse(await next()).transport, 'rawwebsocket', 'transport at the server');
      socket.close();
      await closed;
    },

    async raw_binary({ environment }) {
      const { socket, opened, closed, next } = raw(environment);
      await opened;
      const bytes = Uint8Array.from({ length: 70000 }, (_, n) => n % 256);
      socket.send(bytes);
      same(Array.from(new Uint8Array(await next())), Array.from(bytes), 'echoed bytes');
      socket.close();
      await closed;
    },

    async raw_closed_by_the_server({ environment }) {
      const { socket, opened, closed } = raw(environment);
      await opened;
      socket.send(JSON.stringify({ do: 'close', code: 4321, reason: 'naïve "reason" ☃' }));
      const { code, reason, wasClean } = await closed;
      same([code, reason, wasClean], [4321, 'naïve "reason" ☃', true], 'end');
    },

    async raw_closed_by_the_browser({ environment }) {
      const { socket, opened, closed, next } = raw(environment);
      await opened;
      const name = freshName();
      socket.send(JSON.stringify({ do: 'name', name }));
      await next();
      socket.close(3456, 'browser is done');
      const { code, reason, wasClean } = await closed;
      same([code, reason, wasClean], [3456, 'browser is done', true], 'end at the browser');
      const heard = await heardByServer(environment, 'websocket', name);
      same(heard, { name, times: 1, reason: [3456, 'browser is done'] }, 'end at the server');
    },
  });

  // One open channel of the multiplex client, which wants a listener for each kind of event and
  // sends too early what it is given before it is open.
  async function subscribe(multiplexer, name) {
    const channel = multiplexer.channel(name);
    const arrived = [];
    let wanting = null;
    channel.addEventListener('message', ({ data }) => {
      if (wanting) wanting(data); else arrived.push(data);
      wanting = null;
    });
    const once = (kind) =>
      new Promise((resolve) => channel.addEventListener(kind, () => resolve(kind)));
    const next = async () =>
      arrived.length ? arrived.shift() : new Promise((resolve) => { wanting = resolve; });
    const ask = (message) => { channel.send(message); return next(); };
    const order = async (message) => JSON.parse(await ask(JSON.stringify(message)));
    const closed = once('close');
    await once('open');
    return { channel, arrived, closed, next, ask, order };
  }

  // The services of the extra server's /multiplex, through the field's multiplex client.
  Object.assign(scenarios, {
    async multiplex_echo({ environment, connect }) {
      const client = await connect(environment.extra + '/multiplex');
      const multiplexer = new environment.WebSocketMultiplex(client.sock);
      const one = await subscribe(multiplexer, 'echo');
      const two = await subscribe(multiplexer, 'échos, ☃ and 😀');
      for (const text of ['a', 'a,b,,c,', '', 'msg,echo,x', TEXTS.unicode, TEXTS.json]) {
        const echoes = await Promise.all([one.ask(text), two.ask('two ' + text)]);
        same(echoes, [text, 'two ' + text], 'echoes');
      }
      same([...one.arrived, ...two.arrived], [], 'what else arrived');
      await client.finish();
    },

    // The page of the documentation, but for where its server is.
    async multiplex_documented({ environment, transport }) {
      let sock;
      const SockJS = function (path) {
        sock = new Client(environment, environment.extra + path, transport).sock;
        return sock;
      };
      const said = await new Promise((resolve) => {
        const page = new Function('SockJS', 'WebSocketMultiplex', 'console', environment.documented);
        page(SockJS, environment.WebSocketMultiplex, { log: resolve });
      });
      same(said, 'hello, world', 'what the page logs');
      sock.close();
    },

    async multiplex_unknown_channel({ environment, connect }) {
      const client = await connect(environment.extra + '/multiplex');
      const multiplexer = new environment.WebSocketMultiplex(client.sock);
      const nobody = await subscribe(multiplexer, 'nobody');
      same(await nobody.closed, 'close', 'event');
      const echo = await subscribe(multiplexer, 'echo');
      same(await echo.ask('on'), 'on', 'echo of another channel');
      await client.finish();
    },

    async multiplex_closed_by_the_server({ environment, connect }) {
      const client = await connect(environment.extra + '/multiplex');
      const multiplexer = new environment.WebSocketMultiplex(client.sock);
      const orders = await subscribe(multiplexer, 'orders');
      const echo = await subscribe(multiplexer, 'echo');
      const close = { code: 3001, reason: 'all sent' };
      orders.channel.send(JSON.stringify({ do: 'push', count: 50, bursts: 5, ...close }));
      await orders.closed;
      same(orders.arrived, Array.from({ length: 50 }, (_, n) => `pushed ${n}`), 'messages');
      same(await echo.ask('on'), 'on', 'echo of another channel');
      const again = await subscribe(multiplexer, 'orders');
      const answer = await again.order({ do: 'name', name: 'again' });
      same(answer, { named: 'again' }, 'answer to the next subscription');
      await client.finish();
    },

    async multiplex_closed_by_the_client({ environment, connect }) {
      const client = await connect(environment.extra + '/multiplex');
      const multiplexer = new environment.WebSocketMultiplex(client.sock);
      const orders = await subscribe(multiplexer, 'orders');
      const watcher = await subscribe(multiplexer, 'more orders');
      const name = freshName();
      await orders.order({ do: 'name', name });
      orders.channel.close();
      await orders.closed;
      const heard = { name, times: 1, reason: [1000, 'Unsubscribed'] };
      same(await watcher.order({ do: 'watch', name }), heard, 'end at the server');
      await client.finish();
    },

    async multiplex_ends_with_its_connection({ environment, transport, connect }) {
      const client = await connect(environment.extra + '/multiplex');
      const multiplexer = new environment.WebSocketMultiplex(client.sock);
      const names = { 'orders': freshName(), 'more orders': freshName() };
      for (const [channel, name] of Object.entries(names)) {
        const orders = await subscribe(multiplexer, channel);
        await orders.order({ do: 'name', name });
      }
      await client.finish();
      for (const name of Object.values(names)) {
        const heard = await heardByServer(environment, transport, name);
        same(heard.times, 1, 'ends at the server');
      }
    },
  });

  for (const [kind, text] of Object.entries(TEXTS)) {
    scenarios['echo_' + kind] = async ({ environment, connect }) => {
      const client = await connect(environment.test + '/echo');
      same(await client.ask(text), text, kind);
      same(await client.ask(text + '|' + text), text + '|' + text, kind + ' twice');
      await client.finish();
    };
  }

  function within(patience, promise) {
    let timer;
    const late = new Promise((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`nothing for ${patience} ms`)), patience);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
  }

  async function play(environment, transport, name) {
    const clients = [];
    const connect = (url) => {
      const client = new Client(environment, url, transport);
      clients.push(client);
      return client.open();
    };
    const served = SERVED_BY[transport];
    try {
      if (!scenarios[name]) throw new Error('no such scenario');
      await within(PATIENCE, scenarios[name]({ environment, transport, served, connect }));
      return null;
    } catch (error) {
      return String(error && error.message || error);
    } finally {
      for (const client of clients) if (!client.end) client.sock.close();
    }
  }

  return { play, Client, SERVED_BY };
});
