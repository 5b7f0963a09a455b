"use strict";
(() => {
  const root = document.documentElement, theme = document.getElementById("theme");
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ?? (prefersDark.matches ? "dark" : "light")) === "dark";
  const tell = () => { theme.textContent = isDark() ? "light" : "dark"; };
  function paint(wanted) {
    if (["light", "dark"].includes(wanted)) root.dataset.theme = wanted; else delete root.dataset.theme;
    tell();
  }
  theme.addEventListener("click", () => {
    paint(isDark() ? "light" : "dark");
    try { localStorage.setItem("parity theme", root.dataset.theme); } catch { /* nothing to keep it in */ }
  });
  prefersDark.addEventListener("change", tell);
  let kept;
  try { kept = localStorage.getItem("parity theme"); } catch { /* as above */ }
  paint(kept);
  theme.hidden = false;

  for (const button of document.querySelectorAll("button.copy")) {
    const code = button.parentElement.querySelector("code"), label = button.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      let done = true;
      try { await navigator.clipboard.writeText(code.textContent); } catch {
        // Browsers keep the clipboard from some pages; a selection is what is left, and the user copies it.
        getSelection().selectAllChildren(code);
        done = document.execCommand("copy");
      }
      button.textContent = done ? "copied" : "selected";
      setTimeout(() => { button.textContent = label; }, 2000);
    });
  }

  // Browsers without ::details-content print a closed one closed.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const each of opened) each.open = true;
  });
  addEventListener("afterprint", () => { for (const each of opened) each.open = false; });
})();
