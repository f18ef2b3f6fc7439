// Keys that outlive a reload: what was sent once and comes again is the same request.

const PLACE = "insure.sent.";

/** The key for this content under that name; another content gets another key. */
export function keyFor(name, content) {
  const text = JSON.stringify(content);
  const kept = pending(name);
  if (kept && JSON.stringify(kept.content) === text) return kept.key;
  const key = fresh();
  sessionStorage.setItem(PLACE + name, JSON.stringify({ key, content }));
  return key;
}

/** What was sent under that name and has no answer yet; null: nothing. */
export function pending(name) {
  try {
    return JSON.parse(sessionStorage.getItem(PLACE + name));
  } catch {
    return null;
  }
}

/** It was answered for good. */
export function settled(name) {
  sessionStorage.removeItem(PLACE + name);
}

// crypto.randomUUID is there in a secure context only; this is everywhere.
function fresh() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
