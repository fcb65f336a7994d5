// The page: joins the HTTP side, the websocket, the dialogs and what is seen. Text only ever goes into
// textContent, so a message cannot become markup.

import { Api } from "./api.js";
import { Book, fromWire } from "./book.js";
import { Link } from "./link.js";
import { Outbox } from "./outbox.js";
import { uuid7 } from "./uuid7.js";
import { Badge, dayOf, element, figure, messageLine, personLine, by } from "./view.js";

const store = sessionStorage; // one for each tab: two tabs can be two users
const badge = new Badge(by("state"));
const api = new Api(store, () => leave());
let me = null;
let book = null;
let link = null;
let outbox = null;
let open = null; // the dialog that is shown
let moreDialogs = null;
const wire = { service: "–", resumed: "–", epoch: "–", retries: 0 };

// --- Signing in and out ---

let registering = false;

by("sign-switch").onclick = () => {
  registering = !registering;
  by("sign").querySelector(".names").hidden = !registering;
  by("sign-in").textContent = registering ? "Register" : "Sign in";
  by("sign-switch").textContent = registering ? "Known here? Sign in" : "New here? Register";
  by("sign").password.autocomplete = registering ? "new-password" : "current-password";
  for (const name of ["first_name", "last_name"]) by("sign")[name].required = registering;
};

by("sign").onsubmit = async (event) => {
  event.preventDefault();
  const fields = Object.fromEntries(new FormData(event.target));
  by("sign-error").textContent = "";
  by("sign-in").disabled = true;
  try {
    if (registering) await api.register(fields);
    await api.login(fields.username, fields.password);
    event.target.reset();
    await enter();
  } catch (error) {
    by("sign-error").textContent = error.message;
  } finally {
    by("sign-in").disabled = false;
  }
};

by("sign-out").onclick = () => leave();

function leave() {
  link?.stop();
  outbox?.clear();
  api.logout();
  link = outbox = book = open = me = null;
  for (const id of ["messages", "pending", "dialogs", "found"]) by(id).replaceChildren();
  by("room").hidden = true;
  by("door").hidden = false;
  by("sign").username.focus();
}

// What this user asked for. An answer that comes after they left is nobody's: it never arrives.
function ours(answer) {
  const asked = book;
  return new Promise((resolve, reject) => {
    answer.then(
      (value) => book === asked && resolve(value),
      (error) => book === asked && reject(error),
    );
  });
}

async function enter() {
  me = await api.me();
  const { websockets } = await api.where();
  by("me").textContent = `${me.first_name} ${me.last_name} (${me.id})`;
  book = new Book(me.id, { onApplied, onAsk: (dialog, after) => link?.get(dialog.id, after) });
  outbox = new Outbox(api, store, {
    onStored: (_letter, message) => book?.receive(message),
    onRetry: (letter, error) => {
      wire.retries += 1;
      markLetter(letter, `${error.message}, trying again`);
      showFigures();
    },
    onRefused: (letter, error) => markLetter(letter, `not sent: ${error.message}`, "refused"),
  });
  link = new Link({
    urls: websockets,
    userId: me.id,
    device: uuid7(),
    token: () => api.token(),
    handlers: {
      onState: (state) => {
        badge.show(state);
        if (state.name === "stopped" && [4500, 4506].includes(state.code)) leave();
      },
      onWelcome,
      onBatch: (messages) => messages.forEach((message) => book.receive(fromWire(message))),
      onStale: (dialogId) => catchUp(book.dialogs.get(dialogId)),
    },
  });
  by("door").hidden = true;
  by("room").hidden = false;
  showTalk(null);
  link.start(); // first the socket, then the lists: nothing falls between them
  outbox.start();
}

// --- From the wire ---

function onWelcome(frame) {
  Object.assign(wire, { service: frame.sid, resumed: frame.resumed, epoch: frame.epoch });
  showFigures();
  // Replayed messages come as batches. Without a replay the lists say what was missed.
  if (frame.resumed === "new" || frame.resumed === "none") reload();
}

async function reload() {
  try {
    await loadDialogs();
    const shown = [...book.dialogs.values()].filter((dialog) => dialog.loaded);
    for (const dialog of shown) await catchUp(dialog);
  } catch (error) {
    if (error.passing) setTimeout(reload, 1000);
  }
}

// Page on from the last seq until there is no more.
async function catchUp(dialog) {
  if (!dialog) return;
  for (;;) {
    const { items } = await ours(api.history(dialog.otherId, { after: dialog.stream.last }));
    if (!items.length) return;
    items.forEach((item) => book.receive(item));
  }
}

function onApplied(dialog, message) {
  if (dialog === open) {
    dialog.read = message.seq;
    const atEnd = nearEnd();
    by("pending").querySelector(`[data-id="${message.id}"]`)?.remove();
    addMessage(message);
    if (atEnd || message.from_user_id === me.id) toEnd();
  }
  if (!dialog.other) nameOf(dialog);
  showDialogs();
  showFigures();
}

// --- Dialogs and people ---

async function loadDialogs(after) {
  const { items, next } = await ours(api.dialogs(after));
  moreDialogs = next;
  for (const item of items) {
    const dialog = book.dialog(item.user_id, item.last_seq);
    dialog.other = item;
    dialog.touched ??= 1 / (book.dialogs.size + 1); // the server's order until something is said
    // A dialog whose messages are on the page is paged on by catchUp instead.
    if (!dialog.loaded) dialog.stream.advance(item.last_seq);
  }
  by("more-dialogs").hidden = !next;
  showDialogs();
}

