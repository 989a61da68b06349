// Play scenarios with txsockjs.js alone: `node script_alone.js CONFIG`, where CONFIG is JSON with
// source (the path of the script) and scenarios. The client of SockJS, time and chance are stand-ins. Prints
// {transport: {scenario: error}}, the transport being "none".
'use strict';

const assert = require('assert');
const fs = require('fs');
const vm = require('vm');

// What the script runs in: a page with a clock that is moved by hand, and a SockJS that notes what
// is done with it.
class Page {
  constructor(source) {
    const page = this;
    this.now = 1000;
    this.chance = 1;
    this.timers = new Map();
    this.serial = 0;
    this.socks = [];
    this.heard = []; // the events of the connection, in order
    this.watchers = {};
    this.sandbox = {
      Date: { now: () => page.now },
      Math: Object.assign(Object.create(null), { min: Math.min, pow: Math.pow, round: Math.round }),
      setTimeout(call, delay) {
        page.serial += 1;
        page.timers.set(page.serial, { call, at: page.now + delay });
        return page.serial;
      },
      clearTimeout(id) { page.timers.delete(id); },
      addEventListener(type, watcher) { page.watchers[type] = watcher; },
      removeEventListener(type) { delete page.watchers[type]; },
    };
    this.sandbox.Math.random = () => page.chance;
    this.sandbox.self = this.sandbox;
    this.sandbox.SockJS = class {
      constructor(url, protocols, options) {
        Object.assign(this, { url, protocols, options, sent: [], closed: null, transport: null });
        page.socks.push(this);
      }
      send(message) { this.sent.push(message); }
      close(...end) { if (!this.closed) this.closed = end; }
      // What the server does.
      open(transport = 'websocket') { this.transport = transport; this.onopen({ type: 'open' }); }
      say(...messages) {
        // Handlers may be taken away meanwhile.
        for (const data of messages) if (this.onmessage) this.onmessage({ data });
      }
      end(code, reason = '') {
        this.closed = this.closed || [];
        if (this.onclose) this.onclose({ code, reason, wasClean: false });
      }
    };
    vm.runInNewContext(source, this.sandbox);
    this.ReconnectingSockJS = this.sandbox.ReconnectingSockJS;
  }

  get sock() { return this.socks[this.socks.length - 1]; }

  // Let time pass, and run what is due then.
  pass(ms) {
    const end = this.now + ms;
    for (;;) {
      const due = [...this.timers].filter(([, { at }]) => at <= end)
        .sort(([one, { at }], [two, { at: other }]) => at - other || one - two)[0];
      if (!due) break;
      this.timers.delete(due[0]);
      this.now = Math.max(this.now, due[1].at);
      due[1].call();
    }
    this.now = end;
  }

  make(options = {}) {
    const sock = new this.ReconnectingSockJS('http://a/chat', options);
    for (const type of ['open', 'message', 'heartbeat', 'reconnecting', 'resume', 'fresh', 'close']) {
      sock['on' + type] = (event) => {
        const { target, currentTarget, ...told } = event;
        assert(target === sock && currentTarget === sock);
        this.heard.push(told);
      };
    }
    return sock;
  }

  // The events since the last call, with what is told by them if `fully`.
  events(fully = false) {
    const heard = this.heard.splice(0);
    return fully ? JSON.parse(JSON.stringify(heard)) : heard.map((event) => event.type).join(' ');
  }

  // Begin a session that can be resumed.
  begin(options = {}, transport = 'websocket') {
    const sock = this.make({ resume: true, ...options });
    this.sock.open(transport);
    this.sock.say('sT0');
    assert.equal(this.events(), 'open');
    this.sock.sent = [];
    return sock;
  }

  // Lose the connection, and open the next one.
  lose(code = 1006) {
    this.sock.end(code);
    this.comeBack();
  }

  // Open the next connection, after the one before was lost.
  comeBack(transport = 'websocket') {
    const [{ type, delay }] = this.events(true);
    assert.equal(type, 'reconnecting');
    this.pass(delay);
    this.sock.open(transport);
  }
}

