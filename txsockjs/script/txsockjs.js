// ReconnectingSockJS: the API of SockJS over one SockJS connection after the other.
//
// Rules: `onopen` and `onclose` come once; each loss in between is told by `onreconnecting`, and then
// by `onresume` (nothing was missed) or `onfresh` (the server begins anew). Whatever waits is bounded.
// With `resume` the server is a txsockjs.resume.ResumableConnection; what is said then is specified in
// docs/resume.md. Plain ECMAScript 5: what runs the SockJS client runs this.
(function (root, factory) {
  'use strict';
  if (typeof module === 'object' && module.exports) module.exports = factory(root);
  else if (typeof define === 'function' && define.amd) define(function () { return factory(root); });
  else root.ReconnectingSockJS = factory(root);
})(typeof self !== 'undefined' ? self : this, function (root) {
  'use strict';

  var CONNECTING = 0, OPEN = 1, CLOSING = 2, CLOSED = 3;

  var DEFAULTS = {
    resume: false,
    minDelay: 1000,
    maxDelay: 30000,
    maxAttempts: Infinity,
    silence: 60000,
    sendLimit: 16 * 1024 * 1024,
  };

  // The server has this long, in ms, to answer the first message of a connection, and the last one.
  var PATIENCE = 10000;
  // After so many messages or characters, or after so many ms, the server is told what arrived.
  var MOST_MESSAGES = 16, MOST_CHARACTERS = 16384, LATEST = 1000;
  // Over HTTP it is told how many were sent when it confirmed none of them for so many ms.
  var OVERDUE = 3000;
  // What a message costs beside its length, as the server counts.
  var MESSAGE_COST = 64;

  // Ends after which coming back is of no use: normal, bad data, too large, an extension is missing;
  // and what applications choose, from 3000. 1012 and 1013 invite to come back.
  var FINAL = { 1000: 1, 1003: 1, 1007: 1, 1009: 1, 1010: 1 };

  // Said to a connection whose place another one took. If that was not ours, it was one that we gave
  // up, and the network brought what we said over it late.
  var REPLACED = 4409;

  function comesBack(end) {
    return !(FINAL[end.code] || end.code >= 3000);
  }

  function number(options, name, least) {
    var value = options[name];
    if (value === undefined) return DEFAULTS[name];
    if (typeof value !== 'number' || !(value >= least)) {
      throw new TypeError(name + ' must be a number from ' + least + ', not ' + value);
    }
    return value;
  }

  // Over HTTP messages have their number, as browsers repeat a request whose answer was lost.
  var NUMBERED = /^(\d+),([^]*)$/;

  // How many messages a text says, or NaN.
  function count(text) {
    return /^\d+$/.test(text) ? +text : NaN;
  }

  function ReconnectingSockJS(url, protocols, options) {
    if (!(this instanceof ReconnectingSockJS)) {
      return new ReconnectingSockJS(url, protocols, options);
    }
    if (options === undefined && protocols && typeof protocols === 'object'
        && !Array.isArray(protocols)) {
      options = protocols;
      protocols = null;
    }
    options = options || {};
    this._SockJS = options.SockJS || root.SockJS;
    if (typeof this._SockJS !== 'function') {
      throw new TypeError('the client of SockJS must be loaded before, or be the option SockJS');
    }
    if (typeof url !== 'string') throw new TypeError('the URL must be a string, not ' + url);
    this.url = url;
    this.readyState = CONNECTING;
    this.transport = null;
    this.extensions = this.protocol = '';
    this.bufferedAmount = 0; // what the server has not confirmed, in characters
    this._protocols = protocols;
    this._options = options;
    this._minDelay = number(options, 'minDelay', 0);
    this._maxDelay = number(options, 'maxDelay', 0);
    this._maxAttempts = number(options, 'maxAttempts', 0);
    this._silence = number(options, 'silence', 1);
    this._sendLimit = number(options, 'sendLimit', 0);
    this._comesBack = options.shouldReconnect || comesBack;
    this._listeners = {};
    this._timers = {};
    this._sock = null;
    this._attempts = 0; // since a connection held
    this._upSince = null; // when the present connection was ready
    this._opened = false; // onopen came
    this._end = null; // with which the page closed it
    this._forget();

    // Throws what is wrong with the URL or the options.
    this._connect();

    var self = this;
    this._online = function () { self._comeOnline(); };
    this._leave = function (event) {
      // A page that may be shown again comes back instead.
      if (!event.persisted && self._talks) self._sayLast();
    };
    this._watch('addEventListener');
  }

  ReconnectingSockJS.CONNECTING = CONNECTING;
  ReconnectingSockJS.OPEN = OPEN;
  ReconnectingSockJS.CLOSING = CLOSING;
  ReconnectingSockJS.CLOSED = CLOSED;

  var methods = ReconnectingSockJS.prototype;

  // -- what a page calls

  // Send a message. With `resume` it arrives once, in order, whatever breaks meanwhile.
  methods.send = function (data) {
    if (this.readyState === CONNECTING) {
      throw new Error('InvalidStateError: The connection is not established');
    }
    if (this.readyState !== OPEN) return;
    data = typeof data === 'string' ? data : '' + data;
    if (!this._options.resume) {
      this._sock.send(data);
      return;
    }
    if (this._cost + data.length + MESSAGE_COST > this._sendLimit) {
      throw new Error('QuotaExceededError: The server has not confirmed what was sent before');
    }
    this._unconfirmed.push(data);
    this._count(1, data.length);
    if (this._talks) this._say(data, this._confirmed + this._unconfirmed.length);
  };

  // Close for good. With `resume` what was sent before arrives, for which there are 10 seconds.
  methods.close = function (code, reason) {
    if (code && code !== 1000 && !(code >= 3000 && code <= 4999)) {
      throw new Error('InvalidAccessError: Invalid code');
    }
    if (reason && reason.length > 123) {
      throw new SyntaxError('reason argument has an invalid length');
    }
    if (this.readyState === CLOSING || this.readyState === CLOSED) return;
    var self = this;
    var end = { code: code || 1000, reason: reason || 'Normal closure', wasClean: true };
    this._end = end;
    this.readyState = CLOSING;
    var begun = this._token || this._timers.patience; // or about to begin on the server
    if (begun) {
      // The server closes, when it has all. A close of SockJS takes back what is still on its way.
      if (this._talks) this._sayLast();
      else this.reconnect();
    } else {
      this._drop(end);
    }
    this._after('leave', begun ? PATIENCE : 0, function () { self._finish(end); });
  };

  // Make the next attempt now, if one is waited for.
  methods.reconnect = function () {
    if (this._timers.retry) this._connect();
  };

  methods.addEventListener = function (type, listener) {
    var known = this._listeners[type] || [];
    if (known.indexOf(listener) < 0) this._listeners[type] = known.concat([listener]);
  };

  methods.removeEventListener = function (type, listener) {
    this._listeners[type] = (this._listeners[type] || []).filter(function (each) {
      return each !== listener;
    });
  };

  methods.dispatchEvent = function (event) {
    var self = this;
    var handler = this['on' + event.type];
    (typeof handler === 'function' ? [handler] : []).concat(this._listeners[event.type] || [])
      .forEach(function (listener) {
        try {
          listener.call(self, event);
        } catch (error) {
          // For the page's handler of errors: what follows in the same frame must not be missed.
          setTimeout(function () { throw error; }, 0);
        }
      });
    return true;
  };

  // -- one connection after the other

  methods._connect = function () {
    var self = this;
    var url = this.url;
    if (this._options.resume) url += (url.indexOf('?') < 0 ? '?' : '&') + 'resume=1';
    this._stop();
    var sock = new this._SockJS(url, this._protocols, this._options);
    this._sock = sock;
    this._heard = Date.now();
    sock.onopen = function () {
      self._heard = Date.now();
      self.transport = sock.transport;
      self._listen();
      if (self._options.resume) self._begin();
      else self._ready([]);
    };
    sock.onmessage = function (event) {
      self._heard = Date.now();
      if (!self._options.resume) self._tell({ type: 'message', data: event.data });
      else self._receive(event.data);
    };
    sock.onheartbeat = function () {
      self._heard = Date.now();
      self._tell({ type: 'heartbeat' });
    };
    sock.onclose = function (event) { self._lost(event); };
  };

  // The connection can be used. `lost` is what a session before did not confirm; without it the
  // session before goes on.
  methods._ready = function (lost) {
    var event = { type: 'resume' };
    if (this.readyState === CLOSING) {
      this._sayLast();
      return;
    }
    if (lost) event = this._opened ? { type: 'fresh', unconfirmed: lost } : { type: 'open' };
    this.readyState = OPEN;
    this._opened = true;
    this._upSince = Date.now();
    this._tell(event);
  };

  // The connection is gone: come back later, or end.
  methods._lost = function (end) {
    var self = this;
    var bound = Math.min(this._maxDelay, this._minDelay * Math.pow(2, this._attempts));
    // Who is accepted and dropped again is not back.
    if (this._upSince !== null && Date.now() - this._upSince >= bound) {
      this._attempts = 0;
      bound = Math.min(this._maxDelay, this._minDelay);
    }
    this._drop();
    if (this.readyState === CLOSING && (end.code === 1000 || !this._token)) {
      this._finish(end);
      return;
    }
    // What can be resumed is not over before the server says so, whatever the code.
    if (this._attempts >= this._maxAttempts || !(this._token || this._comesBack(end))) {
      this._finish(end);
      return;
    }
    this._attempts += 1;
    // All clients of a server lose it at the same time, and must not return so.
    var delay = Math.round(Math.random() * bound);
    if (this.readyState === OPEN && !this._token) this.readyState = CONNECTING;
    this._after('retry', delay, function () { self._connect(); });
    this._tell({
      type: 'reconnecting',
      attempt: this._attempts,
      delay: delay,
      code: end.code,
      reason: end.reason,
    });
  };

  // The end, of which the page is told.
  methods._finish = function (end) {
    if (this.readyState === CLOSED) return;
    end = this._end || end;
    this._drop();
    this._clear('leave');
    this._watch('removeEventListener');
    this.readyState = CLOSED;
    this._tell({ type: 'close', code: end.code, reason: end.reason, wasClean: !!end.wasClean });
  };

  // Dispatch an event of ours, unless the page closed the connection.
  methods._tell = function (event) {
    event.target = event.currentTarget = this;
    if (this.readyState !== CLOSING) this.dispatchEvent(event);
  };

  // Let go of the present connection, so that nothing of it is heard any more.
  methods._drop = function (end) {
    var sock = this._sock;
    this._stop();
    this._sock = this._upSince = this.transport = null;
    this._talks = false;
    if (!sock) return;
    sock.onopen = sock.onmessage = sock.onheartbeat = sock.onclose = null;
    if (end) sock.close(end.code, end.reason);
    else sock.close();
  };

  // Take the connection for lost when neither messages nor heartbeats come.
  methods._listen = function (late) {
    var self = this;
    var left = this._heard + this._silence - Date.now();
    if (left <= 0 && late) {
      this._lost({ code: 1006, reason: 'Nothing was heard of the server' });
      return;
    }
    // Timers may run before what arrived while the page was stopped: who seems late gets a second.
    this._after('silence', left > 0 ? left : 1000, function () { self._listen(left <= 0); });
  };

  methods._comeOnline = function () {
    if (this._timers.retry) {
      this._connect();
    } else if (this._talks && this._attempts < this._maxAttempts) {
      // The network is another one: what was connected over the old one may be dead.
      this._lost({ code: 1006, reason: 'The network was away' });
      this.reconnect();
    }
  };

  // -- sessions that are resumed (docs/resume.md)

  // Forget the session: the next connection begins a new one.
  methods._forget = function () {
    this._token = ''; // what it is resumed with
    this._talks = false; // messages can be sent over the present connection
    this._received = this._told = 0; // how many of the server's messages arrived; those it knows of
    this._size = 0; // characters since it was told
    this._confirmed = 0; // how many of ours it has
    this._unconfirmed = []; // those after them
    this._cost = this.bufferedAmount = 0;
  };

  methods._begin = function () {
    var self = this;
    this._sock.send(this._token ? 'r' + this._token + ',' + this._received : 'n');
    this._after('patience', PATIENCE, function () {
      self._lost({ code: 1006, reason: 'The server did not answer' });
    });
  };

  methods._receive = function (message) {
    var letter = message.charAt(0), text = message.slice(1), comma = text.indexOf(',');
    if (this._talks) {
      if (letter === 'm') return this._take(text);
      if (letter === 'k' && NUMBERED.test(text)) return this._takeNumbered(NUMBERED.exec(text));
      if (letter === 'a') return this._confirm(count(text));
      if (letter === 'p' && count(text) > this._received) return this._miss();
      if (letter === 'p' && count(text) >= 0) return this._acknowledge();
    } else {
      // The answer that began it was lost on its way.
      if (letter === 'k' && NUMBERED.test(text)) return this._miss();
      if ((letter === 'p' || letter === 'a' && this._token) && count(text) >= 0) return this._miss();
      if (letter === 's' || letter === 'f') return this._start(text);
      if (letter === 'c') {
        return this._continue(text.slice(0, comma), count(text.slice(comma + 1)));
      }
    }
    if (letter === 'x' && comma > 0) {
      return this._over(+text.slice(0, comma), text.slice(comma + 1));
    }
    return this._break();
  };

  methods._take = function (text) {
    var self = this;
    this._received += 1;
    this._size += text.length;
    if (this._received - this._told >= MOST_MESSAGES || this._size >= MOST_CHARACTERS) {
      this._acknowledge();
    } else if (!this._timers.acknowledge) {
      this._after('acknowledge', LATEST, function () { self._acknowledge(); });
    }
    this._tell({ type: 'message', data: text });
  };

  methods._takeNumbered = function (found) {
    var missing = found[1] - this._received - 1;
    if (missing === 0) this._take(found[2]);
    else if (missing > 0) this._miss();
  };

  // What is missing comes again, over another connection.
  methods._miss = function () {
    this._lost({ code: 1006, reason: 'A message was lost on its way' });
  };

  // Say the message of that number.
  methods._say = function (data, number) {
    if (this.transport === 'websocket') {
      this._sock.send('m' + data);
    } else {
      this._sock.send('k' + number + ',' + data);
      if (!this._timers.overdue) this._expect();
    }
  };

  // Leave for good; if the last messages were lost on their way, that is to be known first.
  methods._sayLast = function () {
    if (this.transport !== 'websocket') {
      this._sock.send('p' + (this._confirmed + this._unconfirmed.length));
    }
    this._sock.send('x');
  };

  // Say from time to time how many were sent, as long as none of them is confirmed.
  methods._expect = function () {
    var self = this, before = this._confirmed;
    this._after('overdue', OVERDUE, function () {
      var waiting = self._unconfirmed.length;
      if (!waiting) return;
      if (self._confirmed === before) self._sock.send('p' + (before + waiting));
      self._expect();
    });
  };

  methods._acknowledge = function () {
    this._clear('acknowledge');
    this._told = this._received;
    this._size = 0;
    this._sock.send('a' + this._received);
  };

  // The server has this many messages since the beginning.
  methods._confirm = function (received) {
    var has = received - this._confirmed;
    if (!(has >= 0 && has <= this._unconfirmed.length)) return this._break();
    this._confirmed = received;
    var characters = 0;
    this._unconfirmed.splice(0, has).forEach(function (each) { characters += each.length; });
    this._count(-has, -characters);
  };

  // The server knows by this that the token before is not needed any more.
  methods._answered = function (token) {
    this._clear('patience');
    this._token = token;
    this._talks = true;
    this._acknowledge();
  };

  methods._start = function (token) {
    var lost = this._unconfirmed;
    this._forget();
    this._answered(token);
    this._ready(lost);
  };

  methods._continue = function (token, received) {
    var self = this;
    this._confirm(received);
    if (!this._sock) return; // it was broken
    this._answered(token);
    this._unconfirmed.forEach(function (each, index) { self._say(each, received + index + 1); });
    this._ready();
  };

  // The session is over; whether to begin another one, its code tells.
  methods._over = function (code, reason) {
    if (code !== REPLACED) this._token = '';
    this._lost({ code: code, reason: reason, wasClean: true });
  };

  methods._break = function () {
    this._finish({ code: 1002, reason: 'The server has no resumable connection here' });
  };

  methods._count = function (messages, characters) {
    this.bufferedAmount += characters;
    this._cost += characters + messages * MESSAGE_COST;
  };

  // -- timers, and what the browser tells

  methods._after = function (name, delay, call) {
    var self = this;
    this._clear(name);
    this._timers[name] = setTimeout(function () {
      delete self._timers[name];
      call();
    }, Math.min(delay, 0x7fffffff)); // what does not fit in it is no delay at all
  };

  methods._clear = function (name) {
    clearTimeout(this._timers[name]);
    delete this._timers[name];
  };

  methods._stop = function () {
    Object.keys(this._timers).forEach(function (name) {
      if (name !== 'leave') this._clear(name);
    }, this);
  };

  methods._watch = function (how) {
    if (typeof root[how] !== 'function') return; // Node
    root[how]('online', this._online);
    root[how]('pagehide', this._leave);
  };

  return ReconnectingSockJS;
});
