// Offers in the order of their price. A row that is there is never moved, so nobody loses the
// focus, and nothing but what is new is drawn.

import { h } from "./dom.js";
import { compareAmounts, insurerName, moment, money } from "./text.js";

export class OfferList {
  /** `onBuy(offer)`: somebody pressed the button of it. */
  constructor(onBuy) {
    this.onBuy = onBuy;
    this.rows = []; // in the order of the list
    this.boughtFrom = null;
    this.element = h("ol", { class: "offers", "aria-label": "Offers, best price first" });
  }

  get best() {
    return this.rows[0]?.offer ?? null;
  }

  get size() {
    return this.rows.length;
  }

  add(offer) {
    const before = this.rows.findIndex((row) => isBefore(offer, row.offer));
    const at = before < 0 ? this.rows.length : before;
    const row = { offer, element: this.draw(offer) };
    this.element.insertBefore(row.element, this.rows[at]?.element ?? null);
    this.rows.splice(at, 0, row);
    if (this.boughtFrom) this.close(this.boughtFrom);
    this.rows.forEach(({ element }, place) => element.classList.toggle("best", place === 0));
  }

  /** Nothing more can be bought here: this insurer's offer was. */
  close(insurer) {
    this.boughtFrom = insurer;
    this.element.classList.add("closed");
    for (const { element, offer } of this.rows) {
      element.querySelector("button")?.remove();
      element.classList.toggle("bought", offer.insurer === insurer);
    }
  }

  draw(offer) {
    const name = insurerName(offer.insurer);
    const mark = h("span", { class: "mark", "aria-hidden": "true" }, name.charAt(0));
    mark.style.setProperty("--hue", hue(offer.insurer));
    const price = money(offer.premium);
    return h("li", { class: "offer", "data-insurer": offer.insurer, "data-offer": offer.id },
      mark,
      h("div", { class: "who" },
        h("strong", {}, name, h("span", { class: "badge" }, "Best price")),
        h("span", { class: "faint" }, `good until ${moment(offer.validUntil)}`)),
      h("span", { class: "price" }, price),
      h("button", { type: "button", "aria-label": `Buy from ${name} for ${price}`, onclick: () => this.onBuy(offer) }, "Buy"));
  }
}

function isBefore(one, other) {
  const order = compareAmounts(one.premium.amount, other.premium.amount);
  return order < 0 || (order === 0 && one.insurer < other.insurer);
}

function hue(text) {
  let sum = 0;
  for (const letter of text) sum = (sum * 31 + letter.codePointAt(0)) % 360;
  return sum;
}
