// Play scenarios with txsockjs.js in Chromium: `node reconnecting_in_chromium.js CONFIG`, where CONFIG is
// JSON with chromium (the program), page (URL, on another origin than the servers), ports and pids (of
// the servers), count, breaks, transports and scenarios (see reconnecting.js). Prints
// {transport: {scenario: error}}.
'use strict';

const { breaking } = require('./breaking.js');
const { launch, note } = require('./chromium.js');

async function main() {
  const { chromium, page: address, ports, pids, count, breaks, transports, scenarios } =
    JSON.parse(process.argv[2]);
  const browser = await launch(chromium);
  const results = {};
  try {
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
  } finally {
    await browser.close();
  }
  process.stdout.write(JSON.stringify(results));
}

main().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
