// One item: its question, the gold label, and each run's response with the span that was read.

class ItemView {
  /** @param {Items} items */
  constructor(items) {
    this.items = items;
    this.at = -1;
    this.turn = 0;
    this.dialog = byId("item");
    byId("item-close").addEventListener("click", () => this.dialog.close());
    byId("item-back").addEventListener("click", () => this.step(-1));
    byId("item-next").addEventListener("click", () => this.step(1));
    byId("item-link").addEventListener("click", () => navigator.clipboard?.writeText(location.href));
    this.dialog.addEventListener("close", () => this.closed());
    this.dialog.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "ArrowLeft") this.step(-1);
      if (event.key === "ArrowRight") this.step(1);
    });
  }

  /** Follow a link: task, item, model, number of the response, other model. @param {string[]} parts */
  async follow([task, id, model, nth, other]) {
    const { items } = this;
    if (!report.items.some((/** @type {any} */ itemSet) => itemSet.id === task)) return this.missing(`There is no task ${line(task, 60)} in this report.`);
    if (!this.shows(task, model, other)) {
      options(byId("items-filter"), [["all", "all"]]);
      byId("items-search").value = "";
      await items.choose(task, model);
      if (other && byId("items-b").value !== other) {
        byId("items-b").value = other;
        await items.refresh();
      }
    }
    if (!items.items) return undefined;
    const number = items.items.ids.indexOf(id);
    if (number < 0 || items.a.id !== (model ?? items.a.id)) return this.missing(`${line(task, 60)} has no ${number < 0 ? `item ${line(id, 60)}` : `run ${line(model, 60)}`} in this report.`);
    return this.show(number, Number(nth) || 0);
  }

  /** @param {string} task @param {string} [model] @param {string} [other] */
  shows(task, model, other) {
    const { itemSet, items, a, b } = this.items;
    return items && itemSet?.id === task && a?.id === model && (b?.id ?? undefined) === other;
  }

  /** @param {number} item @param {number} nth */
  async show(item, nth) {
    const { items, itemSet, a, b } = this.items;
    this.at = this.items.found.findIndex(([x, y]) => x === item && y === nth);
    byId("item-title").textContent = `${itemSet.id} · ${line(items.ids[item], 60)}${a.several ? ` · ${a.named(nth)}` : ""}`;
    byId("item-back").disabled = this.at <= 0;
    byId("item-next").disabled = this.at < 0 || this.at === this.items.found.length - 1;
    if (!this.dialog.open) this.dialog.showModal();
    const turn = ++this.turn;
    const parts = await Promise.all([this.question(item), this.answer(a, item, nth), b ? this.answer(b, item, b.row(item, nth) === undefined ? 0 : nth) : null]);
    if (turn !== this.turn) return;
    byId("item-body").replaceChildren(parts[0], make("div", { class: "answers" }, parts[1], ...(parts[2] ? [parts[2]] : [])));
    this.dialog.scrollTop = 0;
  }

  /** @param {number} item @returns {Promise<HTMLElement>} */
  async question(item) {
    const { itemSet, items } = this.items;
    const gold = items.gold[item];
    if (!items.questions || !items.questions[item]) {
      return make("div", {}, make("p", { class: "small" }, itemSet.without ?? "This item isn't in the data at hand."), make("p", {}, "Gold: ", make("strong", {}, readable(gold))));
    }
    const file = await load(`${itemSet.id}/prompts-${Math.floor(item / itemSet.slice)}`).catch((error) => ({ error }));
    if (file.error) return make("p", {}, file.error.message);
    const shown = file.items[item % itemSet.slice];
    // The page is in English, its items need not be: a screen reader and the direction of writing go by theirs.
    const box = make("div", { lang: itemSet.language });
    for (const [heading, text] of shown.context) box.append(make("p", { class: "prose", dir: "auto" }, make("strong", {}, readable(heading)), " ", readable(text)));
    box.append(make("p", { class: "prose", dir: "auto" }, readable(shown.question)));
    const list = make("ul", { class: "options" });
    for (const [label, text] of shown.options) list.append(make("li", label === gold ? { class: "gold" } : {}, make("strong", {}, readable(label)), make("span", { dir: "auto" }, readable(text))));
    const about = Object.entries(shown.meta).map(([key, value]) => `${line(key, 40)}: ${line(String(value), 80)}`);
    box.append(list, make("p", { class: "small", lang: "en" }, about.join(" · ")));
    return box;
  }

  /** @param {Verdicts} run @param {number} item @param {number} nth @returns {Promise<HTMLElement>} */
  async answer(run, item, nth) {
    const box = make("article", { class: "answer" }, make("h3", {}, line(this.items.names.get(run.id), 120)));
    const row = run.row(item, nth);
    if (row === undefined) return append(box, make("p", {}, "This run didn't answer this item."));
    const [rotation, sample] = run.place(nth);
    box.append(verdictList(run, row));
    if (rotation) box.append(make("p", { class: "small" }, `The options were shown moved up by ${rotation}: labels in the response are those of its prompt, the verdicts are in the item's own.`));
    const chunk = run.columns.chunk[row];
    if (chunk < 0) return append(box, make("p", {}, "No response is kept."));
    const { itemSet, items } = this.items;
    const records = await load(`${itemSet.id}/responses-${run.id}-${chunk}`).catch((error) => ({ error }));
    if (records.error) return append(box, make("p", {}, records.error.message));
    const record = records.find((/** @type {any} */ each) => each.item === items.ids[item] && each.rotation === rotation && each.sample === sample);
    if (!record) return append(box, make("p", {}, "No response is kept."));
    box.append(...response(record, run.span(row, false) ?? run.span(row, true), itemSet.language), await this.prompt(run, item, rotation), measures(record));
    return box;
  }

  /** @param {Verdicts} run @param {number} item @param {number} rotation @returns {Promise<HTMLElement>} */
  async prompt(run, item, rotation) {
    const { itemSet } = this.items;
    const slot = itemSet.runs[run.id].prompt;
    const file = slot === null ? null : await load(`${itemSet.id}/prompts-${Math.floor(item / itemSet.slice)}`).catch(() => null);
    const messages = file?.prompts[slot]?.[item % itemSet.slice];
    if (!messages) return make("p", { class: "small" }, itemSet.without ? "The prompt can't be rendered without the task's data." : "Another prompt than the task's own, which isn't kept.");
    return make("details", {}, make("summary", {}, rotation ? "Prompt, before its options were moved" : "Prompt"), ...messages.map((/** @type {any} */ each) => make("pre", { lang: itemSet.language, dir: "auto" }, readable(messages.length > 1 ? `[${each.role}]\n${each.content}` : each.content))));
  }

  /** @param {number} by */
  step(by) {
    const next = this.at + by;
    if (this.at >= 0 && next >= 0 && next < this.items.found.length) history.replaceState(null, "", this.items.link(next));
    else return;
    followHash();
  }

  /** @param {string} message */
  missing(message) {
    byId("item-title").textContent = "Not in this report";
    byId("item-body").replaceChildren(make("p", {}, message));
    byId("item-back").disabled = byId("item-next").disabled = true;
    this.at = -1;
    if (!this.dialog.open) this.dialog.showModal();
  }

  /** Back to the row that was open, on its page. */
  closed() {
    history.replaceState(null, "", "#items");
    if (this.at < 0) return;
    this.items.turnTo(Math.floor(this.at / PAGE));
    byId("items-table").querySelector(`tr[data-found="${this.at}"]`)?.focus();
  }
}

