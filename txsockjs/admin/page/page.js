// The page of the admin site. Whatever a client chose is set as text, never as HTML.

import { Chart, short } from './charts.js';
import { Link } from './link.js';

const KEPT = 600;
const REFRESH = 2000; // ms between two looks at the sessions
const TIMES = 9; // and so many times as long as a look took, if that is more
const MOST = 1000; // sessions in an answer
const PAGE = 100; // sessions shown at first, and more with each click
const KEY = 'txsockjs-admin-token';
const MIB = 1024 * 1024;

const $ = (id) => document.getElementById(id);
const here = new URL('.', location.href);

// -- what is drawn

const sum = (table) => Object.values(table).reduce((a, b) => a + b, 0);

const charts = [
  new Chart($('chart-sessions'), {
    title: 'Sessions by transport', kind: 'areas', least: 5, values: (sample) => sample.sessions,
  }),
  new Chart($('chart-messages'), {
    title: 'Messages a second', kind: 'lines', least: 5,
    values: ({ rates }) => ({ in: rates.messages_in, out: rates.messages_out }),
  }),
  new Chart($('chart-ended'), {
    title: 'Sessions ended by cause', kind: 'bars', least: 5, values: (sample) => sample.ended,
  }),
  new Chart($('chart-delay'), {
    title: 'Reactor delay', kind: 'lines', least: 10, unit: ' ms',
    values: ({ delay }) => ({ worst: delay === null ? null : delay * 1000 }),
  }),
  new Chart($('chart-memory'), {
    title: 'Memory', kind: 'lines', least: 50, unit: ' MiB',
    values: ({ memory }) => ({ all: memory === null ? null : memory / MIB }),
  }),
];

let samples = [];
let areNodes = false; // what is asked are the nodes of a cluster

// The samples of the process that is chosen, or of all.
function chosenSamples() {
  const name = $('whose').value;
  if (!name) return samples;
  return samples.flatMap((sample) => {
    const found = sample.processes.find((each) => each.name === name);
    return found ? [{ ...found, at: sample.at }] : [];
  });
}

function show() {
  const chosen = chosenSamples();
  for (const chart of charts) chart.show(chosen);
  const now = chosen.at(-1);
  if (!now) return;
  const delay = now.delay === null ? null : now.delay * 1000;
  const minute = chosen.filter(({ at }) => at > now.at - 60);
  $('now-sessions').textContent = short(sum(now.sessions));
  $('now-in').textContent = short(now.rates.messages_in);
  $('now-out').textContent = short(now.rates.messages_out);
  $('now-ended').textContent = short(minute.reduce((all, { ended }) => all + sum(ended), 0));
  $('now-delay').textContent = short(delay);
  $('now-memory').textContent = now.memory === null ? '–' : short(now.memory / MIB);
  $('now-delay').closest('div').classList.toggle('high', delay > 200);
}

// Fill a table's body: a row of texts for each, or of functions that fill the cell.
function fill(row, cells, labels) {
  cells.forEach((cell, n) => {
    const place = row.cells[n] ?? row.insertCell();
    if (labels) {
      place.dataset.label = labels[n];
      place.setAttribute('role', 'cell'); // a narrow screen shows rows as cards, yet it is a table
    }
    if (typeof cell === 'function') cell(place);
    else if (place.textContent !== String(cell)) place.textContent = cell;
  });
}

// What a process is called here, if its name says nothing to people: that of a node.
const called = new Map();
const title = (name) => called.get(name) ?? name;

function showProcesses({ processes, silent }) {
  called.clear();
  if (areNodes) for (const { name, host, pid } of processes) called.set(name, `${host} ${pid}`);
  const body = $('processes').tBodies[0];
  const rows = [
    ...processes.map((each) => [
      (cell) => lines(cell, title(each.name), areNodes ? each.name : `process ${each.pid}`),
      short(sum(each.sessions)), short(each.rates.messages_in),
      short(each.rates.messages_out),
      each.delay === null ? '–' : `${short(each.delay * 1000)} ms`,
      each.memory === null ? '–' : `${short(each.memory / MIB)} MiB`,
    ]),
    ...silent.map((name) => [(cell) => lines(cell, name, ''), 'no answer', '', '', '', '']),
  ];
  while (body.rows.length > rows.length) body.deleteRow(-1);
  rows.forEach((cells, n) => {
    const row = body.rows[n] ?? body.insertRow();
    row.classList.toggle('silent', n >= processes.length);
    fill(row, cells);
  });
  const names = [...processes.map(({ name }) => name), ...silent];
  for (const select of [$('filter').elements.node, $('whose')]) {
    offer(select, names);
    withdraw(select, names);
  }
  $('whose').closest('label').hidden = $('whose').options.length < 3;
}

// Add what there is to the choices.
function offer(select, values) {
  const known = new Set([...select.options].map((option) => option.value));
  for (const value of values) {
    if (!known.has(value)) select.add(new Option(title(value), value));
  }
}

// Take away what is there no more, unless it is chosen.
function withdraw(select, values) {
  for (const option of [...select.options]) {
    if (option.value && !option.selected && !values.includes(option.value)) option.remove();
  }
}

