// Play scenarios with the stock client in headless Chromium: `node in_chromium.js CONFIG`, where
// CONFIG is JSON with chromium (the program), page (URL, on another origin than the servers), test,
// extra, documented, transports and scenarios (see scenarios.js). Prints
// {transport: {scenario: error}}.
'use strict';

const { browsing, note } = require('./chromium.js');
const { command } = require('./command.js');
const { SERVED_BY } = require('./scenarios.js');

const AT_A_TIME = 4;

// Give one tab, and what a scenario in it needs from outside of the page.
async function openTab(context, url, transport) {
  const page = await context.newPage();
  const tab = { page, receivers: 0, trouble: [] };
  note(page, tab.trouble);
  const count = (address) => {
    if (new URL(address).pathname.endsWith('/' + SERVED_BY[transport])) tab.receivers += 1;
  };
  page.on('request', (request) => count(request.url()));
  page.on('websocket', (socket) => count(socket.url()));
  await page.exposeFunction('receivers', () => tab.receivers);
  await page.exposeFunction('tab', async (endpoint, order) => {
    const other = await context.newPage();
    await other.goto(url);
    await other.evaluate(async ([endpoint, transport, order]) => {
      const client = await new scenarios.Client({ SockJS }, endpoint, transport).open();
      await client.answer(order);
    }, [endpoint, transport, order]);
    await other.close();
  });
  return tab;
}

async function playAll(browser, config, transport) {
  const { page: url, test, extra, documented, scenarios } = config;
  // A context of its own has its own connections; the browser opens six to a host in each.
  const context = await browser.newContext();
  const tab = await openTab(context, url, transport);
  const results = {};
  await tab.page.goto(url);
  for (const name of scenarios[transport]) {
    // The polls that jsonp can't take back would fill the browser's six connections; a fresh page
    // gives them up.
    if (transport === 'jsonp-polling') await tab.page.goto(url);
    const error = await tab.page.evaluate(
      ([test, extra, documented, transport, name]) =>
        window.scenarios.play(
          { SockJS, WebSocketMultiplex, receivers, tab, test, extra, documented },
          transport,
          name,
        ),
      [test, extra, documented, transport, name],
    );
    const trouble = tab.trouble.splice(0);
    results[name] = error || trouble.join('; ') || null;
  }
  await context.close();
  return results;
}

async function playEach(config, browser) {
  const results = {};
  // A few at a time: all at once, a small machine is busy with starting them.
  const left = [...config.transports];
  await Promise.all(Array.from({ length: AT_A_TIME }, async () => {
    while (left.length) {
      const transport = left.shift();
      results[transport] = await playAll(browser, config, transport);
    }
  }));
  return results;
}

command(browsing(playEach));
