// The offers of one application as they come, each once, whatever breaks in between.
//
// A WebSocket first; where it can't be had, server-sent events; and each time the connection
// begins anew, what was missed is read from the application itself.

import { graphql } from "./api.js";
import { readEvents } from "./event_stream.js";
import { APPLICATION, OFFERS } from "./queries.js";
import { authorization, signOut } from "./session.js";
import { subscribe } from "./socket.js";

const PAUSES_S = [0.2, 0.5, 1, 2, 4];
const GIVE_UP_S = 120; // offers are collected for 60 s

/** `onApplication(application)` each time it was read (null: there is none, and it is left), `onOffer(offer)` once an offer,
 * `onState("live" | "again")`, `onDone()`, `onError(error)`. Ends when `signal` says so. */
export async function watchOffers(id, { onApplication, onOffer, onState, onDone, onError, signal }) {
  const feed = new Feed(onOffer);
  const endMs = Date.now() + GIVE_UP_S * 1000;
  let transport = overSocket;
  for (let tries = 0; !signal.aborted; tries += 1) {
    let passing = false;
    try {
      const { application } = await graphql(APPLICATION, { id });
      if (signal.aborted) return;
      onApplication(application);
      if (!application) return;
      application.offers.forEach((offer) => feed.take(offer));
      const over = feed.done || Date.now() > endMs;
      if (application.status !== "ACCEPTED" || over) {
        onDone();
        return;
      }
      onState("live");
      const before = feed.seen.size;
      await transport(id, feed, signal);
      if (feed.seen.size > before) tries = -1;
    } catch (error) {
      if (error?.refused?.[0]?.extensions?.code === "UNAUTHENTICATED" || error?.status === 401) {
        signOut("Your session has ended. Sign in again; your application is kept.");
        return;
      }
      if (error?.code && error.passing === false) {
        onError(error);
        return;
      }
      passing = Boolean(error?.passing);
      if (!passing) transport = transport === overSocket ? overEvents : overSocket;
    }
    if (signal.aborted) return;
    if (feed.done) continue; // read once more, for how it ended
    onState("again");
    await pause(PAUSES_S[Math.min(Math.max(tries, 0), PAUSES_S.length - 1)], signal);
  }
}

class Feed {
  constructor(onOffer) {
    this.onOffer = onOffer;
    this.seen = new Set();
    this.lastEvent = "";
    this.done = false;
  }

  take(offer) {
    if (!offer || this.seen.has(offer.id)) return;
    this.seen.add(offer.id);
    this.onOffer(offer);
  }
}

function overSocket(id, feed, signal) {
  return subscribe({
    query: OFFERS,
    variables: { id },
    authorization: authorization(),
    signal,
    onNext({ offers }) {
      feed.take(offers.offer);
      feed.done ||= offers.done;
    },
  });
}

function overEvents(id, feed, signal) {
  const headers = { Authorization: authorization() };
  if (feed.lastEvent) headers["Last-Event-ID"] = feed.lastEvent;
  return readEvents({
    url: `/web/v1/applications/${encodeURIComponent(id)}/offers`,
    headers,
    signal,
    onEvent({ event, id: eventId, data }) {
      if (eventId) feed.lastEvent = eventId;
      if (event === "offer") feed.take(JSON.parse(data));
      if (event === "done") feed.done = true;
    },
  });
}

function pause(seconds, signal) {
  return new Promise((go) => {
    const timer = setTimeout(go, seconds * 1000 * (0.8 + 0.4 * Math.random()));
    signal.addEventListener("abort", () => { clearTimeout(timer); go(); }, { once: true });
  });
}
