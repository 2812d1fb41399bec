// Reads the page again when the bot says that something has changed, and shows
// times in the reader's own zone. Pages work without it.
"use strict";

const root = document.body.dataset.root;
const sign = document.getElementById("live");
const zoned = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium" });
let stale = false; // something changed that is not shown yet
let reading = false;

function localise(within) {
  for (const time of within.querySelectorAll("time[datetime]")) {
    const local = zoned.format(new Date(time.dateTime));
    if (time.classList.contains("at")) {
      time.title = time.textContent;
      time.textContent = local;
    } else {
      time.title = local;
    }
  }
}

function say(word, lost) {
  sign.hidden = false;
  sign.classList.toggle("lost", lost);
  sign.querySelector(".word").textContent = word;
}

// Whoever is typing, or has marked something, is not to be disturbed, nor
// whoever fills in a page that is a form. A field that nobody has touched for a
// while, on a screen on the wall, say, holds up nothing.
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

// Where the reader is in the page: to be found again in the new one.
function place(main) {
  const at = document.activeElement;
  const focus = main.contains(at) && at !== main && at.matches("a[href], button, summary, [tabindex]");
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
    if (again) again.focus({ preventScroll: true });
  }
}

async function refresh() {
  if (reading) return;
  if (busy()) {
    if (!document.hidden) say("paused", true);
    return;
  }
  reading = true;
  stale = false;
  try {
    const address = new URL(location.href);
    address.searchParams.delete("done");
    const answer = await fetch(address, { headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(answer.statusText);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (busy()) {
      stale = true;
      return;
    }
    const main = document.querySelector("main");
    const was = place(main);
    const next = document.adoptNode(page.querySelector("main"));
    localise(next);
    main.replaceWith(next);
    restore(next, was);
    const nav = document.querySelector("header nav");
    if (!nav.contains(document.activeElement)) nav.replaceWith(document.adoptNode(page.querySelector("header nav")));
    document.title = page.title;
    say("live", false);
  } catch {
    stale = true;
    say("not reached", true);
  } finally {
    reading = false;
  }
}

// A page that nobody sees holds no connection: browsers share six of them among
// all the pages of a bot.
let stream = null;

function listen() {
  if (stream || document.hidden) return;
  stream = new EventSource(root + "live");
  stream.addEventListener("open", () => say("live", false));
  stream.addEventListener("changed", () => {
    stale = true;
    refresh();
  });
  stream.addEventListener("error", () => {
    say("not reached", true);
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

localise(document);
listen();
setInterval(() => { if (stale) refresh(); }, 2000);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    leave();
    return;
  }
  listen();
  refresh(); // what changed meanwhile was not heard
});
addEventListener("pagehide", leave);
addEventListener("pageshow", (e) => { if (e.persisted) location.reload(); });
