// Opens the chat from the page's own buttons, and an answer that an address names.
"use strict";

for (const opener of document.querySelectorAll("[data-chat]")) {
  opener.addEventListener("click", (event) => {
    const chat = document.querySelector("stria-chat");
    if (!chat || typeof chat.show !== "function") return; // then it is a link to where we are
    event.preventDefault();
    chat.show();
  });
}

const menu = document.querySelector(".fold");
menu?.addEventListener("click", (event) => {
  if (event.target.closest("a")) menu.open = false;
});
menu?.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !menu.open) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

const unfold = () => {
  const named = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (named instanceof HTMLDetailsElement) {
    named.open = true;
    named.scrollIntoView();
  }
};
addEventListener("hashchange", unfold);
unfold();
