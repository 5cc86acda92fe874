"use strict";
// Keeps what is shown up to date, without disturbing whoever is typing or has the focus there.
const PAUSE = 3000;

function label(element) {
  const id = element.id.slice("state-".length);
  const name = document.getElementById("name-" + id) || document.querySelector("h1");
  return (name ? name.textContent : id) + ": " + element.textContent.trim();
}

function replace(present, next) {
  if (present.innerHTML === next.innerHTML || present.contains(document.activeElement)) return;
  const word = (element) => (element.querySelector("span, a") || element).textContent;
  const isNews = present.id.startsWith("state-") && word(present) !== word(next);
  present.replaceChildren(...document.importNode(next, true).childNodes);
  if (isNews) document.getElementById("news").textContent = label(present);
}

async function refresh() {
  try {
    const response = await fetch(location.pathname, { headers: { Accept: "text/html" } });
    if (response.redirected) return location.reload();
    if (!response.ok) return;
    const next = new DOMParser().parseFromString(await response.text(), "text/html");
    const ids = (root) => [...root.querySelectorAll("[data-live]")].map((element) => element.id).join();
    const rows = document.getElementById("integrations");
    if (rows && ids(document) !== ids(next)) return replace(rows, next.getElementById("integrations"));
    for (const element of document.querySelectorAll("[data-live]")) {
      const other = next.getElementById(element.id);
      if (other) replace(element, other);
    }
  } catch {
    // The server is away for a moment, or for good; the page stays as it is.
  }
}

if (document.querySelector("[data-live], #integrations")) setInterval(() => document.hidden || refresh(), PAUSE);
