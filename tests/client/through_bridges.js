// The stock client before servers that know nothing of it: `node through_bridges.js CONFIG`, where CONFIG
// is JSON with urls (each a base URL), transports and, for a page in Chromium, chromium (the program) and
// page (a URL). Prints {URL: {transport: {scenario (see bridged.js): error or null}}}.
'use strict';

const path = require('path');

const SockJS = require('sockjs-client');
const { names, play } = require('./bridged.js');
const { launch } = require('./chromium.js');

// `begin()` resolves to what plays the scenarios of a transport.
async function playAll({ urls, transports }, begin) {
  const results = {};
  for (const url of urls) {
    results[url] = {};
    await Promise.all(transports.map(async (transport) => {
      results[url][transport] = {};
      const play = await begin();
      for (const name of names) results[url][transport][name] = await play(url, transport, name);
    }));
  }
  return results;
}

async function main() {
  const config = JSON.parse(process.argv[2]);
  let results;
  if (!config.chromium) {
    results = await playAll(config, async () => (...what) => play(SockJS, ...what));
  } else {
    const browser = await launch(config.chromium);
    try {
      results = await playAll(config, async () => {
        // A context of its own has its own connections; the browser opens six to a host in each.
        const page = await (await browser.newContext()).newPage();
        await page.goto(config.page);
        await page.addScriptTag({ path: path.join(__dirname, 'bridged.js') });
        return (...what) =>
          page.evaluate((what) => window.bridged.play(window.SockJS, ...what), what);
      });
    } finally {
      await browser.close();
    }
  }
  process.stdout.write(JSON.stringify(results));
}

main().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
