// Use the page of an admin site as an operator would: `node admin_in_chromium.js CONFIG`, where
// CONFIG is JSON with chromium (the program), admin (the URL of the page), sessions (that of a
// mount), token, transports (how the page is connected) and scenarios (see below). Prints
// {transport: {scenario: what went wrong, or null}}.
'use strict';

const { browsing } = require('./chromium.js');
const { command } = require('./command.js');

// Only for what hangs.
const PATIENCE = 60000;

// Wait until something is true on the page; if it never is, tell what.
async function until(page, is, argument) {
  try {
    await page.waitForFunction(is, argument, { timeout: PATIENCE });
  } catch (error) {
    throw new Error(`${error.message}, of ${JSON.stringify(argument)}: ${is}`);
  }
}

// Wait until the text of an element matches.
const reads = (page, selector, pattern) => until(
  page,
  ([selector, source]) => new RegExp(source).test(document.querySelector(selector).textContent),
  [selector, pattern.source],
);

const row = (page, text) => page.locator('#sessions tbody tr').filter({ hasText: text });

// Open sessions, of which the first sends as much as it can, from a page of another origin. Each
// has its place in what it sends.
async function crowd(page, url, count) {
  const guest = await page.context().newPage();
  await guest.evaluate(async ([url, count]) => {
    window.ended = [];
    const open = (n) => new Promise((done) => {
      const socket = new WebSocket(`${url.replace('http', 'ws')}/websocket`);
      socket.onopen = () => {
        setInterval(() => socket.send(`message of ${n}`), n ? 700 : 10);
        done();
      };
      socket.onclose = (event) => window.ended.push([n, event.code, event.reason]);
    });
    await Promise.all(Array.from({ length: count }, (_, n) => open(n)));
  }, [url, count]);
  return guest;
}

async function giveToken(page, token) {
  await page.locator('#asking').waitFor({ timeout: PATIENCE });
  await page.fill('#token', token);
  await page.click('#asking button[value=token]');
}

