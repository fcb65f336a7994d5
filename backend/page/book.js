// What this page knows: its dialogs, each with its ordered messages. No HTTP, no DOM.

import { Stream } from "./stream.js";

// The dialog of two users is their ids packed into 128 bits, the lower first (wire/message.py).
export function dialogIdOf(a, b) {
  const [low, high] = a < b ? [a, b] : [b, a];
  const hex = BigInt(low).toString(16).padStart(16, "0") + BigInt(high).toString(16).padStart(16, "0");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

// A frame's short names to the API's long ones.
export function fromWire({ d, s, id, f, to, c, at }) {
  return { dialog_id: d, seq: s, id, from_user_id: f, to_user_id: to, content: c, created_at: at };
}

export class Book {
  // handlers: onApplied(dialog, message), onAsk(dialog, after)
  constructor(userId, handlers) {
    this.userId = userId;
    this.handlers = handlers;
    this.dialogs = new Map();
    this.counts = { received: 0, dropped: 0, held: 0, asked: 0 };
  }

  // The dialog with a user, made when it is new here; `last` is the newest seq that is known.
  dialog(otherId, last) {
    const id = dialogIdOf(this.userId, otherId);
    let dialog = this.dialogs.get(id);
    if (!dialog) {
      dialog = { id, otherId, other: null, messages: [], loaded: false, read: last, oldest: null };
      dialog.stream = new Stream(last, {
        apply: (message) => this.applied(dialog, message),
        ask: (after) => this.handlers.onAsk(dialog, after),
        count: (name) => (this.counts[name] += 1),
      });
      this.dialogs.set(id, dialog);
    }
    return dialog;
  }

  receive(message) {
    this.counts.received += 1;
    const otherId = message.from_user_id === this.userId ? message.to_user_id : message.from_user_id;
    this.dialog(otherId, message.seq - 1).stream.receive(message);
  }

  applied(dialog, message) {
    dialog.messages.push(message);
    this.handlers.onApplied(dialog, message);
  }

  // A page of history, in any order: joined to what is there, each seq once.
  addHistory(dialog, items) {
    const bySeq = new Map(dialog.messages.map((message) => [message.seq, message]));
    for (const item of items) bySeq.set(item.seq, item);
    dialog.messages = [...bySeq.values()].sort((a, b) => a.seq - b.seq);
    dialog.oldest = dialog.messages[0]?.seq ?? null;
    dialog.stream.advance(Math.max(0, ...items.map((item) => item.seq)));
  }

  unread(dialog) {
    return dialog.stream.last - dialog.read;
  }

  // Most recently used first.
  sorted() {
    const time = (dialog) => dialog.messages.at(-1)?.created_at ?? dialog.touched ?? 0;
    return [...this.dialogs.values()].sort((a, b) => time(b) - time(a));
  }
}
