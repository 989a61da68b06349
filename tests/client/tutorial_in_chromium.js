// Use the page of the tutorial as its readers would: `node tutorial_in_chromium.js CONFIG`, where
// CONFIG is JSON with chromium (the program), url (of the page) and client (the file that stands in
// for the client script of the CDN). Fails if anything is not as the tutorial says.
'use strict';

const { browsing } = require('./chromium.js');
const { command } = require('./command.js');

// Only for what hangs.
const PATIENCE = 60000;

async function enter(browser, config, token, room) {
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(PATIENCE);
  await page.route(/cdn\.jsdelivr\.net/, (route) => route.fulfill({ path: config.client }));
  await page.goto(config.url);
  await page.fill('#token', token);
  await page.selectOption('#room', room);
  await page.click('#door button');
  return page;
}

async function say(page, text) {
  await page.locator('#chat').waitFor({ timeout: PATIENCE });
  await page.fill('#text', text);
  await page.click('#chat button');
}

async function reads(page, ...lines) {
  try {
    await page.waitForFunction(
      (wanted) =>
        [...document.querySelectorAll('#log li')].map((line) => line.textContent).join('\n') === wanted,
      lines.join('\n'),
      { timeout: PATIENCE },
    );
  } catch (error) {
    const found = await page.locator('#log li').allTextContents();
    throw new Error(`the log reads ${found.join('; ')}, not ${lines.join('; ')}: ${error.message}`);
  }
}

async function playAll(config, browser) {
  const ann = await enter(browser, config, 'a-long-random-string', 'tea');
  await say(ann, '<b>hello</b>');
  await reads(ann, 'Ann: <b>hello</b>');
  const bob = await enter(browser, config, 'another-long-random-string', 'tea');
  await reads(bob, 'Ann: <b>hello</b>');
  await say(bob, 'hi');
  for (const page of [ann, bob]) await reads(page, 'Ann: <b>hello</b>', 'Bob: hi');
  const other = await enter(browser, config, 'a-long-random-string', 'coffee');
  await say(other, 'nobody here');
  await reads(other, 'Ann: nobody here');
  const thief = await enter(browser, config, 'guessed', 'tea');
  await reads(thief, 'closed: Unknown token');
  await thief.locator('#door').waitFor({ timeout: PATIENCE });
  await reads(ann, 'Ann: <b>hello</b>', 'Bob: hi');
}

command(browsing(playAll));
