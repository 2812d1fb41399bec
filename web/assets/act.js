// Sends forms without leaving the page, asks for a name once, where it is needed, and
// selects several rows at once. Forms work without it.
"use strict";

const said = document.getElementById("said");
const asking = document.getElementById("ask-name");

// name returns the user's name, "" if none is given.
async function name(form) {
  const by = form.elements.by;
  if (!by || by.type === "hidden" && by.value) return by ? by.value : "-";
  if (by.value.trim()) return by.value;
  if (!asking) return "";
  asking.returnValue = "";
  asking.showModal();
  await new Promise((done) => asking.addEventListener("close", done, { once: true }));
  if (asking.returnValue !== "ok") return "";
  const given = asking.querySelector("input").value.trim();
  for (const field of document.querySelectorAll("[name=by]")) field.value = given;
  return given;
}

function tell(text) {
  const note = document.createElement("div");
  note.className = "notice toast dire";
  note.textContent = text;
  said.replaceChildren(note);
}

document.addEventListener("submit", async (e) => {
  const form = e.target, button = e.submitter;
  if (!("inPlace" in form.dataset || button && "inPlace" in button.dataset) || (button && button.formMethod === "get")) return;
  e.preventDefault();
  if (!(await name(form))) return;
  const body = new URLSearchParams(new FormData(form, button));
  const action = (button && button.getAttribute("formaction")) || form.getAttribute("action");
  if (button) button.disabled = true;
  try {
    const answer = await fetch(new URL(action, location.href), { method: "POST", body, headers: { "X-In-Place": "1", Accept: "text/html" } });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
    const note = new DOMParser().parseFromString(text, "text/html").querySelector(".notice");
    said.replaceChildren(document.adoptNode(note));
    for (const box of document.querySelectorAll("main input[type=checkbox]:checked")) box.checked = false;
    count();
    await refresh(true);
  } catch (err) {
    tell(`numwatch did not answer: ${err.message}. The change may not have been made; try again.`);
  } finally {
    if (button) button.disabled = false;
  }
});

// The boxes of rows, of groups and of all.
const rows = (within) => [...within.querySelectorAll("input.pick[name=id]:not(:disabled)")];

function count() {
  const all = rows(document), chosen = all.filter((b) => b.checked);
  const top = document.getElementById("all");
  if (!top) return;
  top.checked = chosen.length > 0 && chosen.length === all.length;
  top.indeterminate = chosen.length > 0 && !top.checked;
  document.getElementById("selected").textContent = chosen.length ? `${chosen.length} selected` : "all";
  document.getElementById("decide").classList.toggle("chosen", chosen.length > 0);
  for (const group of document.querySelectorAll("input[data-all]")) {
    const own = rows(group.closest(".group")), some = own.filter((b) => b.checked);
    group.checked = own.length > 0 && some.length === own.length;
    group.indeterminate = some.length > 0 && !group.checked;
  }
}

let last = null; // the box that was ticked last, for a range with Shift

document.addEventListener("click", (e) => {
  const box = e.target;
  if (!(box instanceof HTMLInputElement) || box.type !== "checkbox") return;
  if (box.id === "all") for (const b of rows(document)) b.checked = box.checked;
  if ("all" in box.dataset) for (const b of rows(box.closest(".group"))) b.checked = box.checked;
  if (box.name === "id") {
    const all = rows(document);
    if (e.shiftKey && last && all.includes(last)) {
      const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
      for (const b of all.slice(from, to + 1)) b.checked = box.checked;
    }
    last = box;
  }
  count();
});

function reveal() {
  for (const e of document.querySelectorAll("label.all, input[data-all]")) e.hidden = false;
  count();
}

document.addEventListener("shown", reveal);
reveal();
