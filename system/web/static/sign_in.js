// Signing in with a client number and a code.

import { busy, h, notice } from "./dom.js";
import { checks, field } from "./fields.js";
import { signIn } from "./session.js";

export function signInPage(_, why) {
  const lower = (text) => text.trim().toLowerCase();
  const client = field({
    name: "client", label: "Client number", check: checks.uuid, clean: lower,
    autocomplete: "username", spellcheck: "false", autocapitalize: "none", maxlength: 40,
  });
  const code = field({
    name: "code", label: "Code", hint: "12 digits and letters, from your insurer or agent.",
    check: checks.code, clean: lower, type: "password", autocomplete: "current-password",
    maxlength: 16,
  });
  const said = h("div", {}, why ? notice("calm", why) : null);
  const button = h("button", { type: "submit", class: "main" }, "Sign in");
  const submit = (event) => {
    event.preventDefault();
    busy(button, async () => {
      const wrong = [client, code].filter((one) => one.judge());
      if (wrong.length) {
        wrong[0].box.focus();
        return;
      }
      try {
        await signIn(client.value(), code.value());
      } catch (error) {
        said.replaceChildren(notice("bad", error.message));
      }
    });
  };
  return [
    h("div", { class: "lead" },
      h("h1", {}, "OSAGO, from every insurer at once"),
      h("p", { class: "under" }, "One form. Offers appear as the insurers answer, best price first.")),
    h("form", { class: "card narrow", novalidate: true, onsubmit: submit },
      h("h2", {}, "Sign in"), said, client.element, code.element, button),
  ];
}
