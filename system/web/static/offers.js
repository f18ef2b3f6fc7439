// One application: its offers as they arrive, and buying one.

import { graphql } from "./api.js";
import { busy, h, notice, speak } from "./dom.js";
import { keyFor, settled } from "./idempotency.js";
import { watchOffers } from "./offer_feed.js";
import { OfferList } from "./offer_list.js";
import { BUY } from "./queries.js";
import { day, insurerName, many, money } from "./text.js";

const COLLECTED_S = 60;
const SPEAK_EVERY_MS = 2500; // ten offers in a second are told in one sentence

export function offersPage({ signal }, id) {
  const list = new OfferList((offer) => ask(offer));
  const vehicle = h("p", { class: "under" }, " ");
  const state = h("p", { class: "state" }, "Asking the insurers…");
  const bar = h("progress", { max: COLLECTED_S, "aria-label": "Time until all offers are in" });
  const waiting = h("div", { class: "ghosts", "aria-hidden": "true" }, [1, 2, 3].map(() => h("div", {})));
  const said = h("div", {});
  const progress = h("div", { class: "progress" }, state, bar);
  let startedMs = Date.now();
  let live = true;

  const clock = setInterval(tell, 500);
  signal.addEventListener("abort", () => clearInterval(clock));

  function tell() {
    const seconds = Math.max(0, Math.round((Date.now() - startedMs) / 1000));
    bar.value = Math.min(COLLECTED_S, seconds);
    const found = list.size ? `${many(list.size, "offer")} so far` : "no offer yet";
    state.textContent = live
      ? `Insurers are answering\u00a0· ${found}\u00a0· ${Math.min(seconds, COLLECTED_S)} s`
      : `Connecting again… ${found}; nothing is lost.`;
  }

  const announce = every(SPEAK_EVERY_MS, signal, () => {
    const { best } = list;
    speak(`${many(list.size, "offer")}. Best price ${money(best.premium)} from ${insurerName(best.insurer)}.`);
  });

  function leave() {
    clearInterval(clock);
    waiting.remove();
    progress.remove();
  }

  function finish() {
    if (list.boughtFrom) return;
    clearInterval(clock);
    waiting.remove();
    bar.remove();
    if (list.size) {
      state.textContent = `All insurers have answered: ${many(list.size, "offer")}, best price first.`;
      return;
    }
    state.textContent = "";
    said.replaceChildren(notice("calm",
      h("strong", {}, "No insurer made an offer this time."), " ",
      h("a", { href: "#/" }, "Check your details and apply again"), "."));
  }

  function bought(policy) {
    list.close(policy.insurer);
    leave();
    said.replaceChildren(notice("good",
      h("h2", { tabindex: "-1" }, "You are insured"),
      h("p", {}, `Policy ${policy.number} from ${insurerName(policy.insurer)}, ${money(policy.premium)}, starts on ${day(policy.startsOn)}.`),
      h("p", {}, h("a", { href: "#/policies" }, "See all your policies"))));
  }

  function ask(offer) {
    const dialog = confirmation(offer, async (fail) => {
      const name = `buy.${offer.id}`;
      try {
        const { buyOffer } = await graphql(BUY, { offer: offer.id, key: keyFor(name, offer.id) });
        settled(name);
        dialog.close();
        if (signal.aborted) return;
        stop.abort();
        bought(buyOffer);
        said.querySelector("h2").focus();
        speak(`You are insured. Policy ${buyOffer.number}.`);
      } catch (error) {
        if (!error.passing && error.code !== "UNAUTHENTICATED") settled(name);
        if (error.code === "UNAUTHENTICATED") dialog.close();
        else fail(error.message);
      }
    });
    signal.addEventListener("abort", () => dialog.close());
  }

  const stop = new AbortController();
  signal.addEventListener("abort", () => stop.abort());
  watchOffers(id, {
    signal: stop.signal,
    onApplication(application) {
      if (!application) {
        leave();
        said.replaceChildren(notice("bad", "There is no such application of yours."));
        return;
      }
      const { make, model, registrationNumber } = application.vehicle;
      vehicle.textContent = `${make} ${model}, ${registrationNumber} · from ${day(application.startsOn)}`;
      startedMs = Date.parse(application.createdAt);
      if (application.policy) bought(application.policy);
    },
    onOffer(offer) {
      waiting.remove();
      list.add(offer);
      tell();
      if (!list.boughtFrom) announce();
    },
    onState(now) {
      live = now === "live";
      tell();
    },
    onDone: finish,
    onError(error) {
      leave();
      said.replaceChildren(notice("bad", error.message));
    },
  });

  return [
    h("div", { class: "lead" }, h("h1", {}, "Your offers"), vehicle),
    progress, said, waiting, list.element,
  ];
}

/** Asks once more before money is spent. `buy(fail)` does it. */
function confirmation(offer, buy) {
  const said = h("div", {});
  const go = h("button", { type: "button", class: "main" }, `Buy for ${money(offer.premium)}`);
  const dialog = h("dialog", { "aria-labelledby": "sure" },
    h("h2", { id: "sure" }, `Buy from ${insurerName(offer.insurer)}?`),
    h("p", {}, `You pay ${money(offer.premium)}, and the policy is issued at once.`),
    said,
    h("div", { class: "choice" },
      h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, "Back"),
      go));
  go.addEventListener("click", () => busy(go, () => buy(
    (text) => said.replaceChildren(notice("bad", text)))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  go.focus();
  return dialog;
}

/** Calls `work` soon after it is called, and at most once in so many milliseconds. */
function every(periodMs, signal, work) {
  let timer = 0;
  let lastMs = 0;
  signal.addEventListener("abort", () => clearTimeout(timer));
  return () => {
    if (timer || signal.aborted) return;
    timer = setTimeout(() => {
      timer = 0;
      lastMs = Date.now();
      work();
    }, Math.max(300, lastMs + periodMs - Date.now()));
  };
}
