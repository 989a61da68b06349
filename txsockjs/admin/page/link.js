// The page's connection to its server: a websocket where one gets through, else polling (xhr of
// SockJS). Tries once; whoever wants another connection makes another link.

const UNAUTHORIZED = 4401;

export class Link {
  // `base` is the URL of the SockJS, with a slash at its end. Calls `opened()`, then `heard(value)`
  // for each message, then `ended(code, reason)`.
  constructor(base, { opened, heard, ended }) {
    this.base = base;
    this.opened = opened;
    this.heard = heard;
    this.ended = ended;
    this.isOpen = false;
    this.isOver = false;
    this.socket = null;
    try {
      this.connect();
    } catch {
      this.poll();
    }
  }

  connect() {
    const url = new URL('websocket', this.base);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(url);
    let wasOpen = false;
    socket.onopen = () => {
      wasOpen = true;
      this.socket = socket;
      this.isOpen = true;
      this.opened('websocket');
    };
    socket.onmessage = (event) => this.heard(JSON.parse(event.data));
    socket.onclose = (event) => {
      if (wasOpen) this.end(event.code, event.reason);
      else this.poll();
    };
  }

  async poll() {
    const id = crypto.getRandomValues(new Uint32Array(3)).join('-');
    this.url = new URL(`000/${id}/`, this.base);
    try {
      while (!this.isOver) this.take(await this.post('xhr', ''));
    } catch {
      this.end(1006, '');
    }
  }

  async post(name, body) {
    const answer = await fetch(new URL(name, this.url), { method: 'POST', body });
    if (!answer.ok) throw new Error(`${answer.status}`);
    return answer.text();
  }

  take(frames) {
    for (const frame of frames.split('\n')) {
      const value = frame.length > 1 ? JSON.parse(frame.slice(1)) : null;
      if (frame[0] === 'o') {
        this.isOpen = true;
        this.opened('xhr-polling');
      } else if (frame[0] === 'a') value.forEach((text) => this.heard(JSON.parse(text)));
      else if (frame[0] === 'c') this.end(...value);
    }
  }

  send(value) {
    const text = JSON.stringify(value);
    if (this.socket) this.socket.send(text);
    else this.post('xhr_send', JSON.stringify([text])).catch(() => this.end(1006, ''));
  }

  end(code, reason) {
    if (this.isOver) return;
    this.isOver = true;
    this.isOpen = false;
    this.ended(code, reason, code === UNAUTHORIZED);
  }
}
