// Keys: j and k go from row to row, / to the search, a acknowledges, s silences, x selects,
// ? lists them. None is needed: everything has its link, button or field.
"use strict";

const help = document.getElementById("keys");
let current = null; // the key of the current row

function rowsInView() {
  return [...document.querySelectorAll("main li[data-key], main tbody tr")].filter((row) => row.offsetParent !== null && row.querySelector("a, summary"));
}

function row() {
  const focused = document.activeElement && document.activeElement.closest("li[data-key], tbody tr");
  return focused || (current && document.querySelector(`li[data-key="${CSS.escape(current)}"]`));
}

function go(by) {
  const all = rowsInView(), at = all.indexOf(row());
  const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)];
  if (!next) return;
  current = next.dataset.key || null;
  next.querySelector("summary, a").focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

function press(ofRow, ofSelected) {
  const selected = document.querySelector("main input.pick[name=id]:checked");
  const button = selected ? document.querySelector(ofSelected) : row() && row().querySelector(ofRow);
  if (button) button.click();
}

const keys = {
  j: () => go(1),
  k: () => go(-1),
  "/": () => document.querySelector("main input[type=search]")?.focus(),
  a: () => press("button.quick[formaction$='/ack']", ".together button[formaction$='/ack']"),
  s: () => press("button[formaction$='/silence'][value='1h']", ".together button[formaction$='/silence']"),
  x: () => row()?.querySelector("input.pick[name=id]")?.click(),
  "?": () => help.showModal(),
};

addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || document.querySelector("dialog[open]")) return;
  if (e.target.closest("input:not([type=checkbox]), select, textarea")) return;
  if (!Object.hasOwn(keys, e.key)) return;
  e.preventDefault();
  keys[e.key]();
});
