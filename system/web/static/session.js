// Who is signed in. The token lives as long as the tab, and is renewed before it expires.

const KEPT = "insure.session";
const RENEW_S = 150; // before it expires
const AGAIN_S = 10; // when a renewal failed for want of a connection

let session = read();
let timer = 0;
const listeners = new Set();

function read() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEPT));
    return kept && kept.expiresMs > Date.now() ? kept : null;
  } catch {
    return null;
  }
}

function keep(next, why = "") {
  session = next;
  if (next) sessionStorage.setItem(KEPT, JSON.stringify(next));
  else sessionStorage.removeItem(KEPT);
  plan();
  for (const listener of listeners) listener(session, why);
}

/** `listener(session, why)`: session is null when nobody is signed in (any more). */
export function onChange(listener) {
  listeners.add(listener);
}

export const clientId = () => session?.clientId ?? null;
export const authorization = () => (session ? `Bearer ${session.token}` : "");

/** Throws a text that can be shown. */
export async function signIn(client, code) {
  const issued = await ask("/auth/token", { clientId: client, code });
  keep({ clientId: client, ...issued });
}

export function signOut(why = "") {
  if (!why) sessionStorage.clear(); // what was typed goes, too, when somebody leaves on purpose
  keep(null, why);
}

async function ask(path, body, headers = {}) {
  let response;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    });
  } catch {
    throw new Error("There is no connection at the moment. Try again in a few seconds.");
  }
  if (response.ok) {
    const { token, expiresAt } = await response.json();
    return { token, expiresMs: Date.parse(expiresAt) };
  }
  const again = response.headers.get("Retry-After");
  const texts = {
    401: "The client number and the code don't belong together.",
    422: "The client number or the code is not complete.",
    429: `Too many tries. Wait ${again ?? "a few"} seconds, then try again.`,
  };
  const error = new Error(texts[response.status] ?? "Signing in is not possible at the moment.");
  error.status = response.status;
  throw error;
}

async function renew() {
  const before = session;
  if (!before) return;
  try {
    const issued = await ask("/auth/renew", {}, { Authorization: authorization() });
    if (session === before) keep({ ...before, ...issued });
  } catch (error) {
    if (session !== before) return;
    if (error.status === 401 || before.expiresMs <= Date.now()) {
      signOut("Your session has ended. Sign in again; what you typed is still here.");
    } else {
      timer = setTimeout(renew, AGAIN_S * 1000);
    }
  }
}

function plan() {
  clearTimeout(timer);
  if (session) timer = setTimeout(renew, Math.max(0, session.expiresMs - Date.now() - RENEW_S * 1000));
}

// A computer that slept missed its timers.
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") plan();
});
plan();
