// Copies a number to the clipboard. Without it the buttons do not exist.
"use strict";

document.documentElement.classList.add("copies");

async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Browsers give scripts a clipboard only on https and localhost.
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "hide";
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  if (!done) throw new Error("refused");
}

addEventListener("click", async (e) => {
  const button = e.target.closest("[data-copy]");
  if (!button) return;
  const said = button.querySelector(".hide");
  try {
    await copy(button.dataset.copy);
    button.classList.add("copied");
    said.textContent = "Copied " + button.dataset.copy;
  } catch {
    said.textContent = "Not copied: select it and press Ctrl+C";
  }
  button.focus({ preventScroll: true });
  setTimeout(() => {
    button.classList.remove("copied");
    said.textContent = "Copy " + button.dataset.copy;
  }, 2000);
});
