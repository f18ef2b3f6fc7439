// The client's own card.

import { graphql } from "./api.js";
import { h, notice } from "./dom.js";
import { CARD } from "./queries.js";
import { day } from "./text.js";

export function cardPage({ signal }) {
  const place = h("div", {}, h("p", { class: "state" }, "Loading…"));
  graphql(CARD).then(
    ({ myCard }) => { if (!signal.aborted) place.replaceChildren(...card(myCard)); },
    (error) => place.replaceChildren(notice("bad", error.message)),
  );
  return [h("div", { class: "lead" }, h("h1", {}, "My card")), place];
}

function card({ id, name, age, birthDate, documents, relatives }) {
  return [
    h("section", { class: "card" },
      h("h2", {}, name),
      h("dl", {},
        pair("Born on", `${day(birthDate)} (${age})`),
        pair("Client number", h("code", {}, id)))),
    h("section", { class: "card" },
      h("h2", {}, "Documents"),
      rows(documents, "none are known", ({ type, number, issueDate, expiryDate }) => [
        h("strong", {}, words(type)), h("span", {}, number),
        h("span", { class: "faint" }, `issued ${day(issueDate)}${expiryDate ? `, good until ${day(expiryDate)}` : ""}`),
      ])),
    h("section", { class: "card" },
      h("h2", {}, "Relatives"),
      rows(relatives, "none are known", ({ relationType, name: who, age: years }) => [
        h("strong", {}, who), h("span", { class: "faint" }, `${words(relationType)}, ${years}`),
      ])),
  ];
}

function rows(items, none, draw) {
  if (!items.length) return h("p", { class: "faint" }, none);
  return h("ul", { class: "rows" }, items.map((item) => h("li", {}, draw(item))));
}

function words(text) {
  const plain = text.replace(/[_-]/g, " ").toLowerCase();
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

const pair = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));