by("more-dialogs").onclick = () => loadDialogs(moreDialogs).catch(() => {});

async function nameOf(dialog) {
  dialog.other = { username: `user ${dialog.otherId}`, first_name: "", last_name: "" };
  dialog.other = await ours(api.user(dialog.otherId)).catch(() => dialog.other);
  showDialogs();
}

function showDialogs() {
  by("dialogs").replaceChildren(
    ...book.sorted().map((dialog) =>
      personLine(dialog.other, {
        note: dialog.messages.at(-1)?.content,
        unread: dialog === open ? 0 : book.unread(dialog),
        current: dialog === open,
        onclick: () => show(dialog),
      }),
    ),
  );
}

let searching = 0;

by("search").oninput = () => {
  clearTimeout(searching);
  searching = setTimeout(find, 200);
};

async function find() {
  const words = by("search").value.trim();
  if (!words) return (by("found").hidden = true);
  const [first_name, last_name = ""] = words.split(/\s+/, 2);
  const wanted = last_name ? { first_name, last_name } : { first_name };
  let items = [];
  let empty = "Nobody found.";
  try {
    items = /^\d+$/.test(words) ? [await ours(api.user(words))] : (await ours(api.search(wanted))).items;
  } catch (error) {
    if (error.status !== 404) empty = error.message;
  }
  if (words !== by("search").value.trim()) return; // overtaken by the next letter
  const lines = items
    .filter((user) => user.id !== me.id)
    .map((user) => personLine(user, { note: user.username, onclick: () => begin(user) }));
  by("found").replaceChildren(...(lines.length ? lines : [element("p", { className: "quiet" }, empty)]));
  by("found").hidden = false;
}

function begin(user) {
  const dialog = book.dialog(user.id, 0);
  dialog.other = user;
  by("search").value = "";
  by("found").hidden = true;
  show(dialog);
}

// --- One dialog ---

function showTalk(dialog) {
  open = dialog;
  by("talk").hidden = !dialog;
  by("nothing").hidden = Boolean(dialog);
  by("room").classList.toggle("talking", Boolean(dialog));
}

by("back").onclick = () => {
  showTalk(null);
  showDialogs();
};

async function show(dialog) {
  showTalk(dialog);
  by("other").textContent = `${dialog.other.first_name} ${dialog.other.last_name}`;
  showMessages();
  showDialogs();
  by("text").focus();
  if (!dialog.loaded) {
    const { items } = await ours(api.history(dialog.otherId)).catch(() => ({ items: null }));
    if (items) {
      book.addHistory(dialog, items);
      dialog.loaded = true;
    }
    if (dialog === open) showMessages();
  }
  dialog.read = dialog.stream.last;
  showDialogs();
}

function showMessages() {
  by("messages").replaceChildren();
  for (const message of open.messages) addMessage(message);
  by("pending").replaceChildren(
    ...outbox.letters.filter((letter) => letter.to === open.otherId).map(letterLine),
  );
  by("older").hidden = !(open.loaded && open.oldest > 1);
  toEnd();
}

function addMessage(message) {
  const list = by("messages");
  const day = dayOf(message.created_at);
  if (list.dataset.day !== day || !list.children.length) {
    list.append(element("li", { className: "day" }, day));
    list.dataset.day = day;
  }
  list.append(messageLine(message, message.from_user_id === me.id));
}

by("older").onclick = async () => {
  const dialog = open;
  const { items } = await ours(api.history(dialog.otherId, { before: dialog.oldest })).catch(() => ({ items: [] }));
  book.addHistory(dialog, items);
  if (dialog !== open) return;
  const scroll = by("scroll");
  const fromEnd = scroll.scrollHeight - scroll.scrollTop;
  showMessages();
  scroll.scrollTop = scroll.scrollHeight - fromEnd;
};

const nearEnd = () => by("scroll").scrollHeight - by("scroll").scrollTop - by("scroll").clientHeight < 80;
const toEnd = () => (by("scroll").scrollTop = by("scroll").scrollHeight);

// --- Writing ---

by("text").onkeydown = (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    by("write").requestSubmit();
  }
};

by("write").onsubmit = (event) => {
  event.preventDefault();
  const content = by("text").value.trim();
  if (!content || !open) return;
  by("text").value = "";
  const letter = { id: uuid7(), to: open.otherId, content };
  by("pending").append(letterLine(letter));
  toEnd();
  outbox.post(letter);
};

function letterLine(letter) {
  const line = messageLine({ ...letter, seq: null }, true);
  line.classList.add("waiting");
  return line;
}

function markLetter(letter, words, kind) {
  const line = by("pending").querySelector(`[data-id="${letter.id}"]`);
  if (!line) return;
  line.querySelector("small").textContent = words;
  if (kind) line.classList.add(kind);
}

// --- Figures ---

function showFigures() {
  if (!book) return;
  by("figures").replaceChildren(
    ...figure("service", wire.service),
    ...figure("resumed", wire.resumed),
    ...figure("connections", link?.connections ?? 0),
    ...figure("received", book.counts.received),
    ...figure("doubled, dropped", book.counts.dropped),
    ...figure("early, held", book.counts.held),
    ...figure("gaps asked for", book.counts.asked),
    ...figure("sends repeated", wire.retries),
    ...figure("database epoch", wire.epoch),
  );
}

addEventListener("online", () => link?.hurry());

if (api.session) enter().catch((error) => (error.passing ? setTimeout(() => location.reload(), 2000) : leave()));
else leave();
