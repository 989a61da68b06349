// Measure the tables of the documentation: `node docs_in_chromium.js CONFIG`, where CONFIG is JSON
// with chromium (the program), pages (URLs by name) and widths (of the window). Prints
// {width: {page: {tables, wide, said}}}: how many tables a page has, what does not fit, and what the
// cells of the first row say about their columns.
'use strict';

const { browsing } = require('./chromium.js');
const { command } = require('./command.js');

function measured() {
  const tables = [...document.querySelectorAll('article table')];
  const wide = tables.flatMap((table) => {
    // Furo puts each table in a box that scrolls, but those of the index.
    const box = table.closest('.table-wrapper') ?? table;
    const place = box.parentElement.clientWidth;
    const needed = Math.max(box.scrollWidth, box.offsetWidth, table.offsetWidth);
    const heading = table.querySelector('th')?.textContent;
    const fits = needed <= place && box.scrollWidth <= box.clientWidth;
    return fits ? [] : [`table of ${heading}: ${needed} px in ${place}`];
  });
  const said = [...document.querySelectorAll('article tbody:first-of-type tr:first-child p')]
    .filter((cell) => getComputedStyle(cell, '::before').content !== 'none')
    .map((cell) => cell.dataset.column);
  const page = document.documentElement;
  if (page.scrollWidth > page.clientWidth) wide.push(`page: ${page.scrollWidth} px`);
  return { tables: tables.length, wide, said };
}

async function measureAll(config, browser) {
  const results = {};
  const page = await browser.newPage();
  for (const width of config.widths) {
    results[width] = {};
    await page.setViewportSize({ width, height: 900 });
    for (const [name, url] of Object.entries(config.pages)) {
      await page.goto(url);
      results[width][name] = await page.evaluate(measured);
    }
  }
  return results;
}

command(browsing(measureAll));