const scenarios = {
  async live({ page, transport, config }) {
    await reads(page, '#state', new RegExp(`^live over ${transport}$`));
    const guest = await crowd(page, config.sessions, 3);
    await until(page, () => Number(document.getElementById('now-sessions').textContent) >= 3);
    await until(page, () => Number(document.getElementById('now-in').textContent) > 20);
    await reads(page, '#chart-sessions figcaption', /rawwebsocket [3-9]/);
    await reads(page, '#now-memory', /^[\d.]+$/);
    await reads(page, '#processes tbody', new RegExp(config.processes));
    // Something is drawn: not all of the canvas is of one colour.
    await until(page, () => {
      const canvas = document.querySelector('#chart-sessions canvas');
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return new Set(new Uint32Array(data.buffer)).size > 3;
    });
    await guest.close();
    // What ended is told by its cause.
    await reads(page, '#chart-ended figcaption', /(lost|client) [1-9]/);
  },

  // Of each worker, what it does itself; of one process there is nothing to choose.
  async shows_one_of_the_processes({ page, config }) {
    const guest = await crowd(page, config.sessions, 4);
    await until(page, () => Number(document.getElementById('now-sessions').textContent) >= 4);
    const choices = await page.locator('#whose option').evaluateAll(
      (options) => options.map((option) => option.value).filter(Boolean),
    );
    const isShown = await page.locator('#whose').isVisible();
    if (isShown !== choices.length > 1) throw new Error(`${isShown}: ${choices}`);
    for (const name of isShown ? choices : []) {
      await page.selectOption('#whose', name);
      await until(page, (name) => {
        const row = [...document.querySelectorAll('#processes tbody tr')]
          .find((each) => each.cells[0].firstChild.textContent === name);
        return row?.cells[1].textContent === document.getElementById('now-sessions').textContent;
      }, name);
    }
    if (isShown) await page.selectOption('#whose', '');
    await guest.close();
  },

  // Which one floods is seen at the top, and it alone is ended.
  async finds_who_floods_and_ends_it({ page, config }) {
    // Those of another scenario are gone.
    await until(page, () => !document.querySelector('#sessions tbody tr'));
    const guest = await crowd(page, config.sessions, 6);
    await page.locator('#sessions tbody tr.busy').waitFor({ timeout: PATIENCE });
    const top = page.locator('#sessions tbody tr').first();
    if (!/busy/.test(await top.getAttribute('class'))) throw new Error('it is not at the top');
    const id = await top.locator('td').nth(1).textContent();
    await top.locator('button').click();
    await reads(page, '#closing-id', new RegExp(`^${id} at `));
    // The mind can be changed.
    await page.keyboard.press('Escape');
    await page.locator('#closing').waitFor({ state: 'hidden', timeout: PATIENCE });
    await row(page, id).locator('button').focus();
    await page.keyboard.press('Enter');
    await page.click('#closing button[value=close]');
    if (config.token) {
      await giveToken(page, 'a-wrong-token-of-the-tests');
      await reads(page, '#asking-why', /wrong token/);
      await giveToken(page, config.token);
    }
    await until(guest, () => window.ended.length > 0);
    await reads(page, '#done', new RegExp(`^Session ${id} was closed`));
    const ended = await guest.evaluate(() => window.ended);
    if (JSON.stringify(ended) !== '[[0,3000,"Closed by the operator"]]') {
      throw new Error(`ended: ${JSON.stringify(ended)}`);
    }
    await page.mouse.move(0, 0);
    await page.evaluate(() => document.activeElement.blur());
    await row(page, id).waitFor({ state: 'detached', timeout: PATIENCE });
    if (page.url().includes('token') || page.url() !== config.admin) throw new Error(page.url());
    await guest.close();
  },

  async what_clients_choose_is_text({ page, config }) {
    const id = 'a<img src=x onerror=alert(1)>"\'&amp;';
    const leaving = new AbortController();
    const poll = () => fetch(
      `${config.sessions}/000/${encodeURIComponent(id).replace(/\./g, '%2E')}/xhr`,
      {
        method: 'POST',
        headers: { Origin: 'https://<b>evil</b>.example' },
        signal: leaving.signal,
      },
    );
    const answer = await poll();
    if (!answer.ok) throw new Error(`${answer.status}`);
    // Without a poll that waits, the session is over before a slow page shows it.
    poll().catch(() => null);
    await page.fill('#filter [name=text]', '<img');
    await until(page, () => document.querySelectorAll('#sessions tbody tr').length === 1);
    const found = await page.evaluate(() => ({
      id: document.querySelector('#sessions tbody td:nth-child(2)').textContent,
      rows: document.querySelectorAll('#sessions tbody tr').length,
      made: document.querySelectorAll('main img, main b b').length,
    }));
    const wanted = { id, rows: 1, made: 0 };
    if (JSON.stringify(found) !== JSON.stringify(wanted)) throw new Error(JSON.stringify(found));
    await page.fill('#filter [name=text]', '');
    leaving.abort();
  },

  async says_what_is_wrong_with_a_filter({ page }) {
    await page.fill('#filter [name=address]', 'nowhere');
    await reads(page, '#shown', /^address must be an address or a network/);
    await page.fill('#filter [name=address]', '');
    await reads(page, '#shown', /shown/);
  },

  // With the keyboard alone, a chart tells what it shows.
  async charts_are_read_by_keyboard({ page }) {
    const plot = page.locator('#chart-sessions .plot');
    await until(page, () => document.querySelector('#chart-sessions .plot').ariaLabel);
    await plot.focus();
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('ArrowLeft');
    await reads(page, '#chart-sessions [aria-live]', /\d+:\d\d:\d\d.*: /);
    await page.keyboard.press('Escape');
    const unnamed = await page.evaluate(() => [...document.querySelectorAll('button, input, select')]
      .filter((each) => !each.closest('[hidden]'))
      .filter((each) => !(each.ariaLabel || each.textContent.trim() || each.labels?.length))
      .map((each) => each.outerHTML));
    if (unnamed.length) throw new Error(unnamed.join());
  },

  // Nothing needs more than the width of a small phone.
  async on_a_phone({ page, config }) {
    const guest = await crowd(page, config.sessions, 2);
    await page.locator('#sessions tbody tr').nth(1).waitFor({ timeout: PATIENCE });
    const size = page.viewportSize();
    await page.setViewportSize({ width: 360, height: 740 });
    const found = await page.evaluate(() => document.documentElement.scrollWidth);
    const button = await page.locator('#sessions tbody button').first().boundingBox();
    await page.setViewportSize(size);
    await guest.close();
    if (found !== 360 || button.height < 36) throw new Error(`${found}, ${button.height}`);
  },

  // Whatever sessions are called and however much they did, no text leaves its place.
  async fits_whatever_it_shows({ page }) {
    const rows = ['a', 'b'].map((letter) => ({
      id: letter.repeat(128), mount: `/${letter.repeat(60)}`, transport: 'xhr_streaming',
      node: letter.repeat(16), address: '2001:db8:1111:2222:3333:4444:5555:6666',
      origin: `https://${letter.repeat(190)}`, opened: 1, age: 86399, messages_in: 999999,
      messages_out: 999999, bytes_in: 1e12, bytes_out: 1e12, waiting_in: 1e6, waiting_out: 1e6,
    }));
    const body = JSON.stringify({ sessions: rows, cursor: null, silent: [], failed: {} });
    await page.route('**/sessions?*', (route) => route.fulfill({ body }));
    await until(page, () => /^a+$/.test(
      document.querySelector('#sessions tbody td:nth-child(2)')?.textContent ?? '',
    ));
    const size = page.viewportSize();
    const trouble = [];
    for (const width of [320, 390, 820, 1160, 1360, 1920]) {
      await page.setViewportSize({ width, height: 800 });
      const found = await page.evaluate(() => {
        const right = (range) => range.getBoundingClientRect().right;
        const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        const outside = [];
        for (let text = texts.nextNode(); text; text = texts.nextNode()) {
          if (text.parentElement.closest('.unseen, #sessions thead')) continue;
          const range = document.createRange();
          range.selectNodeContents(text);
          const place = text.parentElement.closest('td, th, div, li, p, form') ?? document.body;
          if (right(range) > Math.min(right(place), window.innerWidth) + 1) outside.push(text);
        }
        return outside.map((text) => text.parentElement.outerHTML);
      });
      if (found.length) trouble.push(`${width}: ${found}`);
    }
    await page.setViewportSize(size);
    await page.unroute('**/sessions?*');
    if (trouble.length) throw new Error(trouble.join('; '));
  },

  async in_both_schemes({ page }) {
    const seen = [];
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      seen.push(await page.evaluate(() => {
        const style = getComputedStyle(document.body);
        return [style.backgroundColor, style.color].map((text) => Number(text.match(/\d+/)[0]));
      }));
    }
    await page.emulateMedia({ colorScheme: null });
    const [[light, dark], [back, ink]] = seen;
    if (!(light > 200 && dark < 60 && back < 60 && ink > 200)) throw new Error(String(seen));
  },

  // Of a site that can be reached from elsewhere: nothing is told before the token is, and it is
  // kept for this tab only.
  async asks_for_the_token_first({ page, transport, config }) {
    await page.locator('#asking').waitFor({ timeout: PATIENCE });
    if (await page.textContent('#now-sessions') !== '–') throw new Error('something was told');
    await giveToken(page, config.token);
    await until(page, () => document.getElementById('now-sessions').textContent !== '–');
    await reads(page, '#state', new RegExp(`^live over ${transport}$`));
    await page.reload();
    await until(page, () => document.getElementById('now-sessions').textContent !== '–');
    if (await page.locator('#asking').isVisible()) throw new Error('asked again');
    if (page.url() !== config.admin) throw new Error(page.url());
    const other = await page.context().newPage();
    await other.goto(config.admin);
    await other.locator('#asking').waitFor({ timeout: PATIENCE });
    await other.close();
  },
};

async function playAll(config, browser) {
  const results = {};
  for (const transport of config.transports) {
    results[transport] = {};
    const trouble = [];
    const page = await (await browser.newContext()).newPage();
    page.setDefaultTimeout(PATIENCE);
    if (transport !== 'websocket') {
      await page.addInitScript(() => { delete window.WebSocket; });
    }
    page.on('pageerror', (error) => trouble.push(String(error)));
    page.on('console', (message) => {
      // Answers that are refused are told there, too, and are looked for by the scenarios.
      if (message.type() === 'error' && !/status of 40[014]/.test(message.text())) {
        trouble.push(message.text());
      }
    });
    await page.goto(config.admin);
    for (const name of config.scenarios[transport]) {
      try {
        await scenarios[name]({ page, transport, config });
        results[transport][name] = trouble.splice(0).join('; ') || null;
      } catch (error) {
        results[transport][name] = String(error.stack);
      }
    }
    await page.context().close();
  }
  return results;
}

command(browsing(playAll));