function state(kind, text) {
  if ($('state').textContent !== text) $('state').textContent = text;
  $('state').dataset.state = kind;
}

function notice(text) {
  $('notice').textContent = text;
  $('notice').hidden = !text;
}

// -- the token

let asking = null; // while it is asked for
let asked = 0; // when the server was asked last

function askToken(why) {
  asking ??= new Promise((answer) => {
    const dialog = $('asking');
    $('asking-why').textContent = why;
    $('token').value = '';
    dialog.returnValue = '';
    dialog.onclose = () => {
      const token = dialog.returnValue === 'token' ? $('token').value.trim() : '';
      $('token').value = '';
      if (token) sessionStorage.setItem(KEY, token);
      asking = null;
      identify();
      answer(Boolean(token));
    };
    dialog.showModal();
  });
  return asking;
}

// Fetch with the token, if there is one; ask for it where it is wanted.
async function ask(path, options = {}) {
  for (;;) {
    const token = sessionStorage.getItem(KEY);
    const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
    asked = performance.now();
    const answer = await fetch(new URL(path, here), { ...options, headers });
    if (answer.status !== 401) return answer;
    const why = (await answer.text()).trim();
    if (sessionStorage.getItem(KEY) === token) sessionStorage.removeItem(KEY);
    if (!await askToken(`The server says: ${why}.`)) throw new Error(why);
  }
}

// -- live

let delay = 1000;
let link = null;
let told = null; // the token that the server was told over the link

function identify() {
  const token = sessionStorage.getItem(KEY);
  if (token && link?.isOpen && token !== told) {
    told = token;
    link.send({ token });
  }
}

function connect() {
  told = null;
  link = new Link(new URL('feed/', here), {
    opened(transport) {
      delay = 1000;
      state('live', `live over ${transport}`);
      identify();
    },
    heard({ history, label, now }) {
      if (history) {
        samples = history;
        areNodes = label === 'node';
      }
      if (now) {
        samples.push(now);
        samples = samples.slice(-KEPT);
        showProcesses(now);
        offer($('filter').elements.mount, now.mounts);
        offer($('filter').elements.transport, Object.keys(now.sessions));
      }
      show();
    },
    async ended(code, reason, isUnauthorized) {
      state('gone', isUnauthorized ? 'locked' : 'no connection, trying again');
      if (isUnauthorized) {
        if (sessionStorage.getItem(KEY) === told) sessionStorage.removeItem(KEY);
        while (!sessionStorage.getItem(KEY)) await askToken(`The server says: ${reason}.`);
        connect();
      } else {
        setTimeout(connect, delay);
        delay = Math.min(delay * 2, 15000);
      }
    },
  });
}

// -- sessions

const labels = [...$('sessions').tHead.rows[0].cells].map((cell) => cell.textContent);
const rows = new Map(); // rows of the table, by the key of their session
let before = new Map(); // what was counted at the last look
let limit = PAGE;
let looking = false;
let next = 0; // the timer of the next look
let chosen = null; // the session that is about to be closed

const key = ({ node, mount, id }) => JSON.stringify([node, mount, id]);

