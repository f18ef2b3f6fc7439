// Which page is shown: by the part of the address behind "#", and by who is signed in.

import { applyPage } from "./apply.js";
import { cardPage } from "./card.js";
import { h, speak } from "./dom.js";
import { offersPage } from "./offers.js";
import { policiesPage } from "./policies.js";
import * as session from "./session.js";
import { signInPage } from "./sign_in.js";

const ROUTES = [
  [/^#?\/?$/, "Apply", applyPage],
  [/^#\/applications\/([\w-]{1,64})$/, "Offers", offersPage],
  [/^#\/policies$/, "Policies", policiesPage],
  [/^#\/card$/, "My card", cardPage],
];

const view = document.getElementById("view");
const pages = document.getElementById("pages");
const leave = document.getElementById("sign-out");
let left = new AbortController();

/** A page is made by a function of ({signal, show}, ...parts of the address). */
function show({ moveFocus = true, why = "" } = {}) {
  left.abort();
  left = new AbortController();
  const signedIn = session.clientId() !== null;
  pages.hidden = leave.hidden = !signedIn;
  const [title, page, parts] = signedIn ? found() : ["Sign in", signInPage, [why]];
  document.title = `${title} · InsureTech`;
  for (const link of pages.querySelectorAll("a")) {
    const here = link.hash === (location.hash || "#/") || (link.hash === "#/" && title === "Offers");
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  view.replaceChildren(...[page({ signal: left.signal }, ...parts)].flat());
  if (!moveFocus) return;
  const heading = view.querySelector("h1");
  heading?.setAttribute("tabindex", "-1");
  heading?.focus({ preventScroll: true });
  scrollTo(0, 0);
}

function found() {
  for (const [pattern, title, page] of ROUTES) {
    const match = pattern.exec(location.hash);
    if (match) return [title, page, match.slice(1)];
  }
  const page = () => [h("h1", {}, "This page is not there"), h("a", { href: "#/" }, "Apply for OSAGO")];
  return ["Not there", page, []];
}

let before = session.clientId();
session.onChange((now, why) => {
  const client = now?.clientId ?? null;
  if (client === before) return; // a renewed token is nobody else
  before = client;
  if (why) speak(why);
  show({ why });
});
leave.addEventListener("click", () => {
  session.signOut();
  location.hash = "#/";
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address behind "#" is the page
  view.focus();
});
addEventListener("hashchange", () => show());
show({ moveFocus: false });
