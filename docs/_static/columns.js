// Note at each cell which column it is of: on a phone, where a row stands as a block, fit.css says it.
'use strict';

document.addEventListener('DOMContentLoaded', () => {
  for (const table of document.querySelectorAll('article table.docutils')) {
    const columns = [...table.querySelectorAll('thead th')].map((heading) => heading.textContent);
    for (const row of table.querySelectorAll('tbody tr')) {
      [...row.cells].slice(1).forEach((cell, number) => {
        const words = cell.querySelector('p');
        if (words?.textContent && columns[number + 1]) words.dataset.column = columns[number + 1];
      });
    }
  }
});
