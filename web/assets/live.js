// Reads the page again when the bot says that something has changed. Pages work without it.
"use strict";

const root = document.body.dataset.root;
const sign = document.getElementById("live");
let stale = false; // something changed that is not shown yet
let reading = false;

function say(word, lost) {
  sign.hidden = false;
  sign.classList.toggle("lost", lost);
  sign.querySelector(".word").textContent = word;
}

// The warning when the bot has not answered for a while: since when, and that the page
// is out of date.
const gone = document.getElementById("gone");
const grace = 3000; // a restart is no outage
let lost = null; // when the bot last answered; null: it is reachable

function heard() {
  lost = null;
  gone.hidden = true;
  document.body.classList.remove("old");
  document.title = document.title.replace(/^No connection – /, "");
}

async function probe() {
  lost = lost || new Date();
  say("unreachable", true);
  try {
    const answer = await fetch(root + "healthz", { cache: "no-store" });
    if (answer.ok) return heard();
  } catch {
    // said below
  }
  if (Date.now() - lost < grace || !lost || !gone.hidden) return;
  gone.querySelector(".since").textContent = formats.clock.format(lost);
  gone.hidden = false;
  document.body.classList.add("old");
  document.title = "No connection – " + document.title;
}

// Do not disturb people who are typing, have selected text, or are filling in a
// form. A field that has not been touched for a while, say on a wall display,
// delays nothing.
const patience = 60000;
let touched = Date.now();
for (const type of ["input", "keydown", "pointerdown"]) addEventListener(type, () => { touched = Date.now(); }, true);

function busy() {
  if (document.hidden || "form" in document.body.dataset) return true;
  if (Date.now() - touched > patience) return false;
  const at = document.activeElement;
  const marked = getSelection();
  return (at && /^(INPUT|SELECT|TEXTAREA)$/.test(at.tagName)) || (marked && !marked.isCollapsed);
}

// Where the reader is in the page, to restore that in the new one.
function place(main) {
  const at = document.activeElement;
  const focus = main.contains(at) && at !== main && at.matches("a[href], button, summary, input, select, [tabindex]");
  const alike = focus ? [...main.querySelectorAll(at.tagName)].filter((e) => same(e, at)) : [];
  return {
    at: focus ? at : null,
    index: alike.indexOf(at),
    kept: [...main.querySelectorAll("[data-kept]")].map((e) => [e.id, e.value]),
    open: [...main.querySelectorAll("details[id]")].map((d) => [d.id, d.open]),
    scrolled: [...main.querySelectorAll(".scroll")].map((s) => s.scrollLeft),
  };
}

function same(a, b) {
  return a.tagName === b.tagName && a.getAttribute("href") === b.getAttribute("href") && a.className === b.className;
}

function restore(main, was) {
  for (const [id, open] of was.open) {
    const details = main.querySelector("#" + CSS.escape(id));
    if (details) details.open = open;
  }
  for (const [id, value] of was.kept) {
    const field = main.querySelector("#" + CSS.escape(id));
    if (field) field.value = value;
  }
  main.querySelectorAll(".scroll").forEach((s, i) => { s.scrollLeft = was.scrolled[i] || 0; });
  if (was.at) {
    const alike = [...main.querySelectorAll(was.at.tagName)].filter((e) => same(e, was.at));
    const again = alike[Math.min(was.index, alike.length - 1)];
    if (again) {
      if (/^(text|search)$/.test(again.type)) again.value = was.at.value; // as far as it is typed
      again.focus({ preventScroll: true });
    }
  }
}

// Nothing moves under the pointer, or while somebody works on a list: its rows are
// updated in place, and new ones wait behind a button.
let worked = 0; // the last time of any input
for (const type of ["pointerdown", "pointermove", "keydown", "wheel", "touchmove"]) addEventListener(type, () => { worked = Date.now(); }, { capture: true, passive: true });

function held(list) {
  return Date.now() - worked < patience || scrollY > 0 || list.matches(":hover") || list.querySelector("input:checked, details[open]:not([id^=rows-])") !== null;
}

function keyed(within) {
  return new Map([...within.querySelectorAll("[data-key]")].map((e) => [e.dataset.key, e]));
}

