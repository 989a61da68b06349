// Charts over time on a canvas: stacked areas, lines or bars, with a legend that shows the values
// of now, or of the moment that the pointer or the arrow keys choose.

const WINDOW = 600; // seconds, at most
const SHORTEST = 120; // seconds, at least
const LONGEST_GAP = 10; // seconds between two points that are joined
const PAD = { left: 46, right: 6, top: 8, bottom: 20 };

const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const timeWithSeconds = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });

// A number that is easy to read: 1,234 or 12.3k or 4.5M.
export function short(value) {
  if (value === null || value === undefined) return '–';
  const size = Math.abs(value);
  if (size >= 1e6) return `${(value / 1e6).toFixed(1)}M`;
  if (size >= 1e4) return `${(value / 1e3).toFixed(1)}k`;
  if (size >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString('en');
  return value.toFixed(size < 10 ? 1 : 0);
}

// Round up to a number that is round, and whose half is.
function nice(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 3, 4, 5, 6, 8, 10].find((step) => step * power >= value * 0.9999) * power;
}

// Nothing is known of the times when nobody looked: the runs of points that lie close together.
function pieces(points) {
  const found = [];
  points.forEach((point, n) => {
    if (n && point.at - points[n - 1].at < LONGEST_GAP) found.at(-1).push(point);
    else found.push([point]);
  });
  return found;
}

function element(name, parent, text = '') {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  parent?.append(made);
  return made;
}

export class Chart {
  // `kind` is 'areas' or 'bars' (both stacked) or 'lines'; `values(sample)` gives a number, or
  // null, by the name of each series; `unit` stands behind values.
  constructor(figure, { title, kind, values, unit = '', least = 1 }) {
    Object.assign(this, { figure, title, kind, values, unit, least });
    this.samples = [];
    this.names = [];
    this.chosen = null; // the time that is looked at
    const caption = element('figcaption', figure);
    element('h2', caption, title);
    this.legend = element('ul', caption);
    this.when = element('time', caption);
    this.plot = element('div', figure);
    this.plot.className = 'plot';
    this.plot.tabIndex = 0;
    this.plot.setAttribute('role', 'img');
    this.canvas = element('canvas', this.plot);
    this.spoken = element('p', figure);
    this.spoken.className = 'unseen';
    this.spoken.setAttribute('aria-live', 'polite');
    new ResizeObserver(() => this.draw()).observe(this.plot);
    this.plot.addEventListener('pointermove', (event) => this.point(event));
    this.plot.addEventListener('pointerleave', () => this.choose(null));
    this.plot.addEventListener('blur', () => this.choose(null));
    this.plot.addEventListener('keydown', (event) => this.key(event));
  }

  show(samples) {
    this.samples = samples.map((sample) => ({ at: sample.at, values: this.values(sample) }));
    for (const { values } of this.samples) {
      for (const name of Object.keys(values)) {
        // One that never was anything needs no colour.
        if (!this.names.includes(name) && (values[name] || this.kind === 'lines')) {
          this.names.push(name);
        }
      }
    }
    this.draw();
  }

  // -- looking at a moment

