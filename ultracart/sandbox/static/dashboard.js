// The live part of the sandbox's page: follows what changes, and copies to the clipboard.
"use strict";
(() => {
  const live = document.getElementById("live");
  const told = document.getElementById("told");
  const shown = new Map(); // the HTML of each part as it stands in the page
  const waiting = new Map(); // parts that change once the person has left them
  let seen = document.body.dataset.seen;

  const pause = (milliseconds) => new Promise((go) => setTimeout(go, milliseconds));

  function show(part, html) {
    const place = document.getElementById(`part-${part}`);
    if (!place || shown.get(part) === html) return;
    const focused = place.contains(document.activeElement) ? document.activeElement : null;
    if (focused && focused.matches("select, input")) {
      waiting.set(part, html);
      return;
    }
    waiting.delete(part);
    shown.set(part, html);
    const scrolled = place.querySelector(".scroll")?.scrollTop ?? 0;
    place.innerHTML = html;
    const scroll = place.querySelector(".scroll");
    if (scroll) scroll.scrollTop = scrolled;
    if (focused && focused.id) document.getElementById(focused.id)?.focus({ preventScroll: true });
  }

  function mark(words, state) {
    if (live.textContent === words) return;
    live.textContent = words;
    live.dataset.state = state;
  }

  async function follow() {
    for (;;) {
      try {
        const response = await fetch(`/console/live?seen=${encodeURIComponent(seen)}`);
        if (!response.ok) throw new Error(String(response.status));
        const news = await response.json();
        seen = news.seen;
        for (const [part, html] of Object.entries(news.parts)) show(part, html);
        mark("Live", "on");
      } catch {
        mark("The sandbox does not respond", "off");
        await pause(1000);
      }
    }
  }

  async function copy(text, button, words) {
    await navigator.clipboard.writeText(text);
    told.textContent = "";
    const before = button.innerHTML;
    button.textContent = "Copied";
    told.textContent = words;
    setTimeout(() => { button.innerHTML = before; }, 1500);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copy(button.dataset.copy, button, "Copied.");
  });

  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("[data-token]");
    if (!form) return;
    event.preventDefault();
    try {
      const response = await fetch(form.action, {
        method: "POST",
        headers: { Accept: "text/plain" },
        body: new URLSearchParams(new FormData(form)),
      });
      if (!response.ok) throw new Error(String(response.status));
      const line = await response.text();
      await copy(line, form.querySelector("button"), "Copied a header line for curl -H @-.");
    } catch {
      form.submit(); // the page that shows the line
    }
  });

  document.addEventListener("focusout", () => {
    setTimeout(() => { for (const [part, html] of [...waiting]) show(part, html); });
  });

  for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
  if (location.search) history.replaceState(null, "", location.pathname + location.hash);
  mark("Live", "on");
  follow();
})();
