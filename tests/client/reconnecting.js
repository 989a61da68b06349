// What a page does with txsockjs.js and the stock client, told once for Node and for the browser.
//
// `play(environment, transport, name)` plays one scenario over one transport and resolves to null, or
// to what went wrong. The environment says where things are:
//   SockJS, ReconnectingSockJS  the constructors
//   url        base URL of the applications of tests/support/numbers_app.py, by way of a proxy
//   count      how many messages go each way
//   breaks     how often they are cut about; their worker ends a seventh of it
//   cut(), calm(), outage(), rolls(pid), stops(pid), kills(pid)    see breaking.js
(function (root, factory) {
  if (typeof module === 'object' && module.exports) module.exports = factory();
  else root.reconnecting = factory();
})(typeof self === 'undefined' ? this : self, function () {
  'use strict';

  // Only for what hangs.
  const PATIENCE = 240000;
  // How many messages may be under way, both ways together.
  const UNDER_WAY = 300;

  function below(limit) {
    return Math.floor(Math.random() * limit);
  }

  function same(got, wanted, what) {
    if (JSON.stringify(got) !== JSON.stringify(wanted)) {
      throw new Error(`${what}: got ${JSON.stringify(got)}, wanted ${JSON.stringify(wanted)}`);
    }
  }

  // Connect, and note the kinds of events; `next(type)` resolves to the next event of a type.
  function connect({ SockJS, ReconnectingSockJS, url }, path, transport, options = {}) {
    const sock = new ReconnectingSockJS(url + path, {
      SockJS,
      transports: [transport],
      timeout: 15000,
      minDelay: 20,
      maxDelay: 200,
      // In Node the stock client does not hear of a stream that was cut; the server beats quickly.
      silence: 2000,
      ...options,
    });
    const client = { sock, events: [], wanting: {} };
    for (const type of ['open', 'resume', 'fresh', 'reconnecting', 'close', 'message']) {
      sock.addEventListener(type, (event) => {
        if (type !== 'message') client.events.push(type);
        const wanting = client.wanting[type];
        delete client.wanting[type];
        if (wanting) wanting.resolve(event);
        if (type !== 'close') return;
        for (const each of Object.values(client.wanting)) {
          each.reject(new Error(`closed with ${event.code} ${event.reason}`));
        }
      });
    }
    client.next = (type) => new Promise((resolve, reject) => {
      client.wanting[type] = { resolve, reject };
    });
    return client;
  }

  // Send numbers to an application that sends each one back, until `count` or more came back, while
  // connections are cut at any place, also while they come back. Each beginning of the application has
  // another name, so that nothing of the one before is taken for it. `ends` is how its worker ends, if it
  // does.
  async function count_up(environment, transport, ends) {
    const { count, breaks, cut, calm, outage } = environment;
    const { sock, next, events } = connect(environment, '/numbers', transport, { resume: true });
    let beginning = 0, sent = 0, got = 0, before = 0, wrong = null, ending = false;
    let left = 1 + below(2 * count / breaks); // so many more until the next cut
    // When so many came, something happens for certain: the worker ends, or nobody gets through.
    // A worker that ends again and again is replaced later each time.
    const marks = ends ? Math.ceil(breaks / 7) : 1;
    let mark = 1, expecting = false;
    let over = false;
    const closed = next('close').finally(() => { over = true; });
    await next('open');

    function check(condition, told) {
      if (!condition && !wrong) {
        wrong = told;
        sock.close(3999, 'wrong');
      }
    }

    async function end_worker() {
      for (let attempt = 0; expecting; attempt++) {
        // While workers are being replaced already, the word is lost.
        const again = attempt % 100 === 0 && (attempt === 0 || ends === 'rolls');
        if (again && sock.readyState === 1) sock.send('process');
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }

    function took() {
      if (--left === 0) {
        left = 1 + below(2 * count / breaks);
        cut();
      }
      if (mark <= marks && !expecting && before + got >= mark * count / (marks + 1)) {
        mark += 1;
        expecting = !!ends;
        if (ends) end_worker();
        else outage();
      }
    }

    sock.onmessage = ({ data }) => {
      const [kind, number] = data.split(' ');
      if (kind === 'process') {
        if (expecting) environment[ends](Number(number));
        return;
      }
      check(data === `${beginning} ${got}`, `got ${data}, wanted ${beginning} ${got}`);
      got += 1;
      took();
    };
    sock.onreconnecting = () => { if (!ending && below(4) === 0) setTimeout(cut, below(60)); };
    sock.onfresh = ({ unconfirmed }) => {
      const numbers = unconfirmed.filter((each) => /^\d/.test(each));
      const last = Array.from(numbers, (each, n) => `${beginning} ${sent - numbers.length + n}`);
      check(ends, 'it began anew');
      check(numbers.join() === last.join(), `unconfirmed ${numbers} of ${sent}`);
      before += got;
      beginning += 1;
      sent = got = 0;
      expecting = false;
      if (ending) sock.send('end');
    };
    while (!over && (before + got < count || mark <= marks || expecting)) {
      // A session that is over takes nothing until there is another one.
      for (let each = 0; sock.readyState === 1 && each < 20 && sent - got < UNDER_WAY; each++) {
        sock.send(`${beginning} ${sent++}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    // The rest comes, too, and then it tells whether it has missed anything.
    ending = true;
    await calm();
    if (sock.readyState === 1) sock.send('end');
    const { code, reason } = await closed;
    same(wrong, null, 'at the client');
    same([code, reason], [4001, `${sent} in order`], 'at the server');
    same(got, sent, 'how many came back');
    if (before + got < count) throw new Error(`${before + got} came back`);
    const back = events.filter((type) => type === (ends ? 'fresh' : 'resume')).length;
    if (back < marks) throw new Error(`it came back ${back} times`);
    same(events.filter((type) => type === 'open').length, 1, 'how often it was opened');
  }

  const scenarios = {
    cut_at_random_places: (environment, transport) => count_up(environment, transport, null),

    // An application is gone with its worker: the page is told so, and what follows is whole.
    through_rolls: (environment, transport) => count_up(environment, transport, 'rolls'),
    through_stops: (environment, transport) => count_up(environment, transport, 'stops'),
    through_kills: (environment, transport) => count_up(environment, transport, 'kills'),

    // A plain server: a new session after each cut.
    async begins_anew_with_a_plain_server(environment, transport) {
      const client = connect(environment, '/echo', transport);
      await client.next('open');
      for (let each = 0; each < 2; each++) {
        const fresh = client.next('fresh');
        await environment.outage();
        await fresh;
        const answer = client.next('message');
        client.sock.send(String(each));
        same((await answer).data, String(each), 'echo');
      }
      const closed = client.next('close');
      client.sock.send('end');
      same((await closed).code, 4001, 'close code');
    },

    // What was sent right before close() arrives, though the connection is cut.
    async closes_when_all_has_arrived(environment, transport) {
      const { sock, next } = connect(environment, '/numbers', transport, { resume: true });
      await next('open');
      const closed = next('close');
      sock.send('0 0');
      await environment.outage();
      sock.send('0 1');
      sock.close(3001, 'done');
      const { code, reason, wasClean } = await closed;
      same([code, reason, wasClean], [3001, 'done', true], 'end');
    },
  };

  function within(patience, promise) {
    let timer;
    const late = new Promise((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`nothing for ${patience} ms`)), patience);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
  }

  async function play(environment, transport, name) {
    try {
      await within(PATIENCE, scenarios[name](environment, transport));
      return null;
    } catch (error) {
      return String(error && error.message || error);
    }
  }

  return { play };
});
