// Plots: drawn when they come near, in the page's colours, and again when those change.

/** A figure with its colour roles filled in. @param {any} part @param {CSSStyleDeclaration} style @returns {any} */
function coloured(part, style) {
  if (typeof part === "string") return part.startsWith("$") ? style.getPropertyValue(`--${part.slice(1)}`).trim() : part;
  if (Array.isArray(part)) return part.map((each) => coloured(each, style));
  if (part && typeof part === "object") return Object.fromEntries(Object.entries(part).map(([name, each]) => [name, coloured(each, style)]));
  return part;
}

/** Width of a printed plot in pixels: that of a portrait page. */
const PAPER = 680;
/** @type {Set<() => void>} */
const drawn = new Set();

/** @param {any} section */
function charts(section) {
  const root = byId(section.id);
  const select = root.querySelector("select");
  const plot = root.querySelector(".plot");
  const place = root.querySelector("details .scroll");
  let near = false;

  const draw = (/** @type {boolean} */ paper = false) => {
    const chart = section.charts[select ? Number(select.value) : 0];
    const { data, layout, minWidth, maxWidth } = coloured(chart.figure, getComputedStyle(document.documentElement));
    const narrow = plot.parentElement.clientWidth < 560;
    if (narrow) shorten(layout.yaxis);
    plot.style.maxWidth = maxWidth ? `${maxWidth}px` : "";
    if (paper) layout.width = PAPER;
    plot.style.minWidth = minWidth && !paper ? `${minWidth}px` : "";
    layout.font.family = getComputedStyle(document.body).fontFamily;
    /** @type {any} */ (window).Plotly.react(plot, data, layout, { displayModeBar: false, responsive: true });
    // The plot's words are its label and the table below it; its own pieces would be read out without sense.
    for (const piece of document.querySelectorAll("#js-plotly-tester, .plot svg")) piece.setAttribute("aria-hidden", "true");
  };
  const update = () => {
    const chart = section.charts[select ? Number(select.value) : 0];
    plot.setAttribute("aria-label", chart.alt);
    place.replaceChildren(tabulated(chart));
    root.querySelector("details .small").textContent = chart.note;
    if (near) draw();
  };
  select?.addEventListener("change", update);
  update();
  new IntersectionObserver((seen, observer) => {
    if (!seen.some((each) => each.isIntersecting)) return;
    observer.disconnect();
    near = true;
    draw();
    drawn.add(() => draw());
  }, { rootMargin: "600px" }).observe(plot);
  window.addEventListener("beforeprint", () => {
    if (!near) drawn.add(() => draw());
    near = true;
    draw(true);
  });
}

/** @param {any} axis */
function shorten(axis) {
  if (axis?.ticktext) axis.ticktext = axis.ticktext.map((/** @type {string} */ name) => (name.length > 18 ? `${name.slice(0, 17)}…` : name));
}

/** @param {any} chart @returns {HTMLElement} */
function tabulated(chart) {
  const numeric = chart.head.map((/** @type {string} */ _, /** @type {number} */ place) => place > 0 && chart.rows.every((/** @type {string[]} */ row) => /^([-+−<(]? ?\d|–$)/.test(row[place])));
  const kind = (/** @type {number} */ place) => (numeric[place] ? "num" : place === 0 ? "name" : "");
  const head = make("tr", {}, ...chart.head.map((/** @type {string} */ text, /** @type {number} */ place) => make("th", { scope: "col", class: kind(place) }, line(text))));
  const rows = chart.rows.map((/** @type {string[]} */ row) =>
    make("tr", {}, ...row.map((text, place) => make(place === 0 ? "th" : "td", place === 0 ? { scope: "row", class: "name" } : { class: kind(place) }, line(text))))
  );
  return make("table", { class: "data" }, make("thead", {}, head), make("tbody", {}, ...rows));
}

/** Called once Plotly is there. */
function plots() {
  for (const section of report.sections) charts(section);
  const again = () => drawn.forEach((draw) => draw());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  window.addEventListener("afterprint", again);
}
