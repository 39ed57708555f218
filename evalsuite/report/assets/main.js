// What happens on opening the page, and on following a link inside it.

/** @type {any} */ (window).evalsuite = { put, plots };

const items = report.items.length ? new Items() : null;
const view = items ? new ItemView(items) : null;

/** #section goes to a section, #run-… opens a run card, #task/item/model an item; going back closes it. */
function followHash() {
  /** @type {string[]} */
  let parts = [""];
  try {
    parts = location.hash.slice(1).split("/").map(decodeURIComponent);
  } catch {
    // An unknown address is ignored.
  }
  if (parts.length > 1) view?.follow(parts);
  else view?.dialog.close();
  if (parts[0].startsWith("run-")) {
    const card = byId(parts[0]);
    if (card) card.open = true;
    card?.scrollIntoView();
  }
}

/** Load the first task's items when their table comes near, not before. */
function awaken() {
  const section = byId("items");
  if (!items || !section) return;
  new IntersectionObserver((seen, observer) => {
    if (!seen.some((each) => each.isIntersecting)) return;
    observer.disconnect();
    if (!items.card) items.choose(report.items[0].id);
  }, { rootMargin: "400px" }).observe(section);
}

board();
awaken();
document.documentElement.classList.add("ready");
window.addEventListener("hashchange", followHash);
followHash();
window.addEventListener("beforeprint", () => document.querySelectorAll("main > section > details").forEach((each) => (/** @type {any} */ (each).open = true)));
