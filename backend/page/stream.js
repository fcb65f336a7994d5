// One dialog's messages in order: the client's rule of the delivery promise.
//
// Seen before: drop. The next seq: apply. A gap: hold, and after 150 ms ask for what is missing.
// The wire may repeat and reorder; what is applied is each message once, in the order of seq.

const GAP_MS = 150;

export class Stream {
  // `apply(message)` is called once for each message, in order; `ask(after)` when a gap stays open.
  constructor(last, { apply, ask, count }) {
    this.last = last; // everything up to here is applied, or older than what we show
    this.ids = new Set();
    this.held = new Map();
    this.timer = null;
    this.apply = apply;
    this.ask = ask;
    this.count = count;
  }

  receive(message) {
    if (message.seq <= this.last || this.ids.has(message.id)) {
      this.count("dropped");
      return;
    }
    if (message.seq > this.last + 1) {
      if (!this.held.has(message.seq)) this.count("held");
      this.held.set(message.seq, message);
      this.askLater();
      return;
    }
    this.take(message);
    this.drain();
  }

  // History came over HTTP up to `last`: what was held may fit now.
  advance(last) {
    if (last > this.last) this.last = last;
    for (const seq of [...this.held.keys()]) if (seq <= this.last) this.held.delete(seq);
    this.drain();
  }

  take(message) {
    this.last = message.seq;
    this.ids.add(message.id);
    this.apply(message);
  }

  drain() {
    while (this.held.has(this.last + 1)) {
      const message = this.held.get(this.last + 1);
      this.held.delete(message.seq);
      this.take(message);
    }
    if (this.held.size === 0) this.quiet();
  }

  askLater() {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      if (this.held.size === 0) return;
      this.count("asked");
      this.ask(this.last);
      this.askLater(); // until it is closed: the answer may be lost with its socket
    }, GAP_MS);
  }

  quiet() {
    clearTimeout(this.timer);
    this.timer = null;
  }
}
