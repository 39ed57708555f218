// The table of items: one task, one run, perhaps another beside it; a page of rows at a time.

const PAGE = 50;
const STRIPE = 20000;

class Items {
  constructor() {
    /** @type {any} */ this.itemSet = null;
    /** @type {any} */ this.items = null;
    this.a = /** @type {Verdicts} */ (/** @type {unknown} */ (null));
    /** @type {Verdicts|null} */ this.b = null;
    /** Rows that pass, as numbers of item and response. @type {[number, number][]} */ this.found = [];
    this.page = 0;
    this.turn = 0;
    this.names = new Map(report.board.rows.map((/** @type {any} */ row) => [row.id, row.name]));
    options(byId("items-task"), report.items.map((/** @type {any} */ itemSet) => [itemSet.id, itemSet.id]));
    byId("items-task").addEventListener("change", () => this.choose(byId("items-task").value));
    for (const id of ["items-a", "items-b", "items-filter", "items-deep"]) byId(id).addEventListener("change", () => this.refresh());
    let typing = 0;
    byId("items-search").addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => this.refresh(), 200);
    });
    byId("items-back").addEventListener("click", () => this.turnTo(this.page - 1));
    byId("items-next").addEventListener("click", () => this.turnTo(this.page + 1));
    byId("items-table").tBodies[0].addEventListener("click", (/** @type {any} */ event) => this.open(event.target.closest("tr")));
    byId("items-table").tBodies[0].addEventListener("keydown", (/** @type {any} */ event) => this.key(event));
  }

  /** Show a task; `a` is the run to show, if the task has it. @param {string} id @param {string} [a] */
  async choose(id, a) {
    this.itemSet = report.items.find((/** @type {any} */ itemSet) => itemSet.id === id) ?? report.items[0];
    byId("items-task").value = this.itemSet.id;
    const runs = report.board.rows.filter((/** @type {any} */ row) => row.id in this.itemSet.runs).map((/** @type {any} */ row) => [row.id, line(row.name, 60)]);
    const kept = [a ?? byId("items-a").value, byId("items-b").value];
    options(byId("items-a"), runs, kept[0]);
    options(byId("items-b"), [["", "nothing"], ...runs], kept[1]);
    await this.refresh();
  }

  /** Find the rows that pass; a later call makes an earlier one stop. */
  async refresh() {
    const turn = ++this.turn;
    const [a, b] = [byId("items-a").value, byId("items-b").value];
    const pair = b !== "" && b !== a;
    options(byId("items-filter"), FILTERS.filter((each) => pair || !each.pair).map((each) => [each.id, each.label]), byId("items-filter").value);
    byId("items-deep").disabled = byId("items-search").value.trim() === "";
    try {
      const [items, first, second] = await Promise.all([load(`${this.itemSet.id}/items`), this.verdicts(a), pair ? this.verdicts(b) : null]);
      if (turn !== this.turn) return;
      this.items = items;
      this.a = first;
      this.b = second;
      await this.search(turn);
    } catch (error) {
      if (turn === this.turn) this.fail(error);
    }
  }

  /** @param {string} run @returns {Promise<Verdicts>} */
  async verdicts(run) {
    return new Verdicts(run, await load(`${this.itemSet.id}/verdicts-${run}`));
  }

  /** @param {number} turn */
  async search(turn) {
    const words = byId("items-search").value.trim().toLowerCase();
    const deep = words && byId("items-deep").checked ? await this.responsesWith(words, turn) : null;
    const filter = byId("items-filter").value;
    const { a, b, items } = this;
    /** @type {[number, number][]} */
    const found = [];
    for (const [place, item] of this.order(items).entries()) {
      if (place % STRIPE === STRIPE - 1) await rest();
      if (turn !== this.turn) return;
      const named = !words || items.ids[item].toLowerCase().includes(words) || items.questions?.[item].toLowerCase().includes(words);
      for (let nth = 0; nth < a.count(item); nth++) {
        const row = a.row(item, nth);
        if (row === undefined || !(named || deep?.has(row))) continue;
        if (passes(filter, a, row, b, b?.row(item, nth) ?? b?.row(item, 0))) found.push([item, nth]);
      }
    }
    this.found = found;
    this.turnTo(0);
  }

  /** Items by their ids as people count: 9 before 10. @param {any} items @returns {number[]} */
  order(items) {
    if (!items.order) {
      const { compare } = new Intl.Collator("en", { numeric: true });
      items.order = items.ids.map((/** @type {string} */ _, /** @type {number} */ place) => place).sort((/** @type {number} */ x, /** @type {number} */ y) => compare(items.ids[x], items.ids[y]));
    }
    return items.order;
  }

  /** Rows whose response holds the words, file by file. @param {string} words @param {number} turn @returns {Promise<Set<number>>} */
  async responsesWith(words, turn) {
    const run = this.a.id;
    const { chunks } = this.itemSet.runs[run];
    const numbers = new Map(this.items.ids.map((/** @type {string} */ id, /** @type {number} */ place) => [id, place]));
    const rows = new Set();
    for (let chunk = 0; chunk < chunks && turn === this.turn; chunk++) {
      byId("items-status").textContent = `Searching responses: ${chunk + 1} of ${chunks} files`;
      for (const record of await request(`${this.itemSet.id}/responses-${run}-${chunk}`)) {
        if (String(record.text).toLowerCase().includes(words)) rows.add(this.a.row(numbers.get(record.item), record.rotation * this.a.columns.samples + record.sample));
      }
    }
    return rows;
  }

  /** @param {number} page */
  turnTo(page) {
    const pages = Math.max(1, Math.ceil(this.found.length / PAGE));
    this.page = Math.min(Math.max(0, page), pages - 1);
    const start = this.page * PAGE;
    const body = byId("items-table").tBodies[0];
    body.replaceChildren(...this.found.slice(start, start + PAGE).map((place, number) => this.line(place, start + number)));
    this.head();
    const total = this.a.rows;
    byId("items-page").textContent = this.found.length ? `${start + 1}–${Math.min(start + PAGE, this.found.length)} of ${this.found.length.toLocaleString("en")}` : "none";
    byId("items-status").textContent = `${this.found.length.toLocaleString("en")} of ${total.toLocaleString("en")} responses. ${this.itemSet.without ?? ""}`;
    byId("items-back").disabled = this.page === 0;
    byId("items-next").disabled = this.page === pages - 1;
  }

  head() {
    const { a, b } = this;
    const cells = [["Item", ""], ...(a.several ? [[a.moved ? "Response" : "Sample", "num"]] : []), ["Question", ""], ["Gold", ""], [this.names.get(a.id), ""], ...(b ? [[this.names.get(b.id), ""]] : []), ["Characters", "num"]];
    byId("items-table").tHead.replaceChildren(make("tr", {}, ...cells.map(([text, kind]) => make("th", { scope: "col", class: kind }, line(text, 40)))));
  }

  /** @param {[number, number]} place @param {number} number among what was found */
  line([item, nth], number) {
    const { a, b, items } = this;
    const row = /** @type {number} */ (a.row(item, nth));
    const beside = b?.row(item, nth) ?? b?.row(item, 0);
    const tr = make("tr", { tabindex: number % PAGE === 0 ? "0" : "-1", "data-found": String(number) });
    tr.append(make("th", { scope: "row" }, line(items.ids[item], 60)));
    if (a.several) tr.append(make("td", { class: "num" }, a.moved ? a.named(nth) : String(nth)));
    tr.append(make("td", { class: "question" }, items.questions ? line(items.questions[item]) : "–"), make("td", {}, line(items.gold[item], 40)), verdict(a, row));
    if (b) tr.append(verdict(b, beside));
    const length = a.columns.length[row];
    tr.append(make("td", { class: "num" }, length < 0 ? "–" : length.toLocaleString("en")));
    return tr;
  }

  /** @param {any} event */
  key(event) {
    const tr = event.target.closest("tr");
    if (event.key === "Enter") this.open(tr);
    const next = event.key === "ArrowDown" ? tr.nextElementSibling : event.key === "ArrowUp" ? tr.previousElementSibling : null;
    if (next) {
      tr.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    }
    if (next || event.key === "Enter") event.preventDefault();
  }

  /** @param {HTMLElement|null} tr */
  open(tr) {
    if (tr?.dataset.found !== undefined) location.hash = this.link(Number(tr.dataset.found));
  }

  /** Address of a row that was found: #task/item/model, with the response's number and the other model where there are such. @param {number} number */
  link(number) {
    const [item, nth] = this.found[number];
    const parts = [this.itemSet.id, this.items.ids[item], this.a.id, ...(nth || this.b ? [String(nth)] : []), ...(this.b ? [this.b.id] : [])];
    return `#${parts.map(encodeURIComponent).join("/")}`;
  }

  /** @param {any} error */
  fail(error) {
    this.found = [];
    byId("items-table").tBodies[0].replaceChildren();
    byId("items-page").textContent = "";
    byId("items-status").textContent = error.message;
  }
}

/** @param {Verdicts} run @param {number|undefined} row @returns {HTMLElement} */
function verdict(run, row) {
  if (row === undefined) return make("td", { class: "none" }, "not in this run");
  const right = run.right(row);
  const label = run.label(row) ?? String(run.status(row)).replace(/_/g, " ");
  return make("td", { class: right ? "right" : "wrong" }, `${right ? "✓" : "✗"} ${line(label, 40)}`);
}

/** Fill a select, keeping a choice that still exists. @param {any} select @param {string[][]} pairs @param {string} [kept] */
function options(select, pairs, kept) {
  select.replaceChildren(...pairs.map(([value, text]) => make("option", { value }, text)));
  if (pairs.some(([value]) => value === kept)) select.value = kept;
}

/** Let the page breathe. @returns {Promise<void>} */
const rest = () => new Promise((resolve) => setTimeout(resolve));
