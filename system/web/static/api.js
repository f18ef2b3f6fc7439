// GraphQL over HTTP. All that the page asks may be repeated: reading, and writing under a key.

import { authorization, signOut } from "./session.js";

const WAIT_S = 20;
const PAUSES_S = [0.4, 1.5];
const LONGEST_PAUSE_S = 5;
const TEXTS = {
  OFFLINE: "There is no connection at the moment. Nothing is lost: try again in a few seconds.",
  TIMEOUT: "This takes longer than it should. Nothing is lost: try again.",
  BUSY: "Very many people are here right now. Try again in a few seconds.",
  UNAVAILABLE: "This part of the service does not answer at the moment. Try again in a few seconds.",
  NOT_FOUND: "This is not there, or is not yours.",
  FORBIDDEN: "This is not yours.",
  INTERNAL: "Something went wrong on our side. Try again in a few seconds.",
};
const PASSING = new Set(["OFFLINE", "TIMEOUT", "BUSY", "UNAVAILABLE"]);

/** `code`: why; `message` can be shown; `passing`: the same request may succeed later. */
export class ApiError extends Error {
  constructor(code, message, pauseS = null) {
    super(TEXTS[code] ?? message ?? TEXTS.INTERNAL);
    this.code = code;
    this.pauseS = pauseS;
    this.passing = PASSING.has(code);
  }
}

/** The answer's data; an ApiError after a few tries. */
export async function graphql(query, variables = {}) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await once(query, variables);
    } catch (error) {
      if (!error.passing || tries >= PAUSES_S.length) throw error;
      const pauseS = Math.min(error.pauseS ?? PAUSES_S[tries], LONGEST_PAUSE_S);
      await new Promise((go) => setTimeout(go, pauseS * 1000 * (0.8 + 0.4 * Math.random())));
    }
  }
}

async function once(query, variables) {
  const { status, pauseS, body } = await post(query, variables);
  const failed = body?.errors?.[0];
  const code = failed?.extensions?.code ?? body?.code;
  if (status === 401 || code === "UNAUTHENTICATED") {
    signOut("Your session has ended. Sign in again; what you typed is still here.");
    throw new ApiError("UNAUTHENTICATED", "Your session has ended.");
  }
  if (failed) throw new ApiError(code ?? "INTERNAL", code ? failed.message : null, pauseS);
  if (status === 429 || status === 503) throw new ApiError("BUSY", null, pauseS);
  if (status === 502 || status === 504) throw new ApiError("UNAVAILABLE", null, pauseS);
  if (!body?.data) throw new ApiError("INTERNAL");
  return body.data;
}

async function post(query, variables) {
  try {
    const response = await fetch("/graphql", {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: authorization() },
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.timeout(WAIT_S * 1000),
    });
    const pauseS = Number.parseFloat(response.headers.get("Retry-After")) || null;
    const body = await response.json().catch(() => null);
    return { status: response.status, pauseS, body };
  } catch (error) {
    throw new ApiError(error.name === "TimeoutError" ? "TIMEOUT" : "OFFLINE");
  }
}
