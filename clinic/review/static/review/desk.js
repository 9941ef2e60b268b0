// Keys of the lists, questions before what cannot be undone, and what forms need on every page of the desk.
"use strict";
(() => {
  const typing = (event) => event.target.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]") || event.ctrlKey || event.metaKey || event.altKey;
  const rows = [...document.querySelectorAll("[data-talk]")];
  let at = -1;

  const go = (step) => {
    if (!rows.length) return;
    rows[at]?.classList.remove("at");
    at = Math.min(rows.length - 1, Math.max(0, at + step));
    rows[at].classList.add("at");
    rows[at].querySelector("a").focus();
  };
  rows.forEach((row, index) => row.addEventListener("focusin", () => {
    rows[at]?.classList.remove("at");
    at = index;
    row.classList.add("at");
  }));

  document.addEventListener("keydown", (event) => {
    if (typing(event)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const tick = rows[at]?.querySelector("input[type=checkbox]");
    const acts = {
      j: () => rows.length && go(1),
      k: () => rows.length && go(-1),
      x: () => tick && (tick.checked = !tick.checked),
      e: () => {
        const bulk = document.getElementById("bulk");
        if (!bulk || !tick) return false;
        if (!bulk.querySelector("input[name=talk]:checked")) tick.checked = true;
        bulk.querySelector("button[value=reviewed]").click();
      },
      "/": () => document.getElementById("q")?.focus(),
    };
    const act = document.body.contains(document.getElementById("said")) ? null : acts[event.key];
    if (act && act() !== false) event.preventDefault();
  });

  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (button?.dataset.ask && !window.confirm(button.dataset.ask)) {
      event.preventDefault();
      return;
    }
    // A second press must not send a form twice.
    if (event.target.method === "post") {
      if (event.target.dataset.sent) event.preventDefault();
      event.target.dataset.sent = "yes";
      setTimeout(() => delete event.target.dataset.sent, 4000);
    }
  });
})();