// hold keeps the order of the old list in the new page, and returns how many rows wait.
function hold(old, next) {
  const rows = keyed(next);
  let fresh = rows.size;
  for (const [key, row] of keyed(old)) {
    const now = rows.get(key);
    if (now) {
      fresh--;
      for (const box of row.querySelectorAll("input:checked")) {
        const again = now.querySelector(`input[value="${CSS.escape(box.value)}"]`);
        if (again) again.checked = true;
      }
      row.replaceWith(now);
    } else if (!("part" in next.dataset)) {
      row.classList.add("past");
      for (const e of row.querySelectorAll("input, button")) e.disabled = true;
    }
  }
  next.replaceWith(old);
  return fresh;
}

function wait(list, fresh) {
  if (fresh < 1) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "fresh";
  button.textContent = `${fresh} new`;
  button.addEventListener("click", () => refresh(true, true));
  list.before(button);
}

// A press that ends where its element has been replaced clicks nothing, so the page waits for
// the end of a press. One that ends outside the window is not heard, and holds up nothing for long.
let pressed = null;

addEventListener("pointerdown", () => {
  pressed = new Promise((done) => {
    for (const type of ["pointerup", "pointercancel"]) addEventListener(type, () => setTimeout(done), { capture: true, once: true });
    setTimeout(done, 5000);
  });
}, true);

// refresh reads the page again: if forced, even while somebody is busy; and if asked,
// with all new rows.
async function refresh(forced = false, all = false) {
  if (reading) {
    stale = true;
    return;
  }
  if (!forced && busy()) {
    if (!document.hidden) say("paused", true);
    return;
  }
  reading = true;
  stale = false;
  try {
    const address = new URL(location.href);
    address.searchParams.delete("done");
    address.searchParams.delete("about");
    const answer = await fetch(address, { headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(answer.statusText);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    await pressed;
    if (!forced && busy()) {
      stale = true;
      return;
    }
    const main = document.querySelector("main");
    const was = place(main);
    const next = document.adoptNode(page.querySelector("main"));
    localise(next);
    for (const old of main.querySelectorAll("[data-list]")) {
      const list = next.querySelector("#" + CSS.escape(old.id));
      if (list && !all && held(old)) wait(old, hold(old, list));
    }
    main.replaceWith(next);
    restore(next, was);
    const icon = page.getElementById("icon");
    if (icon.getAttribute("href") !== document.getElementById("icon").getAttribute("href")) document.getElementById("icon").replaceWith(document.adoptNode(icon));
    document.dispatchEvent(new Event("shown"));
    const nav = document.querySelector("header nav");
    if (!nav.contains(document.activeElement)) {
      nav.replaceWith(document.adoptNode(page.querySelector("header nav")));
      showTab();
    }
    heard();
    document.title = page.title;
    say("live", false);
  } catch {
    stale = true;
    probe();
  } finally {
    reading = false;
  }
}

// A hidden page holds no connection: browsers share six of them among all pages of
// a bot.
let stream = null;

function listen() {
  if (stream || document.hidden) return;
  stream = new EventSource(root + "live");
  stream.addEventListener("open", () => {
    heard();
    say("live", false);
  });
  stream.addEventListener("changed", () => {
    stale = true;
    refresh();
  });
  stream.addEventListener("error", () => {
    probe();
    if (stream && stream.readyState === EventSource.CLOSED) {
      stream = null;
      setTimeout(listen, 10000);
    }
  });
}

function leave() {
  if (stream) stream.close();
  stream = null;
}

// Scroll the page's tab into view on narrow screens.
function showTab() {
  const nav = document.querySelector("header nav"), here = nav.querySelector("[aria-current]");
  if (here) nav.scrollLeft = here.offsetLeft - nav.offsetLeft - (nav.clientWidth - here.offsetWidth) / 2;
}

showTab();
addEventListener("resize", showTab);
listen();
setInterval(() => {
  if (lost && !document.hidden) probe();
  if (stale) refresh();
}, 2000);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    leave();
    return;
  }
  listen();
  refresh(); // changes in between were missed
});
addEventListener("pagehide", leave);
addEventListener("pageshow", (e) => { if (e.persisted) location.reload(); });
