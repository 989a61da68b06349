// Chat on the page of the demo while its server ends and is started again:
// `node demo_restarted_in_chromium.js CONFIG`, where CONFIG is JSON with chromium (the program), command
// (of the server, but for where it listens), transports and scenarios: the signals by which it ends. Prints
// {transport: {signal: what went wrong, or null}}.
'use strict';

const { spawn } = require('child_process');

const { browsing } = require('./chromium.js');
const { command } = require('./command.js');
const { join, open, say, seen } = require('./demo_page.js');

// Start the server, at any port or at one; resolves to {url, end(signal)} once it listens.
function start([program, ...options], port = 0) {
  return new Promise((resolve, reject) => {
    const listen = `tcp:${port}:interface=127.0.0.1`;
    // In this folder, it finds the installed client.
    const server = spawn(program, [...options, '--listen', listen], { cwd: __dirname });
    const ended = new Promise((over) => server.on('exit', over));
    let said = '';
    ended.then(() => reject(new Error(said)));
    server.stderr.resume();
    server.stdout.on('data', (data) => {
      said += data;
      const [url] = /(?<=listening on )http:\S+/.exec(said) || [];
      if (url) resolve({ url, end(signal) { server.kill(signal); return ended; } });
    });
  });
}

// Each of two says something before, right before the end, without a server, and afterwards.
async function chat(browser, transport, command, signal, trouble) {
  let server = await start(command);
  const { port } = new URL(server.url);
  const lines = [];
  try {
    const people = [];
    for (const name of ['Ann', 'Bob']) {
      const page = await open(browser, `${server.url}/`, transport, trouble);
      await join(page, name);
      people.push({ name, page });
    }
    const everyone = async (text) => {
      for (const { name, page } of people) {
        await say(page, text);
        lines.push(`${name} ${text}`);
      }
    };
    const all_seen = async () => {
      for (const { page } of people) {
        for (const line of lines) await seen(page, '#chat-log li', line);
      }
    };
    await everyone('first');
    await all_seen();
    await everyone('at the last moment');
    await server.end(signal);
    for (const { page } of people) {
      await page.locator('#chat-state[data-state=closed]').waitFor();
    }
    await everyone('to nobody');
    await everyone('and again');
    server = await start(command, port);
    await all_seen();
    await everyone('last');
    await all_seen();
    for (const { name, page } of people) {
      const shown = await page.locator('#chat-log li:not(.note)').allTextContents();
      if ([...shown].sort().join() !== [...lines].sort().join()) {
        throw new Error(`${name} has ${shown.join(', ')}`);
      }
      await page.context().close();
    }
  } finally {
    await server.end('SIGTERM');
  }
}

async function playAll({ command: server, transports, scenarios }, browser) {
  const results = {};
  for (const transport of transports) {
    results[transport] = {};
    for (const signal of scenarios[transport]) {
      const trouble = [];
      const error = await chat(browser, transport, server, signal, trouble).catch(String);
      results[transport][signal] = error || trouble.join('; ') || null;
    }
  }
  return results;
}

command(browsing(playAll));
