// Start the browser that the tests drive, and note what goes wrong in its pages.
'use strict';

const { chromium } = require('playwright-core');

// Without the switches after the first two, the browser talks to its maker's hosts.
const SWITCHES = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

// Give what does `play(config, browser)` and closes the browser, the program at `config.chromium`.
exports.browsing = (play) => async (config) => {
  const executablePath = config.chromium;
  const browser = await chromium.launch({ executablePath, headless: true, args: SWITCHES });
  try {
    return await play(config, browser);
  } finally {
    await browser.close();
  }
};

// A script that was asked for can't be taken back: when the server ends the last poll of a closed
// jsonp connection, the client's callback for it is gone. Any page with this client has that.
const LATE_POLL = /_jp\.\w+ is not a function/;

// Add the errors of a page to a list.
exports.note = (page, trouble) => page.on('pageerror', (error) => {
  if (!LATE_POLL.test(error)) trouble.push(String(error));
});
