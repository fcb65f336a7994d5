// What was written and is not stored yet: sent in order, repeated with the same id until answered.

import { backoff, sleep } from "./backoff.js";

export class Outbox {
  // handlers: onStored(letter, message), onRetry(letter, error), onRefused(letter, error)
  constructor(api, store, handlers) {
    this.api = api;
    this.store = store;
    this.handlers = handlers;
    this.letters = JSON.parse(store.getItem("outbox") ?? "[]");
    this.lines = new Map(); // one line of sends for each receiver keeps their order
  }

  start() {
    for (const letter of this.letters) this.queue(letter);
  }

  post(letter) {
    this.letters.push(letter);
    this.save();
    this.queue(letter);
  }

  clear() {
    this.letters = [];
    this.save();
  }

  queue(letter) {
    const before = this.lines.get(letter.to) ?? Promise.resolve();
    this.lines.set(letter.to, before.then(() => this.deliver(letter)));
  }

  async deliver(letter) {
    for (let attempt = 0; this.letters.includes(letter); attempt++) {
      try {
        const message = await this.api.send(letter.to, letter.id, letter.content);
        this.done(letter);
        this.handlers.onStored(letter, message);
      } catch (error) {
        if (!error.passing) {
          this.done(letter);
          this.handlers.onRefused(letter, error);
          return;
        }
        this.handlers.onRetry(letter, error);
        await sleep(backoff(attempt));
      }
    }
  }

  done(letter) {
    this.letters = this.letters.filter((other) => other !== letter);
    this.save();
  }

  save() {
    this.store.setItem("outbox", JSON.stringify(this.letters));
  }
}