function span(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds % 3600 / 60)} min`;
  return `${Math.floor(seconds / 86400)} d`;
}

function bytes(size) {
  if (size < 1024) return `${size} B`;
  return size < MIB ? `${short(size / 1024)} KiB` : `${short(size / MIB)} MiB`;
}

function question() {
  const form = new FormData($('filter'));
  const words = new URLSearchParams();
  for (const name of ['text', 'address', 'mount', 'transport', 'node']) {
    const value = (form.get(name) ?? '').trim();
    if (value) words.set(name, value);
  }
  const sort = form.get('sort');
  const isRate = sort.startsWith('rate');
  // What is counted in a second is known here only: the best of those with the highest rate in all.
  words.set('sort', sort);
  words.set('limit', String(isRate ? MOST : Math.min(limit, MOST)));
  return { words, sort, isRate };
}

// Look at the sessions once, or do nothing if a look is under way.
async function look() {
  if (looking) return;
  looking = true;
  try {
    const { words, sort, isRate } = question();
    const answer = await ask(`sessions?${words}`);
    if (!answer.ok) throw new Error((await answer.text()).trim());
    const { sessions, cursor, silent, failed } = await answer.json();
    count(sessions);
    if (isRate) sessions.sort((a, b) => b[sort] - a[sort] || b.messages_in - a.messages_in);
    const shown = sessions.slice(0, limit);
    list(shown, sessions, cursor === null);
    const more = shown.length < sessions.length || cursor !== null;
    $('more').hidden = !more || limit >= MOST;
    const missing = [...silent, ...Object.keys(failed)];
    $('shown').textContent = [
      more ? `${shown.length} shown of more` : `${shown.length} shown`,
      missing.length ? `no answer from ${missing.join(', ')}` : '',
    ].filter(Boolean).join('; ');
    $('shown').removeAttribute('role');
  } catch (error) {
    // Read aloud, unlike how many are shown.
    $('shown').setAttribute('role', 'alert');
    const why = error instanceof TypeError ? 'the server does not answer' : error.message;
    if ($('shown').textContent !== why) $('shown').textContent = why;
  } finally {
    looking = false;
    // With very many sessions a look is work for the server.
    clearTimeout(next);
    next = setTimeout(lookAgain, Math.max(REFRESH, TIMES * (performance.now() - asked)));
  }
}

function lookAgain() {
  const isWanted = $('filter').elements.live.checked && document.visibilityState === 'visible';
  if (isWanted && !asking) look();
  else next = setTimeout(lookAgain, REFRESH);
}

// Add what was counted in a second since the last look; at the first one, since the session began.
function count(sessions) {
  const at = performance.now() / 1000;
  const now = new Map();
  for (const session of sessions) {
    const last = before.get(key(session));
    const age = last ? at - last.at : Math.max(session.age, 1);
    session.rate_in = Math.max(session.messages_in - (last?.in ?? 0), 0) / age;
    session.rate_out = Math.max(session.messages_out - (last?.out ?? 0), 0) / age;
    now.set(key(session), { at, in: session.messages_in, out: session.messages_out });
  }
  before = now;
}

// Show these, of all that are known; `isAll` is whether there are no others. While somebody points
// at the table, or is in it, no row moves.
function list(sessions, known, isAll) {
  const body = $('sessions').tBodies[0];
  const isStill = body.matches(':hover, :focus-within') || $('closing').open;
  const wanted = new Set(sessions.map(key));
  const open = new Map(known.map((session) => [key(session), session]));
  for (const [name, row] of rows) {
    if (wanted.has(name)) continue;
    if (!isStill) {
      row.remove();
      rows.delete(name);
    } else if (open.has(name)) {
      fill(row, cells(open.get(name)), labels);
    } else if (isAll) {
      row.classList.add('ended');
    }
  }
  const busiest = Math.max(...sessions.map(({ rate_in }) => rate_in), 0);
  const usual = [...sessions].sort((a, b) => a.rate_in - b.rate_in)[sessions.length >> 1]?.rate_in;
  sessions.forEach((session, n) => {
    let row = rows.get(key(session));
    if (!row) {
      if (isStill && body.rows.length) return;
      row = document.createElement('tr');
      row.setAttribute('role', 'row');
      rows.set(key(session), row);
    }
    if (!isStill && body.rows[n] !== row) body.insertBefore(row, body.rows[n] ?? null);
    else if (!row.isConnected) body.append(row);
    row.classList.remove('ended');
    // One that sends far more than the others is worth a look.
    const { rate_in } = session;
    row.classList.toggle('busy', rate_in === busiest && rate_in > 20 && rate_in > 5 * usual);
    fill(row, cells(session), labels);
  });
}

function cells(session) {
  return [
    (cell) => lines(cell, session.address || 'unix socket', session.origin ?? ''),
    session.id, session.mount, session.transport, title(session.node),
    span(session.age),
    (cell) => lines(cell, short(session.messages_in), bytes(session.bytes_in)),
    short(session.rate_in),
    (cell) => lines(cell, short(session.messages_out), bytes(session.bytes_out)),
    short(session.rate_out),
    (cell) => lines(
      cell, `${bytes(session.waiting_in)} in`, `${bytes(session.waiting_out)} out`,
    ),
    (cell) => {
      const button = cell.firstChild ?? cell.appendChild(document.createElement('button'));
      button.type = 'button';
      button.textContent = 'Close…';
      button.setAttribute('aria-label', `Close session ${session.id} of ${session.address}`);
      button.onclick = () => confirm(session);
    },
  ];
}

function lines(cell, first, second) {
  if (!cell.firstChild) cell.append(document.createElement('span'), document.createElement('small'));
  cell.firstChild.textContent = first;
  cell.lastChild.textContent = second;
}

function confirm(session) {
  chosen = session;
  $('closing-client').textContent = [session.address, session.origin].filter(Boolean).join(', ');
  $('closing-id').textContent = `${session.id} at ${session.mount}`;
  $('closing').returnValue = '';
  $('closing').showModal();
}

function done(text) {
  $('done').textContent = text;
  $('done').hidden = false;
  notice('');
}

async function close({ id, mount, node }) {
  try {
    const answer = await ask('sessions/close', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ id, mount, node }),
    });
    if (answer.ok) {
      rows.get(key({ id, mount, node }))?.classList.add('ended');
      done(`Session ${id} was closed.`);
    } else if (answer.status === 404) {
      done(`Session ${id} was over already.`);
    } else {
      throw new Error((await answer.text()).trim());
    }
  } catch (error) {
    notice(`Session ${id} was not closed: ${error.message}`);
  }
}

// -- the beginning

$('place').textContent = location.host;
$('closing').onclose = () => { if ($('closing').returnValue === 'close') close(chosen); };
$('filter').onsubmit = (event) => event.preventDefault();
$('more').onclick = () => {
  limit += PAGE;
  look();
};
$('whose').onchange = show;
let soon = 0;
$('filter').oninput = () => {
  clearTimeout(soon);
  limit = PAGE;
  soon = setTimeout(look, 250);
};
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', show);
connect();
look();
