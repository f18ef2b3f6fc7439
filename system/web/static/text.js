// How values read, and how amounts compare.

const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year: "numeric" });
const TIME = new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
});

/** A calendar day such as 2030-01-01; it has no time zone. */
export function day(iso) {
  const [year, month, date] = iso.split("-").map(Number);
  return DAY.format(new Date(year, month - 1, date));
}

export function moment(iso) {
  return TIME.format(new Date(iso));
}

export function money({ amount, currency }) {
  const format = new Intl.NumberFormat("en", {
    style: "currency", currency, currencyDisplay: "narrowSymbol",
  });
  return format.format(amount); // a decimal string is formatted without going through a float
}

/** By value and not by float: amounts are decimal strings. */
export function compareAmounts(left, right) {
  const [a, b] = [units(left), units(right)];
  return a < b ? -1 : a > b ? 1 : 0;
}

function units(amount) {
  const [whole, part = ""] = amount.split(".");
  return BigInt(whole + part.slice(0, 6).padEnd(6, "0"));
}

export function insurerName(code) {
  return code.split("-").map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join(" ");
}

export function many(count, one) {
  return `${count} ${one}${count === 1 ? "" : "s"}`;
}

/** 2030-01-31, counted from today by this clock's own calendar. */
export function daysAhead(days) {
  const at = new Date();
  at.setDate(at.getDate() + days);
  const pad = (number) => String(number).padStart(2, "0");
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
}