const scenarios = {
  opens_over_one_connection(page) {
    const sock = page.make({ transports: ['websocket'] });
    assert.equal(page.sock.url, 'http://a/chat');
    assert.deepEqual(page.sock.options.transports, ['websocket']);
    assert.equal(sock.readyState, 0);
    page.sock.open();
    assert.equal(sock.readyState, 1);
    assert.equal(sock.transport, 'websocket');
    sock.send('one');
    sock.send(2);
    assert.deepEqual(page.sock.sent, ['one', '2']);
    page.sock.say('three');
    page.sock.onheartbeat();
    assert.deepEqual(page.events(true), [
      { type: 'open' }, { type: 'message', data: 'three' }, { type: 'heartbeat' },
    ]);
  },

  is_called_as_the_client_of_sockjs_is(page) {
    const one = page.ReconnectingSockJS('http://a/one', null, { server: '7' });
    assert(one instanceof page.ReconnectingSockJS);
    assert.equal(page.sock.options.server, '7');
    new page.ReconnectingSockJS('http://a/two', ['a']);
    assert.equal(page.sock.protocols.join(), 'a');
    assert.deepEqual([one.CONNECTING, page.ReconnectingSockJS.CLOSED], [undefined, 3]);
    let other = 0;
    class Own extends page.sandbox.SockJS { constructor(...all) { super(...all); other += 1; } }
    new page.ReconnectingSockJS('http://a/three', { SockJS: Own });
    assert.equal(other, 1);
  },

  refuses_what_is_wrong_at_once(page) {
    const make = (message, ...all) => assert.throws(
      () => new page.ReconnectingSockJS(...all), ({ message: said }) => message.test(said));
    make(/^the URL must be a string, not undefined$/);
    make(/^minDelay must be a number from 0, not -1$/, '/a', { minDelay: -1 });
    make(/^maxDelay must be a number from 0, not NaN$/, '/a', { maxDelay: NaN });
    make(/^silence must be a number from 1, not 0$/, '/a', { silence: 0 });
    make(/^sendLimit must be a number from 0, not 1k$/, '/a', { sendLimit: '1k' });
    delete page.sandbox.SockJS;
    make(/^the client of SockJS must be loaded before/, '/a');
    assert.equal(page.timers.size, 0);
  },

  takes_no_message_while_it_is_not_connected(page) {
    const sock = page.make();
    assert.throws(() => sock.send('a'), /InvalidStateError/);
    page.sock.open();
    page.sock.end(1006);
    assert.equal(sock.readyState, 0);
    assert.throws(() => sock.send('a'), /InvalidStateError/);
    sock.close();
    sock.send('a');
    page.pass(0);
    sock.send('a');
    assert.deepEqual(page.sock.sent, []);
  },

  comes_back_to_a_plain_server(page) {
    page.make();
    page.sock.open();
    page.events();
    page.sock.end(1012, 'Service restart');
    assert.deepEqual(page.events(true), [
      { type: 'reconnecting', attempt: 1, delay: 1000, code: 1012, reason: 'Service restart' },
    ]);
    page.pass(1000);
    page.sock.open();
    page.sock.say('again');
    assert.deepEqual(page.events(true), [
      { type: 'fresh', unconfirmed: [] }, { type: 'message', data: 'again' },
    ]);
    assert.equal(page.socks.length, 2);
  },

  comes_back_later_each_time_and_never_at_once_with_all_others(page) {
    page.make({ minDelay: 100, maxDelay: 1000 });
    const delays = [];
    for (let each = 0; each < 6; each++) {
      page.sock.end(1002);
      const [{ attempt, delay }] = page.events(true);
      assert.equal(attempt, each + 1);
      delays.push(delay);
      page.pass(1000);
    }
    assert.deepEqual(delays, [100, 200, 400, 800, 1000, 1000]);
    page.chance = 0.25;
    page.sock.end(1002);
    assert.equal(page.events(true)[0].delay, 250);
  },

  counts_as_back_when_a_connection_has_held(page) {
    page.make();
    const lose = () => {
      page.sock.end(1011);
      const { delay } = page.events(true).pop();
      page.pass(delay);
      page.sock.open();
      return delay;
    };
    page.sock.open();
    assert.deepEqual([lose(), lose(), lose()], [1000, 2000, 4000]);
    page.pass(8000);
    assert.deepEqual([lose(), lose()], [1000, 2000]);
  },

  stops_at_codes_that_mean_go_away(page) {
    for (const code of [1000, 1003, 1007, 1009, 1010, 3000, 4000, 4999]) {
      const sock = page.make();
      page.sock.open();
      page.events();
      page.sock.end(code, 'enough');
      const end = { type: 'close', code, reason: 'enough', wasClean: false };
      assert.deepEqual(page.events(true), [end]);
      assert.equal(sock.readyState, 3);
      assert.equal(page.timers.size, 0);
    }
    for (const code of [1001, 1002, 1006, 1008, 1011, 1012, 1013, 1014, 2000, 2007, 2010]) {
      const sock = page.make();
      page.sock.open();
      page.events();
      page.sock.end(code);
      assert.equal(page.events(), 'reconnecting', code);
      sock.close();
      page.pass(0);
      page.events();
    }
  },

  asks_the_page_whether_to_come_back(page) {
    const asked = [];
    const shouldReconnect = ({ code, reason }) => { asked.push([code, reason]); return code > 4000; };
    page.make({ shouldReconnect });
    page.sock.open();
    page.sock.end(4001, 'a');
    page.pass(1000);
    page.sock.end(1006, 'b');
    assert.deepEqual(asked, [[4001, 'a'], [1006, 'b']]);
    assert.equal(page.events(), 'open reconnecting close');
  },

  gives_up_after_as_many_attempts_as_are_allowed(page) {
    page.make({ maxAttempts: 2 });
    for (let each = 0; each < 3; each++) { page.sock.end(1002, 'no'); page.pass(30000); }
    assert.equal(page.events(), 'reconnecting reconnecting close');
    assert.equal(page.socks.length, 3);
    assert.deepEqual(page.watchers, {});
  },

  comes_back_at_once_when_the_browser_is_online(page) {
    page.make();
    page.sock.open();
    page.sock.end(1006);
    page.watchers.online();
    assert.equal(page.socks.length, 2);
    assert.equal(page.timers.size, 0);
    page.watchers.online();
    assert.equal(page.socks.length, 2);
    page.sock.open();
    page.watchers.online(); // a plain session is not given up for it
    assert.equal(page.socks.length, 2);
  },

  comes_back_when_the_page_says_so(page) {
    const sock = page.make();
    sock.reconnect();
    assert.equal(page.socks.length, 1);
    page.sock.end(1002);
    sock.reconnect();
    sock.reconnect();
    assert.equal(page.socks.length, 2);
  },

  takes_a_silent_connection_for_lost(page) {
    page.make({ silence: 5000 });
    page.sock.open();
    for (let each = 0; each < 4; each++) { page.pass(4000); page.sock.onheartbeat(); }
    page.pass(4000);
    page.sock.say('a');
    page.pass(5999);
    assert.equal(page.events().split(' ').pop(), 'message');
    page.pass(1);
    assert.equal(page.events(), 'reconnecting');
    assert.deepEqual(page.sock.closed, []);
  },

  hears_first_what_came_while_the_page_was_stopped(page) {
    page.make({ silence: 5000 });
    page.sock.open();
    page.now += 3600 * 1000;
    page.pass(0); // timers run before what arrived
    page.sock.onheartbeat();
    page.pass(5000);
    assert.equal(page.events(), 'open heartbeat');
  },

  hears_nothing_of_a_connection_that_is_let_go(page) {
    page.make({ silence: 5000 });
    const before = page.sock;
    before.open();
    const { onmessage, onclose } = before;
    page.pass(6000);
    assert.equal(before.onmessage, null);
    assert.equal(before.onclose, null);
    assert(onmessage && onclose);
    page.pass(1000);
    page.sock.open();
    assert.equal(page.events(), 'open reconnecting fresh');
  },

  closes_for_good(page) {
    const sock = page.make();
    page.sock.open();
    assert.throws(() => sock.close(1001), /InvalidAccessError/);
    assert.throws(() => sock.close(3000, 'x'.repeat(124)), SyntaxErrorOf(page));
    sock.close(3001, 'bye');
    sock.close();
    assert.equal(sock.readyState, 2);
    assert.deepEqual(page.sock.closed, [3001, 'bye']);
    assert.equal(page.events(), 'open');
    page.pass(0);
    const end = { type: 'close', code: 3001, reason: 'bye', wasClean: true };
    assert.deepEqual(page.events(true), [end]);
    assert.equal(sock.readyState, 3);
    assert.equal(page.timers.size, 0);
    assert.deepEqual(page.watchers, {});
  },

  closes_while_it_waits(page) {
    const sock = page.make();
    page.sock.end(1002);
    sock.close();
    page.pass(60000);
    assert.equal(page.events(), 'reconnecting close');
    assert.equal(page.socks.length, 1);
  },

  closes_in_a_handler(page) {
    const sock = page.make();
    sock.onmessage = () => { page.heard.push({ type: 'message' }); sock.close(); };
    page.sock.open();
    page.sock.say('a', 'b');
    page.pass(0);
    assert.equal(page.events(), 'open message close');
  },

  dispatches_events_of_the_page(page) {
    const sock = page.make();
    const heard = [];
    sock.addEventListener('own', (event) => heard.push(event));
    const event = new Event('own');
    assert.equal(sock.dispatchEvent(event), true);
    assert(heard[0] === event);
  },
  tells_all_listeners_even_if_one_throws(page) {
    const sock = page.make();
    const heard = [];
    const gone = () => heard.push('gone');
    sock.onmessage = () => { throw new Error('of the page'); };
    sock.addEventListener('message', gone);
    sock.addEventListener('message', ({ data }) => heard.push(data));
    sock.removeEventListener('message', gone);
    page.sock.open();
    page.sock.say('a', 'b');
    assert.deepEqual(heard, ['a', 'b']);
    assert.throws(() => page.pass(0), /of the page/);
  },

  // -- sessions that are resumed

  announces_itself_and_begins(page) {
    const sock = page.make({ resume: true });
    assert.equal(page.sock.url, 'http://a/chat?resume=1');
    page.sock.open();
    assert.deepEqual(page.sock.sent, ['n']);
    assert.equal(sock.readyState, 0);
    page.sock.say('sT0');
    assert.deepEqual(page.sock.sent, ['n', 'a0']);
    assert.equal(page.events(), 'open');
    sock.send('hello');
    assert.deepEqual(page.sock.sent.slice(2), ['mhello']);
    page.sock.say('mx1,2', 'm');
    assert.deepEqual(page.events(true).map(({ data }) => data), ['x1,2', '']);
    const other = new page.ReconnectingSockJS('http://a/chat?b=c', { resume: true });
    assert.equal(page.sock.url, 'http://a/chat?b=c&resume=1');
    other.close();
  },

  resumes_where_it_was(page) {
    const sock = page.begin();
    ['a', 'b', 'c'].forEach((each) => sock.send(each));
    page.sock.say('m1', 'm2', 'a1');
    assert.equal(sock.bufferedAmount, 2);
    page.events();
    page.sock.end(3000); // no end of the session, whatever the code
    assert.equal(sock.readyState, 1);
    sock.send('d');
    page.pass(1000);
    page.sock.open();
    assert.deepEqual(page.sock.sent, ['rT0,2']);
    sock.send('e');
    page.events();
    page.sock.say('cT1,2', 'm3');
    assert.deepEqual(page.sock.sent, ['rT0,2', 'a2', 'mc', 'md', 'me']);
    assert.equal(page.events(), 'resume message');
    assert.equal(sock.bufferedAmount, 3);
    page.lose();
    assert.deepEqual(page.sock.sent, ['rT1,3']);
  },

  resumes_with_the_same_token_while_it_is_not_answered(page) {
    page.begin();
    for (let each = 0; each < 3; each++) {
      page.lose();
      assert.deepEqual(page.sock.sent, ['rT0,0']);
      page.events();
      page.pass(10000 - 1);
      assert.equal(page.events(), '');
    }
    page.pass(1);
    assert.deepEqual(page.events(true).map(({ reason }) => reason), ['The server did not answer']);
  },

  numbers_messages_over_http(page) {
    const sock = page.begin({}, 'xhr-polling');
    sock.send('a');
    sock.send('b,c');
    assert.deepEqual(page.sock.sent, ['k1,a', 'k2,b,c']);
    page.sock.say('k1,one', 'k1,one', 'k2,two,\nthree', 'k1,one', 'a1');
    assert.deepEqual(page.events(true).map(({ data }) => data), ['one', 'two,\nthree']);
    page.sock.end(1006);
    page.comeBack('jsonp-polling');
    page.sock.say('cT1,1');
    assert.deepEqual(page.sock.sent, ['rT0,2', 'a2', 'k2,b,c']);
    page.events();
    page.lose();
    page.sock.say('cT2,1');
    assert.deepEqual(page.sock.sent, ['rT1,2', 'a2', 'mb,c']);
  },

  comes_back_for_what_an_answer_said_that_was_lost(page) {
    page.begin({}, 'xhr-polling');
    page.sock.say('k2,two', 'k3,three');
    assert.deepEqual(page.sock.sent, []);
    page.comeBack('xhr-polling');
    for (const next of ['k1,one', 'p1', 'a0']) {
      page.sock.say(next); // the answer to its token was lost
      page.comeBack('xhr-polling');
      assert.deepEqual(page.sock.sent, ['rT0,0']);
    }
    page.sock.say('cT1,0', 'k1,one', 'p1');
    assert.equal(page.events(), 'resume message');
    assert.deepEqual(page.sock.sent, ['rT0,0', 'a0', 'a1']);
    page.sock.say('p2', 'x4001,Enough');
    page.comeBack('xhr-polling');
    assert.deepEqual(page.sock.sent, ['rT1,1']);
  },

  tells_how_many_it_sent_while_none_is_confirmed(page) {
    const sock = page.begin({}, 'jsonp-polling');
    sock.send('a');
    sock.send('b');
    page.pass(2999);
    assert.deepEqual(page.sock.sent, ['k1,a', 'k2,b']);
    page.pass(1);
    page.sock.say('a1');
    page.pass(3000);
    page.pass(3000);
    assert.deepEqual(page.sock.sent.slice(2), ['p2', 'p2']);
    page.sock.say('a2');
    page.pass(9000);
    sock.send('c');
    sock.close();
    assert.deepEqual(page.sock.sent.slice(4), ['k3,c', 'p3', 'x']);
  },

  begins_anew_if_the_server_does(page) {
    const sock = page.begin();
    sock.send('a');
    sock.send('b');
    page.sock.say('a1', 'm1');
    page.events();
    page.lose();
    page.sock.say('fT9');
    assert.deepEqual(page.events(true), [{ type: 'fresh', unconfirmed: ['b'] }]);
    assert.deepEqual(page.sock.sent, ['rT0,1', 'a0']);
    assert.equal(sock.bufferedAmount, 0);
    sock.send('c');
    page.sock.say('a1', 'm1');
    page.events();
    page.lose();
    assert.deepEqual(page.sock.sent, ['rT9,1']);
  },

  ends_when_the_server_says_so(page) {
    page.begin();
    page.sock.say('x3000,Go away, please!', 'mlate');
    const end = { type: 'close', code: 3000, reason: 'Go away, please!', wasClean: true };
    assert.deepEqual(page.events(true), [end]);
    assert.equal(page.timers.size, 0);
  },

  begins_another_session_if_the_code_says_so(page) {
    const sock = page.begin();
    sock.send('a');
    page.sock.say('x1012,Service restart');
    assert.equal(sock.readyState, 0);
    page.sock.end(1012);
    assert.equal(page.events(), 'reconnecting');
    page.pass(1000);
    page.sock.open();
    assert.deepEqual(page.sock.sent, ['n']);
    page.sock.say('sT1');
    assert.deepEqual(page.events(true), [{ type: 'fresh', unconfirmed: ['a'] }]);
  },

  resumes_if_a_connection_that_it_gave_up_took_its_place(page) {
    page.begin();
    page.sock.say('x4409,Resumed over another connection');
    page.sock.end(4409);
    assert.equal(page.events(), 'reconnecting');
    page.pass(1000);
    page.sock.open();
    assert.deepEqual(page.sock.sent, ['rT0,0']);
  },

  acknowledges_after_16_messages_or_16_kib_or_a_second(page) {
    page.begin();
    for (let each = 1; each < 16; each++) page.sock.say('m');
    assert.deepEqual(page.sock.sent, []);
    page.sock.say('m');
    assert.deepEqual(page.sock.sent.splice(0), ['a16']);
    page.sock.say('m' + 'x'.repeat(16384));
    assert.deepEqual(page.sock.sent.splice(0), ['a17']);
    page.sock.say('m', 'm');
    page.pass(999);
    page.sock.say('m');
    assert.deepEqual(page.sock.sent, []);
    page.pass(1);
    assert.deepEqual(page.sock.sent.splice(0), ['a20']);
    page.pass(5000);
    assert.deepEqual(page.sock.sent, []);
  },

  keeps_no_more_than_it_may(page) {
    const sock = page.begin({ sendLimit: 300 });
    sock.send('x'.repeat(100));
    assert.throws(() => sock.send('x'.repeat(73)), /QuotaExceededError/);
    sock.send('x'.repeat(72));
    assert.throws(() => sock.send(''), /QuotaExceededError/);
    page.sock.say('a1');
    sock.send('x'.repeat(100));
    assert.deepEqual(page.sock.sent.map((each) => each.length), [101, 73, 101]);
  },

  leaves_for_good(page) {
    const sock = page.begin();
    page.sock.say('m1');
    page.events();
    sock.close(3001, 'bye');
    page.sock.say('mlate');
    assert.deepEqual(page.sock.sent, ['x']);
    assert.equal(page.sock.closed, null);
    assert.equal(page.events(), '');
    page.sock.end(1000);
    const end = { type: 'close', code: 3001, reason: 'bye', wasClean: true };
    assert.deepEqual(page.events(true), [end]);
    assert.equal(page.timers.size, 0);
  },

  leaves_when_all_has_arrived(page) {
    const sock = page.begin();
    sock.send('a');
    sock.close(3001, 'bye');
    page.sock.end(1006);
    page.pass(1000);
    page.sock.open();
    page.sock.say('cT1,0', 'mlate');
    assert.deepEqual(page.sock.sent, ['rT0,0', 'a0', 'ma', 'x']);
    page.sock.end(1000);
    assert.deepEqual(page.events(true).map(({ type, code }) => [type, code]), [['close', 3001]]);
    assert.equal(page.timers.size, 0);
  },

  leaves_a_session_that_is_about_to_begin(page) {
    const sock = page.make({ resume: true });
    page.sock.open();
    sock.close();
    page.pass(9000);
    page.sock.say('sT0');
    assert.deepEqual(page.sock.sent, ['n', 'a0', 'x']);
    page.sock.end(1000);
    assert.equal(page.events(), 'close');
    assert.equal(page.timers.size, 0);
  },
  leaves_a_session_that_waits(page) {
    const sock = page.begin();
    page.sock.end(1006);
    sock.close();
    assert.equal(page.socks.length, 2);
    page.sock.open();
    page.sock.say('fT1');
    assert.deepEqual(page.sock.sent, ['rT0,0', 'a0', 'x']);
    page.sock.end(1000);
    assert.equal(page.events(), 'reconnecting close');
  },

  leaves_even_if_the_server_is_silent(page) {
    const sock = page.begin();
    sock.close();
    page.pass(9999);
    assert.equal(page.events(), '');
    page.pass(1);
    assert.equal(page.events(), 'close');
    assert.deepEqual(page.sock.closed, []);
  },

  leaves_with_its_page(page) {
    page.begin();
    page.watchers.pagehide({ persisted: true });
    assert.deepEqual(page.sock.sent, []);
    page.watchers.pagehide({ persisted: false });
    assert.deepEqual(page.sock.sent, ['x']);
  },

  replaces_its_connection_when_the_network_is_another(page) {
    page.begin();
    page.watchers.online();
    assert.equal(page.socks.length, 2);
    assert.deepEqual(page.socks[0].closed, []);
    page.sock.open();
    assert.deepEqual(page.sock.sent, ['rT0,0']);
  },

  keeps_its_connection_when_it_may_not_come_back(page) {
    page.begin({ maxAttempts: 0 });
    page.watchers.online();
    assert.equal(page.socks.length, 1);
    assert.equal(page.events(), '');
  },

  ends_where_the_server_does_not_speak_so(page) {
    for (const said of ['hello', '', 'm1', 'a0', '{"a": 1}']) {
      page.make({ resume: true });
      page.sock.open();
      page.sock.say(said);
      assert.deepEqual(page.events(true).map(({ type, code }) => [type, code]), [['close', 1002]]);
    }
    for (const said of ['sT1', 'cT1,0', 'a1', 'a-1', 'a', 'x', 'anything']) {
      page.begin();
      page.sock.say(said);
      assert.deepEqual(page.events(true).map(({ type, code }) => [type, code]), [['close', 1002]]);
    }
    page.begin();
    page.lose();
    page.sock.say('cT1,1');
    assert.equal(page.events(), 'close');
  },
};

function SyntaxErrorOf(page) {
  return (error) => error instanceof vm.runInContext('SyntaxError', page.sandbox);
}

function main() {
  const config = JSON.parse(process.argv[2]);
  const source = fs.readFileSync(config.source, 'utf8');
  const results = {};
  for (const [transport, names] of Object.entries(config.scenarios)) {
    results[transport] = {};
    for (const name of names) {
      try {
        scenarios[name](new Page(source));
        results[transport][name] = null;
      } catch (error) {
        results[transport][name] = String(error && error.stack || error);
      }
    }
  }
  process.stdout.write(JSON.stringify(results));
}

if (process.argv[2] === '--names') process.stdout.write(JSON.stringify(Object.keys(scenarios)));
else main();
