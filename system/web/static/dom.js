// Elements without markup in strings: what comes from a server is only ever text.

/** An element. Names that begin with "on" are listeners; null, false leave a thing out. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Told to people who listen to the page. The same text again is told again. */
export function speak(text) {
  const place = document.getElementById("spoken");
  place.textContent = "";
  requestAnimationFrame(() => { place.textContent = text; });
}

/** A box that says how something went; `tone`: "good", "bad" or "calm". */
export function notice(tone, ...content) {
  return h("div", { class: `notice ${tone}`, role: tone === "bad" ? "alert" : null }, ...content);
}

/** Shows that a button's work goes on, and keeps it from being pressed twice. */
export async function busy(button, work) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  try {
    await work();
  } finally {
    button.removeAttribute("aria-disabled");
  }
}
