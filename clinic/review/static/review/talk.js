// The conversation page: keys for the next message and for corrections, new messages as they come, ready answers.
"use strict";
(() => {
  const said = document.getElementById("said");
  const live = document.getElementById("live");
  const typing = (event) => event.target.closest("input, textarea, select") || event.ctrlKey || event.metaKey || event.altKey;
  const people = () => [...said.querySelectorAll(".person")];
  const current = () => document.activeElement?.closest?.(".person");

  const step = (by) => {
    const all = people();
    if (!all.length) return;
    const here = all.indexOf(current());
    const next = all[Math.min(all.length - 1, Math.max(0, here < 0 ? (by > 0 ? 0 : all.length - 1) : here + by))];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  };
  const press = (selector) => {
    const button = current()?.querySelector(selector);
    if (button) button.click();
  };

  document.addEventListener("keydown", (event) => {
    if (typing(event)) {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.id === "write") event.target.form.requestSubmit();
      else if (event.key === "Escape") event.target.blur();
      return;
    }
    const acts = {
      j: () => document.getElementById("older")?.click(),
      k: () => document.getElementById("newer")?.click(),
      n: () => step(1),
      p: () => step(-1),
      e: () => document.getElementById("reviewed")?.click(),
      i: () => document.getElementById("back")?.click(),
      c: () => {
        const box = current()?.querySelector(".otherwise");
        if (box) {
          box.open = true;
          box.querySelector("select").focus();
        }
      },
    };
    if (acts[event.key]) acts[event.key]();
    else if (/^[0-3+t]$/.test(event.key)) press(`[data-key="${event.key === "+" ? "\\+" : event.key}"]`);
    else return;
    event.preventDefault();
  });

  const canned = document.getElementById("canned");
  canned?.addEventListener("change", () => {
    const box = document.getElementById("write");
    if (canned.value) box.value = box.value ? `${box.value}\n${canned.value}` : canned.value;
    canned.value = "";
    box.focus();
  });

  // A reload that follows a correction keeps the message in focus, so that the next key goes to it.
  const wanted = location.hash && document.querySelector(location.hash.replace(/[^#\w-]/g, ""));
  if (wanted?.matches?.(".person")) wanted.focus();

  let last = Number(said.dataset.last) || 0;
  const source = new EventSource(`${said.dataset.live}?after=${last}`);
  source.addEventListener("said", (event) => {
    const row = JSON.parse(event.data);
    if (row.event <= last) return;
    last = row.event;
    // Our own template, in which everything a person wrote is escaped.
    const piece = new DOMParser().parseFromString(`<ol>${row.html}</ol>`, "text/html").querySelector("li");
    if (!piece || document.getElementById(piece.id)) return;
    const near = window.innerHeight + window.scrollY > document.body.scrollHeight - 300;
    said.append(document.adoptNode(piece));
    live.textContent = { person: "The person wrote", bot: "The assistant answered", staff: "Staff wrote" }[row.who] || "";
    if (near) piece.scrollIntoView({ block: "nearest" });
  });
  source.addEventListener("ended", () => {
    source.close();
    live.textContent = "You have been logged out.";
  });
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) live.textContent = "New messages are not shown now. Load the page again.";
  });
  window.addEventListener("pagehide", () => source.close());
})();
