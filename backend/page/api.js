// The HTTP side: every call with a time limit, the access token renewed before it expires.

const TIMEOUT_MS = 10_000;
const RENEW_BEFORE_MS = 60_000;

export class ApiError extends Error {
  // status 0: no answer at all. Then, and after 5xx, 408 and 429, asking again may help.
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }

  get passing() {
    return this.status === 0 || this.status >= 500 || this.status === 408 || this.status === 429;
  }
}

export class Api {
  // `store` keeps the session over a reload; `onSignedOut` is called when it cannot be renewed.
  constructor(store, onSignedOut) {
    this.store = store;
    this.onSignedOut = onSignedOut;
    this.session = JSON.parse(store.getItem("session") ?? "null");
    this.renewing = null;
  }

  async login(username, password) {
    const body = new URLSearchParams({ username, password });
    this.keep(await request("POST", "/login", { body }));
  }

  register(fields) {
    return request("POST", "/users/register", { json: fields });
  }

  logout() {
    this.session = null;
    this.store.removeItem("session");
  }

  me() {
    return this.call("GET", "/users/me");
  }

  user(id) {
    return this.call("GET", `/users/${id}`);
  }

  search(fields) {
    return this.call("GET", `/users/search/?${new URLSearchParams({ ...fields, limit: 20 })}`);
  }

  dialogs(after) {
    return this.call("GET", `/dialogs/?${new URLSearchParams(after ? { limit: 50, after } : { limit: 50 })}`);
  }

  history(userId, where = {}) {
    return this.call("GET", `/dialog/${userId}/list/?${new URLSearchParams({ limit: 50, ...where })}`);
  }

  send(userId, id, content) {
    return this.call("POST", `/dialog/${userId}/create/`, { json: { id, content } });
  }

  where() {
    return this.call("GET", "/where");
  }

  // A token that is good for a while yet. Only one renewal at a time.
  async token() {
    if (this.session && this.session.until - Date.now() > RENEW_BEFORE_MS) return this.session.access;
    return this.renew();
  }

  renew() {
    this.renewing ??= this.renewOnce().finally(() => (this.renewing = null));
    return this.renewing;
  }

  async renewOnce() {
    try {
      const json = { refresh_token: this.session?.refresh ?? "" };
      this.keep(await request("POST", "/refresh", { json }));
      return this.session.access;
    } catch (error) {
      if (!error.passing) this.onSignedOut();
      throw error;
    }
  }

  async call(method, path, options = {}) {
    try {
      return await request(method, path, { ...options, token: await this.token() });
    } catch (error) {
      if (error.status !== 401 || !this.session) throw error;
      return request(method, path, { ...options, token: await this.renew() });
    }
  }

  keep(answer) {
    this.session = {
      access: answer.access_token,
      refresh: answer.refresh_token ?? this.session?.refresh,
      until: Date.now() + answer.expires_in * 1000,
    };
    this.store.setItem("session", JSON.stringify(this.session));
  }
}

async function request(method, path, { json, body, token } = {}) {
  const headers = {};
  if (token) headers.Authorization = `Bearer ${token}`;
  if (json) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      headers,
      body: json ? JSON.stringify(json) : body,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      cache: "no-store",
    });
  } catch {
    throw new ApiError(0, "no answer from the server");
  }
  const answer = await response.json().catch(() => null);
  if (response.ok) return answer;
  const detail = answer?.detail;
  throw new ApiError(response.status, typeof detail === "string" ? detail : `refused (${response.status})`);
}
