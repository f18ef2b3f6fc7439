// Server-sent events over fetch: EventSource can't send an Authorization header.

const SILENCE_S = 25; // a server that has nothing to tell says so every 10 s

/** Calls `onEvent({event, id, data})` until the stream ends; rejects when it can't be had. */
export async function readEvents({ url, headers, onEvent, signal }) {
  const own = new AbortController();
  const leave = () => own.abort();
  signal.addEventListener("abort", leave);
  let watch = setTimeout(leave, SILENCE_S * 1000);
  try {
    const response = await fetch(url, {
      headers: { Accept: "text/event-stream", ...headers },
      cache: "no-store",
      signal: own.signal,
    });
    if (!response.ok || !response.body) {
      await response.body?.cancel();
      throw Object.assign(new Error("no stream"), { status: response.status });
    }
    const take = parser(onEvent);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(watch);
      watch = setTimeout(leave, SILENCE_S * 1000);
      take(value);
    }
  } finally {
    clearTimeout(watch);
    signal.removeEventListener("abort", leave);
  }
}

/** Takes pieces of a stream, cut anywhere; calls `onEvent` for each whole event. */
export function parser(onEvent) {
  let rest = "";
  let event = { event: "message", id: "", data: [] };
  const line = (text) => {
    if (text === "") {
      if (event.data.length) onEvent({ ...event, data: event.data.join("\n") });
      event = { event: "message", id: event.id, data: [] };
      return;
    }
    const colon = text.indexOf(":");
    const name = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? "" : text.slice(colon + 1).replace(/^ /, "");
    if (name === "data") event.data.push(value);
    else if (name === "event") event.event = value;
    else if (name === "id") event.id = value;
  };
  return (piece) => {
    // A CR at the very end may be half of a CR LF.
    const lines = (rest + piece).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    lines.forEach(line);
  };
}
