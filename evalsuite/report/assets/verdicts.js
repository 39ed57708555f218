// One run's verdicts on one task, a column each; a row is a response to an item: its samples under each rotation of its options.

class Verdicts {
  /** @param {string} id of the run @param {any} columns */
  constructor(id, columns) {
    this.id = id;
    this.columns = columns;
    this.rows = columns.length.length;
    /** Whether items have more than one response. */ this.several = this.rows > columns.items.length;
    /** Whether options were moved. */ this.moved = this.rows > columns.items.length * columns.samples;
    /** First row of each item and of the next. @type {Map<number, [number, number]>} */
    this.ends = new Map(columns.items.map((/** @type {number} */ item, /** @type {number} */ place) => [item, [columns.starts[place], columns.starts[place + 1] ?? this.rows]]));
  }

  /** Row of the so-manieth response to an item, counted from 0; undefined where this run has none. @param {number} item @param {number} nth */
  row(item, nth) {
    const [first, end] = this.ends.get(item) ?? [0, 0];
    return first + nth < end ? first + nth : undefined;
  }

  /** Number of responses to an item. @param {number} item */
  count(item) {
    const [first, end] = this.ends.get(item) ?? [0, 0];
    return end - first;
  }

  /** By how many places the options stood moved, and which sample it is. @param {number} nth @returns {[number, number]} */
  place(nth) {
    return [Math.floor(nth / this.columns.samples), nth % this.columns.samples];
  }

  /** Which response it is, in words. @param {number} nth */
  named(nth) {
    const [rotation, sample] = this.place(nth);
    const parts = [...(this.moved ? [`rotation ${rotation}`] : []), ...(this.columns.samples > 1 ? [`sample ${sample}`] : [])];
    return parts.join(", ");
  }

  /** Whether a response is right by a parse; without one, by the parse that the report goes by. @param {number} row @param {string} [parseMode] */
  right(row, parseMode = report.board.parse_mode) {
    return this.columns[parseMode === "strict" ? "right" : "right_lenient"][row] === "1";
  }

  /** @param {number} row @param {string} [parseMode] */
  label(row, parseMode = report.board.parse_mode) {
    return this.text(parseMode === "strict" ? "label" : "label_lenient", row);
  }

  /** @param {number} row @param {string} [parseMode] */
  status(row, parseMode = report.board.parse_mode) {
    return this.text(parseMode === "strict" ? "status" : "status_lenient", row);
  }

  /** A value of a column of few distinct texts. @param {string} name @param {number} row @returns {string|null} */
  text(name, row) {
    const { values, codes } = this.columns[name];
    return codes[row] < 0 ? null : values[codes[row]];
  }

  /** Span that a parse found. @param {number} row @param {boolean} lenient @returns {[number, number]|null} */
  span(row, lenient) {
    const [start, end] = lenient ? [2, 3] : [0, 1];
    const from = this.columns.spans[start][row];
    return from === null ? null : [from, this.columns.spans[end][row]];
  }
}

/** The filters of the item list: name, label, and whether it needs a second run. */
const FILTERS = [
  { id: "all", label: "all", pair: false },
  { id: "wrong", label: "wrong", pair: false },
  { id: "right", label: "right", pair: false },
  { id: "invalid", label: "invalid", pair: false },
  { id: "truncated", label: "truncated", pair: false },
  { id: "parses", label: "strict ≠ lenient", pair: false },
  { id: "only-a", label: "first right, second wrong", pair: true },
  { id: "only-b", label: "second right, first wrong", pair: true },
  { id: "both-wrong", label: "both wrong", pair: true },
  { id: "labels", label: "different answers", pair: true },
];

/** @param {string} filter @param {Verdicts} a @param {number} i @param {Verdicts|null} b @param {number|undefined} j @returns {boolean} */
function passes(filter, a, i, b, j) {
  switch (filter) {
    case "wrong": return !a.right(i);
    case "right": return a.right(i);
    case "invalid": return a.status(i) !== "ok";
    case "truncated": return a.status(i) === "truncated";
    case "parses": return a.label(i, "strict") !== a.label(i, "lenient");
  }
  if (!b || j === undefined) return filter === "all";
  switch (filter) {
    case "only-a": return a.right(i) && !b.right(j);
    case "only-b": return !a.right(i) && b.right(j);
    case "both-wrong": return !a.right(i) && !b.right(j);
    case "labels": return a.label(i) !== b.label(j);
    default: return true;
  }
}
