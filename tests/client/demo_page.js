// What those who use the page of the demo do with it.
'use strict';

const { note } = require('./chromium.js');

// Only for what hangs.
const PATIENCE = 60000;

// The text of the elements that match, as soon as there is one that contains what is wanted.
async function seen(page, selector, wanted) {
  const element = page.locator(selector).filter({ hasText: wanted }).first();
  await element.waitFor({ timeout: PATIENCE });
  return element.textContent();
}

// Wait until the element's text is exactly this; if it never is, tell what it is.
async function reads(page, selector, wanted) {
  try {
    await page.waitForFunction(
      ([selector, wanted]) => document.querySelector(selector).textContent === wanted,
      [selector, wanted],
      { timeout: PATIENCE },
    );
  } catch (error) {
    const found = await page.textContent(selector);
    throw new Error(`${selector} reads ${found}, not ${wanted}: ${error.message}`);
  }
}

async function open(browser, url, transport, trouble) {
  // A context of its own has its own connections; the browser opens six to a host in each.
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(PATIENCE);
  note(page, trouble);
  await page.goto(url);
  await page.selectOption('#transport', transport);
  return page;
}

// Go into the chat.
async function join(page, name) {
  await page.fill('#chat-name', name);
  await page.click('#chat-join');
  await seen(page, '#chat-log li', `${name} joined`);
}

async function say(page, text) {
  await page.fill('#chat-text', text);
  await page.click('#chat-send');
}

module.exports = { PATIENCE, join, open, reads, say, seen };
