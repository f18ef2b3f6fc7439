// Form fields: a label, a hint, and what is wrong beside it.

import { h } from "./dom.js";

// A field is left by pressing on something else. Were its error shown at that moment, what is
// pressed would move away from under the finger.
let pressed = false;
const waiting = [];
addEventListener("pointerdown", () => { pressed = true; }, true);
for (const end of ["pointerup", "pointercancel"]) {
  addEventListener(end, () => setTimeout(() => {
    pressed = false;
    for (const work of waiting.splice(0)) work();
  }), true);
}

function whenReleased(work) {
  if (pressed) waiting.push(work);
  else work();
}

/** `check(value)` gives what is wrong with it, or "". `clean(value)`: as it is meant. */
export function field({ name, label, hint = "", check, clean = (text) => text.trim(), ...input }) {
  const hintId = `${name}-hint`;
  const errorId = `${name}-error`;
  const box = h("input", {
    id: name, name, required: true, "aria-describedby": hint ? `${hintId} ${errorId}` : errorId,
    ...input,
  });
  const error = h("p", { class: "error", id: errorId });
  let shown = false;

  const tell = (text) => {
    shown = true;
    error.textContent = text;
    if (text) box.setAttribute("aria-invalid", "true");
    else box.removeAttribute("aria-invalid");
    return text;
  };
  const judge = () => tell(check(clean(box.value)));
  box.addEventListener("change", () => whenReleased(() => {
    if (box.value.trim() && !judge()) box.value = clean(box.value); // as it will be sent
  }));
  box.addEventListener("input", () => { if (shown) judge(); });

  return {
    box,
    judge,
    tell,
    value: () => clean(box.value),
    element: h("div", { class: "field" },
      h("label", { for: name }, label),
      hint && h("p", { class: "hint", id: hintId }, hint),
      box,
      error),
  };
}

const CYRILLIC = "АВЕКМНОРСТУХ";
const LATIN = "ABEKMHOPCTYX";

/** A plate as it is written in Latin letters, whatever alphabet it was typed in. */
export function plate(text) {
  const plain = text.toUpperCase().replace(/[\s-]/g, "");
  return Array.from(plain, (letter) => LATIN[CYRILLIC.indexOf(letter)] ?? letter).join("");
}

export const checks = {
  plate: (text) => (/^[ABEKMHOPCTYX]\d{3}[ABEKMHOPCTYX]{2}\d{2,3}$/.test(text)
    ? "" : needed(text, "a plate number such as A123BC77")),
  vin: (text) => (/^[A-HJ-NPR-Z0-9]{17}$/.test(text)
    ? "" : needed(text, `a VIN: 17 letters and digits, without I, O and Q${text ? ` (there are ${text.length})` : ""}`)),
  word: (what) => (text) => (text.length >= 1 && text.length <= 50 ? "" : needed(text, what)),
  whole: (from, to, what) => (text) => (/^\d{1,5}$/.test(text) && +text >= from && +text <= to
    ? "" : needed(text, `${what} from ${from} to ${to}`)),
  day: (from, to, words) => (text) => (/^\d{4}-\d{2}-\d{2}$/.test(text) && text >= from && text <= to
    ? "" : needed(text, words)),
  uuid: (text) => (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)
    ? "" : needed(text, "your client number: 32 digits and letters in five groups")),
  code: (text) => (/^[0-9a-f]{12}$/.test(text) ? "" : needed(text, "your code: 12 digits and letters")),
};

const needed = (text, what) => `${text ? "This is not" : "Enter"} ${what}.`;
