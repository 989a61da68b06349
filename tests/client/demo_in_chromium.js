// Use the demo page as two people would: `node demo_in_chromium.js CONFIG`, where CONFIG is JSON
// with chromium (the program), url (of the demo), transports and scenarios (see below). Prints
// {transport: {scenario: what went wrong, or null}}.
'use strict';

const { browsing } = require('./chromium.js');
const { command } = require('./command.js');
const { PATIENCE, join, open, reads, say, seen } = require('./demo_page.js');

const scenarios = {
  async connects({ people, transport }) {
    for (const page of people) {
      for (const name of ['chat', 'echo']) {
        await reads(page, `#${name}-state`, `connected over ${transport}`);
      }
    }
  },

  async chat({ people: [one, two] }) {
    const room = Math.random().toString(36).slice(2, 10);
    for (const [page, name] of [[one, `Ann of ${room}`], [two, `Bob of ${room}`]]) {
      await join(page, name);
    }
    await seen(one, '#chat-log li', `Bob of ${room} joined`);
    const text = '☃ 😀 %41 <b>not bold</b> </script>';
    await say(one, text);
    for (const page of [one, two]) {
      const line = await seen(page, '#chat-log li', text);
      if (line !== `Ann of ${room} ${text}`) throw new Error(`line in the chat: ${line}`);
    }
    await say(two, 'and back');
    await seen(one, '#chat-log li', `Bob of ${room} and back`);
  },

  // Of two workers, after the chat: which serves whom, and how many there are.
  async nodes({ people: [page] }) {
    await seen(page, '#nodes', /figures of node [0-9a-f]{6}, one of 2\./);
    await seen(page, '#chat-log li', /^Bob of \w+ joined, served by node [0-9a-f]{6}$/);
  },

  async echo({ people: [page] }) {
    for (const text of ['Hello ☃ %41 </script>', '"quoted" \\ and 😀']) {
      await page.fill('#echo-text', text);
      await page.click('#echo-send');
      await seen(page, '#echo-log li', text);
    }
  },

  async burst_of_500({ people: [page] }) {
    const before = await page.locator('#echo-log li').count();
    const trip = await page.textContent('#echo-time');
    if (!/^[\d.]+ ms$/.test(trip)) throw new Error(`last round trip: ${trip}`);
    await page.click('#echo-burst');
    await reads(page, '#echo-back', String(before + 500));
    // Lines follow with the next frame that is painted.
    await page.waitForFunction(
      (wanted) => document.querySelectorAll('#echo-log li').length === wanted,
      before + 500,
      { timeout: PATIENCE },
    );
    const lines = await page.locator('#echo-log li').allTextContents();
    const wanted = Array.from({ length: 500 }, (_, n) => `message ${n + 1}`);
    if (lines.slice(before).join() !== wanted.join()) throw new Error('not in order');
    // Messages that wait for each other are no round trip.
    await reads(page, '#echo-time', trip);
  },

  // The table counts at least the sessions of the two pages. It comes over whatever the client
  // finds best.
  async statistics({ people: [page] }) {
    await page.locator('#stats-state[data-state=open]').waitFor({ timeout: PATIENCE });
    await page.waitForFunction(
      () => ['chat', 'echo', 'stats'].every(
        (name) => Number(document.querySelector(`#stats-${name}-sessions_active`)?.textContent) >= 2
      ),
      null,
      { timeout: PATIENCE },
    );
    const rows = await page.locator('#stats-body tr').evaluateAll((rows) => rows.map((row) => ({
      shown: row.getClientRects().length > 0,
      counts: [...row.cells].slice(1).map((cell) => Number(cell.textContent)),
    })));
    for (const { shown, counts } of rows) {
      if (shown !== counts.some((count) => count > 0)) throw new Error(`${shown}: ${counts}`);
    }
  },

  // Nothing needs more than the width of a small phone, and the buttons stand beside each other.
  async on_a_phone({ people: [page] }) {
    const size = page.viewportSize();
    await page.setViewportSize({ width: 360, height: 740 });
    const found = await page.evaluate(() => {
      const [send, burst] = ['echo-send', 'echo-burst'].map(
        (id) => document.getElementById(id).getBoundingClientRect(),
      );
      const table = document.querySelector('.scroll');
      return {
        page: document.documentElement.scrollWidth,
        table: table.scrollWidth - table.clientWidth,
        apart: Math.abs(send.top - burst.top) + Math.abs(send.height - burst.height),
      };
    });
    await page.setViewportSize(size);
    const wanted = { page: 360, table: 0, apart: 0 };
    if (JSON.stringify(found) !== JSON.stringify(wanted)) throw new Error(JSON.stringify(found));
  },

  async without_the_client_script({ people: [page] }) {
    const bare = await page.context().newPage();
    await bare.route('**/sockjs.min.js', (route) => route.abort());
    await bare.goto(page.url());
    for (const name of ['chat', 'echo', 'stats']) {
      await reads(bare, `#${name}-state`, `cannot load ${page.url()}sockjs.min.js`);
    }
  },

  async offered({ people: [page], offered }) {
    const options = await page.locator('#transport option').evaluateAll(
      (elements) => elements.map((element) => element.value).filter(Boolean),
    );
    const all = [...offered].sort().join();
    if (options.sort().join() !== all) throw new Error(`offers ${options}, tested ${all}`);
  },
};

async function playAll(config, browser) {
  const results = {};
  for (const transport of config.transports) {
    results[transport] = {};
    const trouble = [];
    const people = [
      await open(browser, config.url, transport, trouble),
      await open(browser, config.url, transport, trouble),
    ];
    for (const name of config.scenarios[transport]) {
      try {
        await scenarios[name]({ people, transport, offered: config.offered });
        results[transport][name] = trouble.splice(0).join('; ') || null;
      } catch (error) {
        results[transport][name] = String(error);
      }
    }
    for (const page of people) await page.context().close();
  }
  return results;
}

command(browsing(playAll));