  point(event) {
    const box = this.plot.getBoundingClientRect();
    const share = (event.clientX - box.left - PAD.left) / (box.width - PAD.left - PAD.right);
    this.choose(this.from + share * (this.until - this.from));
  }

  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -30, PageDown: 30 }[event.key];
    if (event.key === 'Escape') this.choose(null);
    if (!step || !this.samples.length) return;
    event.preventDefault();
    const now = this.chosen === null ? this.samples.length - 1 : this.index();
    const next = Math.min(Math.max(now + step, 0), this.samples.length - 1);
    this.choose(this.samples[next].at);
    this.spoken.textContent = this.words(this.summary(this.samples[next]));
  }

  choose(at) {
    this.chosen = at;
    this.draw();
  }

  index() {
    let best = this.samples.length - 1;
    const distance = (n) => Math.abs(this.samples[n].at - this.chosen);
    this.samples.forEach((_, n) => { if (distance(n) < distance(best)) best = n; });
    return best;
  }

  words(sample) {
    const values = this.names.map((name) => `${name} ${short(sample.values[name])}${this.unit}`);
    return `${timeWithSeconds.format(sample.at * 1000)}: ${values.join(', ')}`;
  }

  // -- drawing

  draw() {
    const last = this.samples.at(-1);
    if (!last) return;
    this.until = last.at;
    this.from = this.until - Math.min(Math.max(last.at - this.samples[0].at, SHORTEST), WINDOW);
    const shown = this.chosen === null ? last : this.samples[this.index()];
    this.label(this.summary(shown), shown === last);
    const { width, height } = this.plot.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    const pen = this.canvas.getContext('2d');
    pen.scale(ratio, ratio);
    const style = getComputedStyle(document.documentElement);
    const box = { x: PAD.left, y: PAD.top, w: width - PAD.left - PAD.right,
      h: height - PAD.top - PAD.bottom };
    if (box.w < 20 || box.h < 20) return;
    const points = this.kind === 'bars' ? this.buckets() : this.samples;
    const top = this.scale(points);
    const x = (at) => box.x + box.w * (at - this.from) / (this.until - this.from);
    const y = (value) => box.y + box.h * (1 - value / top);
    this.grid(pen, box, top, x, y, style);
    pen.save();
    pen.beginPath();
    pen.rect(box.x, box.y - 2, box.w, box.h + 4);
    pen.clip();
    this[this.kind](pen, points, x, y, (name) => style.getPropertyValue(`--${this.colour(name)}`));
    pen.restore();
    if (this.chosen !== null) {
      pen.strokeStyle = style.getPropertyValue('--soft');
      pen.setLineDash([3, 3]);
      pen.beginPath();
      pen.moveTo(x(shown.at), box.y);
      pen.lineTo(x(shown.at), box.y + box.h);
      pen.stroke();
    }
  }

  colour(name) {
    return `c${this.names.indexOf(name) % 9 + 1}`;
  }

  // What the legend tells of a moment: what ended then, or, of no moment, all that did.
  summary(shown) {
    if (this.kind === 'lines') return shown;
    const values = Object.fromEntries(this.names.map((name) => [name, 0]));
    for (const each of this.kind === 'bars' && this.chosen === null ? this.samples : [shown]) {
      for (const name of this.names) values[name] += each.values[name] ?? 0;
    }
    return { at: shown.at, values };
  }

  label(shown, isLast) {
    while (this.legend.children.length > this.names.length) this.legend.lastChild.remove();
    this.names.forEach((name, n) => {
      let item = this.legend.children[n];
      if (!item) {
        item = element('li', this.legend);
        element('span', item).className = 'mark';
        element('span', item, `${name} `);
        element('b', item);
      }
      item.firstChild.style.background = `var(--${this.colour(name)})`;
      item.lastChild.textContent = `${short(shown.values[name])}${this.unit}`;
    });
    this.when.textContent = isLast ? '' : timeWithSeconds.format(shown.at * 1000);
    const hint = 'Arrow keys go through time.';
    this.plot.setAttribute('aria-label', `${this.title}. ${this.words(shown)}. ${hint}`);
  }

  // What ended in each ten seconds, as single seconds are too narrow for a bar.
  buckets() {
    const size = 10;
    const found = new Map();
    for (const { at, values } of this.samples) {
      const start = Math.floor(at / size) * size;
      const bucket = found.get(start) ?? { at: start, size, values: {} };
      for (const name of this.names) {
        bucket.values[name] = (bucket.values[name] ?? 0) + (values[name] ?? 0);
      }
      found.set(start, bucket);
    }
    return [...found.values()];
  }

  scale(points) {
    let most = 0;
    for (const { at, values } of points) {
      if (at < this.from - 10) continue;
      const all = this.names.map((name) => values[name] ?? 0);
      most = Math.max(most, this.kind === 'lines' ? Math.max(0, ...all) : all.reduce((a, b) => a + b, 0));
    }
    return nice(Math.max(most * 1.05, this.least));
  }

  grid(pen, box, top, x, y, style) {
    pen.font = '11px system-ui, sans-serif';
    pen.lineWidth = 1;
    pen.strokeStyle = style.getPropertyValue('--grid');
    pen.fillStyle = style.getPropertyValue('--soft');
    pen.textAlign = 'right';
    pen.textBaseline = 'middle';
    for (const share of [0, 0.5, 1]) {
      pen.beginPath();
      pen.moveTo(box.x, Math.round(y(top * share)) + 0.5);
      pen.lineTo(box.x + box.w, Math.round(y(top * share)) + 0.5);
      pen.stroke();
      pen.fillText(short(top * share), box.x - 6, y(top * share));
    }
    pen.textAlign = 'center';
    pen.textBaseline = 'top';
    const step = this.until - this.from > 300 ? 120 : this.until - this.from > 150 ? 60 : 30;
    for (let at = Math.ceil(this.from / step) * step; at <= this.until; at += step) {
      const words = (step < 60 ? timeWithSeconds : time).format(at * 1000);
      const half = pen.measureText(words).width / 2;
      const middle = Math.min(x(at), box.x + box.w - half);
      if (box.w > 420 || at % (2 * step) === 0) pen.fillText(words, middle, box.y + box.h + 6);
    }
  }

  areas(pen, all, x, y, colour) {
    for (const points of pieces(all)) this.area(pen, points, x, y, colour);
  }

  area(pen, points, x, y, colour) {
    const floor = points.map(() => 0);
    for (const name of this.names) {
      const values = points.map(({ values }, n) => floor[n] + (values[name] ?? 0));
      pen.beginPath();
      points.forEach(({ at }, n) => pen.lineTo(x(at), y(values[n])));
      for (let n = points.length - 1; n >= 0; n -= 1) pen.lineTo(x(points[n].at), y(floor[n]));
      pen.closePath();
      pen.fillStyle = colour(name);
      pen.globalAlpha = 0.3;
      pen.fill();
      pen.globalAlpha = 1;
      pen.beginPath();
      points.forEach(({ at }, n) => pen.lineTo(x(at), y(values[n])));
      pen.strokeStyle = colour(name);
      pen.lineWidth = 1.5;
      pen.stroke();
      values.forEach((value, n) => { floor[n] = value; });
    }
  }

  bars(pen, points, x, y, colour) {
    for (const { at, size, values } of points) {
      let floor = 0;
      for (const name of this.names) {
        const value = values[name] ?? 0;
        pen.fillStyle = colour(name);
        const width = Math.max(x(at + size) - x(at) - 2, 2);
        pen.fillRect(x(at) + 1, y(floor + value), width, y(floor) - y(floor + value));
        floor += value;
      }
    }
  }

  lines(pen, points, x, y, colour) {
    this.names.forEach((name, n) => {
      pen.beginPath();
      for (const piece of pieces(points)) {
        let isDrawing = false;
        for (const { at, values } of piece) {
          if (values[name] === null || values[name] === undefined) isDrawing = false;
          else if (isDrawing) pen.lineTo(x(at), y(values[name]));
          else {
            pen.moveTo(x(at), y(values[name]));
            isDrawing = true;
          }
        }
      }
      pen.strokeStyle = colour(name);
      pen.lineWidth = 1.8;
      pen.lineJoin = 'round';
      pen.setLineDash(n ? [5, 3] : []); // told apart without colours, too
      pen.stroke();
      pen.setLineDash([]);
    });
  }
}
