"use strict";
// Refreshes the page in place. An element that has the focus is left alone, so that typing is not disturbed.
const REFRESH_MS = 3000;

function label(element) {
  const id = element.id.slice("state-".length);
  const name = document.getElementById("name-" + id) || document.querySelector("h1");
  return (name ? name.textContent : id) + ": " + element.textContent.trim();
}

function replace(current, next) {
  if (current.innerHTML === next.innerHTML || current.contains(document.activeElement)) return;
  const word = (element) => (element.querySelector("span, a") || element).textContent;
  const isNewState = current.id.startsWith("state-") && word(current) !== word(next);
  current.replaceChildren(...document.importNode(next, true).childNodes);
  if (isNewState) document.getElementById("news").textContent = label(current);
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
    // The server is not reachable; the page stays as it is until the next refresh.
  }
}

if (document.querySelector("[data-live], #integrations")) setInterval(() => document.hidden || refresh(), REFRESH_MS);
