// The leaderboard: sorted by a column, filtered by name, showing one measure at a time.

const LOW_IS_GOOD = new Set(["rank", "name"]);

function board() {
  const table = byId("board");
  const rows = new Map(report.board.rows.map((/** @type {any} */ row) => [row.id, row]));
  const bodies = [...table.tBodies];
  const lines = bodies.flatMap((body) => [...body.querySelectorAll("tr[data-row]")]);
  const homes = new Map(lines.map((tr) => [tr, tr.parentElement]));
  const state = { key: "rank", up: true, sorted: false };
  const together = document.createElement("tbody");
  together.hidden = true;
  table.tBodies[0].before(together);

  /** @param {HTMLElement} tr @param {string} key */
  const value = (tr, key) => {
    const row = rows.get(tr.dataset.row);
    if (key === "name") return row.name.toLowerCase();
    if (key === "rank") return row.rank ? row.rank.rank - (row.macro?.value ?? 0) : null;
    return measured(row, key, measure())?.value ?? null;
  };

  const arrange = () => {
    const grouped = byId("grouped").checked;
    const ordered = state.sorted || !grouped ? [...lines].sort((a, b) => compare(value(a, state.key), value(b, state.key), state.up)) : lines;
    for (const tr of ordered) (grouped ? homes.get(tr) : together).append(tr);
    together.hidden = grouped;
    filter();
  };

  const filter = () => {
    const wanted = byId("board-search").value.trim().toLowerCase();
    let shown = 0;
    for (const tr of lines) {
      const row = rows.get(tr.dataset.row);
      tr.hidden = wanted !== "" && !`${row.name} ${row.model} ${row.run}`.toLowerCase().includes(wanted);
      shown += tr.hidden ? 0 : 1;
    }
    for (const body of bodies) body.hidden = !byId("grouped").checked || ![...body.querySelectorAll("tr[data-row]")].some((tr) => !tr.hidden);
    byId("board-status").textContent = wanted ? `${shown} of ${lines.length} models` : "";
  };

  for (const head of table.tHead.querySelectorAll("th[data-sort]")) {
    const button = make("button", { type: "button" }, ...head.childNodes);
    head.append(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const key = head.dataset.sort;
      state.up = state.sorted && state.key === key ? !state.up : LOW_IS_GOOD.has(key);
      state.key = key;
      state.sorted = true;
      for (const other of table.tHead.querySelectorAll("th[data-sort]")) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", state.up ? "ascending" : "descending");
      arrange();
      byId("board-status").textContent = `Sorted by ${line(button.textContent)}, ${state.up ? "ascending" : "descending"}`;
    });
  }
  byId("board-search").addEventListener("input", filter);
  byId("grouped").addEventListener("change", arrange);
  byId("measure").addEventListener("change", () => {
    for (const tr of lines) for (const td of tr.querySelectorAll("td[data-key]")) show(td, rows.get(tr.dataset.row));
    if (state.sorted) arrange();
  });
}

/** @returns {string} */
const measure = () => byId("measure").querySelector("input:checked").value;

/** One measure of a row in a column: a value, with its ends where it has them. @param {any} row @param {string} key @param {string} which */
function measured(row, key, which) {
  if (key === "macro") return which === report.board.parse_mode ? row.macro : average(row, which);
  const cell = row.cells[key];
  if (!cell) return null;
  return which === "strict" || which === "lenient" ? cell[which] : { value: cell[which] };
}

/** The plain mean over the averaged columns, for measures that carry no interval. @param {any} row @param {string} which */
function average(row, which) {
  const cells = report.board.macro_columns.map((/** @type {string} */ key) => measured(row, key, which));
  if (cells.some((/** @type {any} */ cell) => !cell)) return null;
  return { value: cells.reduce((/** @type {number} */ sum, /** @type {any} */ cell) => sum + cell.value, 0) / cells.length };
}

/** @param {HTMLElement} td @param {any} row */
function show(td, row) {
  const which = measure();
  const key = td.dataset.key ?? "";
  const found = measured(row, key, which);
  const cell = row.cells[key];
  td.classList.toggle("leads", which === report.board.parse_mode && Boolean((cell ?? row.macro)?.leads));
  td.replaceChildren(found ? make("span", { class: "value" }, percent(found.value)) : make("span", { class: "none" }, "–"));
  if (found && cell?.differs.length) /** @type {Element} */ (td.firstChild).append(make("span", { class: "mark", title: `other ${cell.differs.join(", ").replaceAll("_digest", "")}` }, "*"));
  if (found && found.low !== undefined) td.append(" ", make("span", { class: "ends" }, `${percent(found.low)}–${percent(found.high)}`));
}

/** Order with what is missing last. @param {any} a @param {any} b @param {boolean} up */
function compare(a, b, up) {
  if (a === null || b === null) return (a === null ? 1 : 0) - (b === null ? 1 : 0);
  return (a < b ? -1 : a > b ? 1 : 0) * (up ? 1 : -1);
}
