// The websocket: hello, heartbeats, coming back with the cursor, moving over when a service drains.

import { backoff } from "./backoff.js";

const PROTOCOL = "dialog.v1.json";
const WELCOME_MS = 10_000;
const STABLE_MS = 10_000; // a link that held this long starts its waits from the shortest again

// What a close code means for people; 4500 and above are final.
const REASONS = {
  1006: "connection lost",
  1011: "service error",
  1012: "service restarts",
  4001: "service drains",
  4002: "too slow to keep up",
  4003: "no heartbeat",
  4004: "position lost",
  4005: "token expired",
  4006: "service full",
  4008: "too many requests",
  4500: "token refused",
  4501: "no hello in time",
  4502: "malformed frame",
  4503: "page of another origin",
  4504: "too many devices",
  4505: "other protocol version",
  4506: "access withdrawn",
};

export class Link {
  // handlers: onState(state), onWelcome(frame), onBatch(messages, replay), onStale(dialogId)
  constructor({ urls, userId, device, token, handlers }) {
    this.urls = urls;
    this.turn = Math.floor(Math.random() * urls.length);
    this.userId = userId;
    this.device = device;
    this.token = token;
    this.handlers = handlers;
    this.cursor = null;
    this.attempt = 0;
    this.connections = 0;
    this.current = null; // the socket that was welcomed
    this.opening = null; // the one on its way, beside `current` while moving
    this.timers = {};
    this.stopped = true;
  }

  start() {
    this.stopped = false;
    this.open();
  }

  stop() {
    this.stopped = true;
    for (const timer of Object.values(this.timers)) clearTimeout(timer);
    for (const socket of [this.current, this.opening]) socket?.close(1000);
    this.current = this.opening = null;
  }

  // The network is back: do not sit out the wait.
  hurry() {
    if (!this.stopped && !this.current && !this.opening) this.open();
  }

  get(dialogId, after, limit = 100) {
    this.say(this.current, { t: "get", d: dialogId, after, limit });
  }

  say(socket, frame) {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
  }

  async open() {
    clearTimeout(this.timers.retry);
    if (this.stopped || this.opening) return;
    if (!this.current) this.handlers.onState({ name: "connecting", attempt: this.attempt });
    const place = { readyState: -1, close() {} }; // holds the turn while the token is fetched
    this.opening = place;
    let token;
    try {
      token = await this.token();
    } catch {
      if (this.opening === place) this.failed(place, 1006);
      return;
    }
    if (this.stopped || this.opening !== place) return;
    const url = new URL(this.urls[this.turn++ % this.urls.length], location.href);
    url.protocol = url.protocol.replace("http", "ws"); // a path: the host of this page
    url.searchParams.set("u", this.userId);
    const socket = new WebSocket(url, [PROTOCOL]);
    this.opening = socket;
    const patience = setTimeout(() => this.lost(socket, 1006), WELCOME_MS);
    socket.onopen = () =>
      this.say(socket, { t: "hello", token, dev: this.device, resume: this.cursor });
    socket.onmessage = (event) => this.hear(socket, JSON.parse(event.data), patience);
    socket.onclose = (event) => {
      clearTimeout(patience);
      this.failed(socket, event.code);
    };
  }

  hear(socket, frame, patience) {
    if (socket !== this.current && socket !== this.opening) return;
    this.alive(socket);
    if (frame.cursor) this.cursor = frame.cursor;
    switch (frame.t) {
      case "welcome":
        clearTimeout(patience);
        this.welcomed(socket, frame);
        break;
      case "batch":
        this.handlers.onBatch(frame.m, frame.re === true);
        break;
      case "hb":
        this.say(socket, { t: "hb", cursor: this.cursor });
        if (socket === this.current) this.handlers.onState({ name: "connected", lag: frame.lag === true });
        break;
      case "stale":
        this.handlers.onStale(frame.d);
        break;
      case "token":
        this.token().then((token) => this.say(socket, { t: "token", token }), () => {});
        break;
      case "bye":
        clearTimeout(this.timers.move);
        this.timers.move = setTimeout(() => this.open(), frame.after ?? 0);
        this.handlers.onState({ name: "moving", after: frame.after ?? 0 });
        break;
    }
  }

  welcomed(socket, frame) {
    const before = this.current;
    this.current = socket;
    this.opening = null;
    this.heartbeat = frame.hb;
    this.since = Date.now();
    this.connections += 1;
    if (before && before !== socket) before.close(1000); // make before break
    this.alive(socket);
    this.handlers.onWelcome(frame);
    this.handlers.onState({ name: "connected", resumed: frame.resumed, sid: frame.sid, lag: false });
  }

  // Heartbeats come at most 1.2 intervals apart; a longer silence is a dead link that nobody closed.
  alive(socket) {
    clearTimeout(this.timers.silence);
    if (socket !== this.current) return;
    this.timers.silence = setTimeout(() => this.lost(socket, 4003), this.heartbeat * 1.2 + 10_000);
  }

  lost(socket, code) {
    socket.onclose = null;
    socket.close();
    this.failed(socket, code);
  }

  failed(socket, code) {
    if (socket === this.current) {
      this.current = null;
      clearTimeout(this.timers.silence);
      if (Date.now() - this.since > STABLE_MS) this.attempt = 0;
    } else if (socket === this.opening) {
      this.opening = null;
    } else {
      return; // one that was replaced
    }
    if (this.stopped || this.opening) return;
    const reason = REASONS[code] ?? `closed (${code})`;
    if (code >= 4500 && code < 5000) {
      this.stop();
      this.handlers.onState({ name: "stopped", code, reason });
      return;
    }
    const wait = backoff(this.attempt++);
    this.timers.retry = setTimeout(() => this.open(), wait);
    if (!this.current) this.handlers.onState({ name: "waiting", wait, attempt: this.attempt, reason });
  }
}
