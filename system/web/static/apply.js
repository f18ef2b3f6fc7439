// The OSAGO form.

import { graphql } from "./api.js";
import { busy, h, notice, speak } from "./dom.js";
import { checks, field, plate } from "./fields.js";
import { keyFor, pending, settled } from "./idempotency.js";
import { APPLICATIONS, CREATE } from "./queries.js";
import { daysAhead, moment } from "./text.js";

const DRAFT = "insure.draft";
const SENT = "application";
const STATES = {
  ACCEPTED: "waiting for offers", OFFERED: "offers are there", NO_OFFERS: "no offers",
  BOUGHT: "bought",
};

export function applyPage({ signal }) {
  const fields = makeFields();
  const said = h("div", {});
  const button = h("button", { type: "submit", class: "main" }, "Get offers");
  restore(fields);

  const send = (asked) => busy(button, async () => {
    said.replaceChildren(notice("calm", "Sending your application…"));
    try {
      const key = keyFor(SENT, asked);
      const { createApplication } = await graphql(CREATE, { input: asked, key });
      settled(SENT);
      if (!signal.aborted) location.hash = `#/applications/${createApplication.id}`;
    } catch (error) {
      if (!error.passing && error.code !== "UNAUTHENTICATED") settled(SENT);
      said.replaceChildren(notice("bad", error.message));
    }
  });
  const submit = (event) => {
    event.preventDefault();
    const wrong = Object.values(fields).filter((one) => one.judge());
    if (wrong.length) {
      speak(`${wrong.length} of the fields need another look.`);
      wrong[0].box.focus();
      return;
    }
    send(input(fields));
  };
  const form = h("form", { class: "card", novalidate: true, onsubmit: submit, oninput: () => draft(fields) },
    h("fieldset", {}, h("legend", {}, "Your car"),
      h("div", { class: "pair" }, fields.registrationNumber.element, fields.vin.element),
      h("div", { class: "pair short" }, fields.make.element, fields.model.element),
      h("div", { class: "pair short" }, fields.year.element, fields.powerHp.element)),
    h("fieldset", {}, h("legend", {}, "Your cover"),
      h("div", { class: "pair" }, fields.startsOn.element)),
    said, button);

  // Sent before the page was loaded anew, and not answered: the same key, so the same application.
  const unanswered = pending(SENT);
  if (unanswered) send(unanswered.content);

  const earlier = h("section", { class: "earlier", hidden: true });
  showEarlier(earlier, signal);
  return [
    h("div", { class: "lead" },
      h("h1", {}, "Apply for OSAGO"),
      h("p", { class: "under" }, "We ask every insurer at once. It takes at most a minute.")),
    form, earlier,
  ];
}

function makeFields() {
  const upper = (text) => text.toUpperCase().replace(/\s/g, "");
  const typed = { spellcheck: "false", autocomplete: "off", autocapitalize: "characters" };
  const [first, last] = [daysAhead(1), daysAhead(60)];
  const nextYear = new Date().getFullYear() + 1;
  return {
    registrationNumber: field({
      name: "registrationNumber", label: "Plate number", hint: "As on the car: A123BC77",
      check: checks.plate, clean: plate, maxlength: 14, ...typed,
    }),
    vin: field({
      name: "vin", label: "VIN", hint: "17 characters, from the registration papers",
      check: checks.vin, clean: upper, maxlength: 24, ...typed,
    }),
    make: field({ name: "make", label: "Make", check: checks.word("the make of the car, such as Lada"), maxlength: 50 }),
    model: field({ name: "model", label: "Model", check: checks.word("the model of the car, such as Vesta"), maxlength: 50 }),
    year: field({
      name: "year", label: "Year", check: checks.whole(1950, nextYear, "a year"),
      inputmode: "numeric", maxlength: 4,
    }),
    powerHp: field({
      name: "powerHp", label: "Power (hp)", check: checks.whole(1, 3000, "a power"),
      inputmode: "numeric", maxlength: 4,
    }),
    startsOn: field({
      name: "startsOn", label: "Starts on", type: "date", min: first, max: last, value: first,
      check: checks.day(first, last, "a day from tomorrow on, at most 60 days ahead"),
    }),
  };
}

function input(fields) {
  const { startsOn, year, powerHp, ...words } = fields;
  const vehicle = Object.fromEntries(Object.entries(words).map(([name, one]) => [name, one.value()]));
  return {
    vehicle: { ...vehicle, year: Number(year.value()), powerHp: Number(powerHp.value()) },
    startsOn: startsOn.value(),
  };
}

function draft(fields) {
  const typed = Object.entries(fields).map(([name, one]) => [name, one.box.value]);
  sessionStorage.setItem(DRAFT, JSON.stringify(Object.fromEntries(typed)));
}

function restore(fields) {
  try {
    const typed = JSON.parse(sessionStorage.getItem(DRAFT)) ?? {};
    for (const [name, one] of Object.entries(fields)) {
      if (typeof typed[name] === "string") one.box.value = typed[name];
    }
  } catch {
    sessionStorage.removeItem(DRAFT);
  }
}

async function showEarlier(place, signal) {
  let nodes;
  try {
    ({ applications: { nodes } } = await graphql(APPLICATIONS));
  } catch {
    return; // the form works without them
  }
  if (signal.aborted || !nodes.length) return;
  place.append(
    h("h2", {}, "Your applications"),
    h("ul", { class: "rows" }, nodes.map(({ id, status, createdAt, vehicle }) => h("li", {},
      h("a", { href: `#/applications/${id}` }, `${vehicle.make} ${vehicle.model}, ${vehicle.registrationNumber}`),
      h("span", { class: "faint" }, `${moment(createdAt)} · ${STATES[status] ?? status}`)))));
  place.hidden = false;
}
