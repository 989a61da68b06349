// Play scenarios with txsockjs.js in Chromium: `node reconnecting_in_chromium.js CONFIG`, where CONFIG is
// JSON with chromium (the program), page (URL, on another origin than the servers), ports and pids (of
// the servers), count, breaks, transports and scenarios (see reconnecting.js). Prints
// {transport: {scenario: error}}.
'use strict';

const { breaking } = require('./breaking.js');
const { browsing, note } = require('./chromium.js');
const { command } = require('./command.js');

async function playAll(config, browser) {
  const { page: address, ports, pids, count, breaks, transports, scenarios } = config;
  const results = {};
  for (const transport of transports) {
    results[transport] = {};
    for (const name of scenarios[transport]) {
      const { url, ...calls } = await breaking({ ports, pids });
      const context = await browser.newContext();
      const page = await context.newPage();
      const trouble = [];
      note(page, trouble);
      for (const [call, does] of Object.entries(calls)) await page.exposeFunction(call, does);
      await page.goto(address);
      const error = await page.evaluate(
        ([url, count, breaks, calls, transport, name]) => {
          const environment = { SockJS, ReconnectingSockJS, url, count, breaks };
          for (const call of calls) environment[call] = window[call];
          return window.reconnecting.play(environment, transport, name);
        },
        [url, count, breaks, Object.keys(calls), transport, name],
      );
      results[transport][name] = error || trouble.join('; ') || null;
      await context.close();
    }
  }
  return results;
}

command(browsing(playAll));
