// The stock client before servers that know nothing of it: `node through_bridges.js CONFIG`, where CONFIG
// is JSON with urls (each a base URL), transports and, for a page in Chromium, chromium (the program) and
// page (a URL). Prints {URL: {transport: {scenario (see bridged.js): error or null}}}.
'use strict';

const path = require('path');

const SockJS = require('sockjs-client');
const { names, play } = require('./bridged.js');
const { browsing } = require('./chromium.js');
const { command } = require('./command.js');

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

const inNode = (config) => playAll(config, async () => (...what) => play(SockJS, ...what));

const inChromium = browsing((config, browser) => playAll(config, async () => {
  // A context of its own has its own connections; the browser opens six to a host in each.
  const page = await (await browser.newContext()).newPage();
  await page.goto(config.page);
  await page.addScriptTag({ path: path.join(__dirname, 'bridged.js') });
  return (...what) => page.evaluate((what) => window.bridged.play(window.SockJS, ...what), what);
}));

command((config) => (config.chromium ? inChromium : inNode)(config));