/** @param {HTMLElement} box @param {Node} child */
function append(box, child) {
  box.append(child);
  return box;
}

/** Both parses of a response. @param {Verdicts} run @param {number} row @returns {HTMLElement} */
function verdictList(run, row) {
  const list = make("dl", { class: "verdicts" });
  for (const name of ["strict", "lenient"]) {
    const [right, label] = [run.right(row, name), run.label(row, name)];
    const shown = label === null ? String(run.status(row, name)).replace(/_/g, " ") : label;
    const form = name === "lenient" && label !== null ? run.text("form", row) : null;
    list.append(make("dt", {}, name), make("dd", {}, make("strong", { class: right ? "right" : "wrong" }, `${right ? "✓" : "✗"} `, readable(shown)), form ? ` read as ${line(form, 60)}` : ""));
  }
  return list;
}

/** The response with its span marked; reasoning before the answer is folded. @param {any} record @param {[number, number]|null} span @param {string} language @returns {HTMLElement[]} */
function response(record, span, language) {
  const points = Array.from(String(record.text));
  const nodes = [];
  if (record.reasoning) nodes.push(folded(String(record.reasoning)));
  const until = span ? span[0] : points.length;
  const before = points.slice(0, until).join("");
  const end = Math.max(...["</think>", "</thinking>", "<|message|>"].map((mark) => (before.lastIndexOf(mark) < 0 ? 0 : before.lastIndexOf(mark) + mark.length)));
  const skip = Array.from(before.slice(0, end)).length;
  if (skip) nodes.push(folded(points.slice(0, skip).join("")));
  const pre = make("pre", { class: "response", tabindex: "0", lang: language, dir: "auto", "aria-label": "Response" });
  if (points.length === 0) pre.append(make("span", { class: "small" }, "(empty)"));
  else if (span) pre.append(readable(points.slice(skip, span[0]).join("")), make("mark", { title: "what was read" }, readable(points.slice(span[0], span[1]).join(""))), readable(points.slice(span[1]).join("")));
  else pre.append(readable(points.slice(skip).join("")));
  nodes.push(pre);
  return nodes;
}

/** @param {string} text @returns {HTMLElement} */
const folded = (text) => make("details", { class: "reasoning" }, make("summary", {}, `Reasoning, ${text.length.toLocaleString("en")} characters`), make("pre", { class: "response", dir: "auto" }, readable(text)));

/** @param {any} record @returns {HTMLElement} */
function measures(record) {
  const parts = [`ended by ${record.finish === "length" ? "the token limit" : record.finish === "refused" ? "a refusal" : "itself"}`];
  if (record.output_tokens) parts.push(`${record.output_tokens.toLocaleString("en")} tokens`);
  if (record.latency) parts.push(`${record.latency.toFixed(1)} s`);
  return make("p", { class: "small" }, parts.join(" · "));
}
