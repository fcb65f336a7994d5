// Pieces of the page. Everything that people wrote goes in as text.

export function by(id) {
  return document.getElementById(id);
}

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function figure(name, value) {
  return [element("dt", {}, name), element("dd", {}, String(value))];
}

export function personLine(user, { note, unread = 0, current = false, onclick }) {
  const name = `${user?.first_name ?? ""} ${user?.last_name ?? ""}`.trim() || user?.username || "…";
  const button = element("button", { className: "person", type: "button", onclick }, element("span", {}, name));
  if (unread > 0) {
    button.append(element("span", { className: "badge", ariaLabel: `${unread} unread` }, String(unread)));
  }
  if (note) button.append(element("small", {}, note));
  if (current) button.setAttribute("aria-current", "true");
  return element("li", {}, button);
}

export function messageLine(message, mine) {
  const time = message.created_at ? new Date(message.created_at * 1000) : null;
  const note = message.seq
    ? `${time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })} · ${message.seq}`
    : "sending";
  const line = element("li", { className: mine ? "message mine" : "message" }, message.content);
  line.append(element("small", {}, note));
  line.dataset.id = message.id;
  if (message.seq) line.dataset.seq = message.seq;
  return line;
}

export function dayOf(seconds) {
  return new Date(seconds * 1000).toLocaleDateString([], { weekday: "short", day: "numeric", month: "short", year: "numeric" });
}

const RESUMED = {
  new: "fresh",
  ring: "resumed from memory",
  db: "resumed from the database",
  none: "reloaded",
};

// The state of the link in a few words, counting down while it waits.
export class Badge {
  constructor(place) {
    this.place = place;
    this.last = {};
    this.timer = null;
  }

  show(state) {
    clearInterval(this.timer);
    if (state.name === "connected" && !state.resumed) state = { ...this.last, ...state };
    this.last = state;
    this.place.dataset.state = state.name;
    this.place.dataset.resumed = state.resumed ?? "";
    if (state.name === "waiting") {
      const end = Date.now() + state.wait;
      const say = () => {
        const left = Math.max(0, end - Date.now()) / 1000;
        this.say(`${state.reason} · back in ${left.toFixed(1)} s (try ${state.attempt})`);
      };
      say();
      this.timer = setInterval(say, 100);
      return;
    }
    this.say(words(state));
  }

  say(text) {
    if (this.place.textContent !== text) this.place.textContent = text;
  }
}

function words(state) {
  switch (state.name) {
    case "connected":
      return `connected · ${RESUMED[state.resumed] ?? state.resumed}${state.lag ? " · broker away" : ""}`;
    case "moving":
      return "connected · moving to another service";
    case "stopped":
      return `stopped: ${state.reason}`;
    default:
      return "connecting";
  }
}
