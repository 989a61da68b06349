// Start the browser that the tests drive.
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

exports.launch = (executablePath) =>
  chromium.launch({ executablePath, headless: true, args: SWITCHES });
