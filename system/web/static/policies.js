// All policies of who is signed in, the newest first.

import { graphql } from "./api.js";
import { busy, h, notice } from "./dom.js";
import { POLICIES } from "./queries.js";
import { day, insurerName, moment, money } from "./text.js";

export function policiesPage({ signal }) {
  const list = h("ul", { class: "policies" });
  const said = h("p", { class: "state" }, "Loading…");
  const more = h("button", { type: "button", class: "quiet", hidden: true }, "Show more");
  let after = null;

  const load = () => busy(more, async () => {
    try {
      const { myPolicies } = await graphql(POLICIES, { after });
      if (signal.aborted) return;
      after = myPolicies.endCursor;
      list.append(...myPolicies.nodes.map(row));
      more.hidden = !myPolicies.hasNextPage;
      said.replaceChildren(...(list.children.length ? [] : [
        "You have no policy yet. ", h("a", { href: "#/" }, "Apply for OSAGO"), "."]));
    } catch (error) {
      more.hidden = false;
      said.replaceChildren(notice("bad", error.message));
    }
  });
  more.addEventListener("click", load);
  load();
  return [h("div", { class: "lead" }, h("h1", {}, "Your policies")), said, list, more];
}

function row({ number, insurer, premium, startsOn, issuedAt }) {
  return h("li", { class: "card policy", "data-policy": number },
    h("div", {},
      h("h2", {}, insurerName(insurer)),
      h("p", { class: "faint" }, `Policy ${number}`)),
    h("dl", {},
      pair("Premium", money(premium)),
      pair("Starts on", day(startsOn)),
      pair("Issued", moment(issuedAt))));
}

const pair = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));
