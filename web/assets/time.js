// Shows all times of a page in one zone: the reader's own, or UTC if chosen. The
// header names it. Without this script all times are in UTC, and say so.
"use strict";

const chosenZone = (() => {
  try {
    return localStorage.getItem("numwatch-zone");
  } catch {
    return null; // nothing may be stored here
  }
})();
const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const inUTC = chosenZone === "UTC" || ownZone === "UTC";
const timeZone = inUTC ? "UTC" : ownZone;

const formats = {
  second: new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium", timeZone }),
  minute: new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "short", timeZone }),
  clock: new Intl.DateTimeFormat("sv-SE", { timeStyle: "medium", timeZone }),
  time: new Intl.DateTimeFormat("sv-SE", { timeStyle: "short", timeZone }),
  day: new Intl.DateTimeFormat("en-US", { month: "short", day: "numeric", timeZone }),
};
formats["day time"] = { format: (at) => `${formats.day.format(at)} ${formats.time.format(at)}` };

// zoned writes the times within a text, which are in UTC there.
function zoned(text) {
  return text.replace(/(\d{4}-\d\d-\d\d) (\d\d:\d\d)(:\d\d)? UTC/g, (_, day, time, second) =>
    formats[second ? "second" : "minute"].format(new Date(`${day}T${time}${second || ":00"}Z`)));
}

function localise(within) {
  for (const time of within.querySelectorAll("time[datetime]")) {
    const local = formats.second.format(new Date(time.dateTime));
    if (time.classList.contains("at")) time.textContent = local;
    else time.title = local;
  }
  for (const tick of within.querySelectorAll("[data-at]")) tick.textContent = formats[tick.dataset.form].format(new Date(tick.dataset.at));
  for (const e of within.querySelectorAll("[data-zoned], svg title")) {
    for (const at of [...e.querySelectorAll("*"), e]) {
      for (const node of at.childNodes) if (node.nodeType === Node.TEXT_NODE) node.data = zoned(node.data);
    }
  }
  for (const e of within.querySelectorAll(".timeline[aria-label], .chart[aria-label]")) e.setAttribute("aria-label", zoned(e.getAttribute("aria-label")));
  for (const field of within.querySelectorAll("input[type=datetime-local]")) {
    field.closest("label").querySelector(".utc")?.remove();
    if (field.value && !inUTC) field.value = formats.minute.format(new Date(field.value + "Z")).replace(" ", "T");
  }
}

// skipped names the times around one that daylight saving skips, "" if it does not.
function skipped(value) {
  const wanted = value.replace("T", " ");
  let after = new Date(value);
  if (inUTC || Number.isNaN(after.getTime()) || formats.minute.format(after) === wanted) return "";
  while (formats.minute.format(after - 60000) > wanted) after = new Date(after - 60000);
  const from = formats.time.format(after - 60000), to = formats.time.format(after);
  return `This time does not exist in ${timeZone}: after ${from} comes ${to}.`;
}

addEventListener("input", (e) => {
  if (e.target.type === "datetime-local") e.target.setCustomValidity(skipped(e.target.value));
});

// Forms send times in UTC, whatever zone the reader typed them in.
addEventListener("formdata", (e) => {
  for (const field of e.target.querySelectorAll("input[type=datetime-local]")) {
    const at = new Date(field.value + (inUTC ? "Z" : ""));
    if (!Number.isNaN(at.getTime())) e.formData.set(field.name, at.toISOString().slice(0, 16));
  }
});

const zoneSign = document.getElementById("zone");
zoneSign.textContent = timeZone;
if (ownZone !== "UTC") {
  zoneSign.disabled = false;
  zoneSign.title = inUTC ? `All times are in UTC. Show them in ${ownZone}` : `All times are in ${timeZone}. Show them in UTC`;
  zoneSign.addEventListener("click", () => {
    localStorage.setItem("numwatch-zone", inUTC ? "" : "UTC");
    location.reload();
  });
}
localise(document);
