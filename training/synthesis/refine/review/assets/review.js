"use strict";
// Follows dom.js: questions, proofs and responses are written by others, and only ever become text.

const TOKEN = location.hash.slice(1);
const POLL = 3000; // milliseconds between two looks at what other reviewers decided
const STORE = "evalsuite-review:";

/** @type {{id: string, digest: string, reason: string, line: string}[]} */
let items = [];
/** @type {Object<string, Object<string, any>>} Decisions by item and reviewer. */
let decisions = {};
/** @type {any} */
let row = null;
let place = 0;
/** @type {string|null} What Ctrl+Enter saves. */
let pending = null;

/** @param {string} path @param {any} [body] @returns {Promise<any>} */
async function call(path, body) {
  const options = { headers: { "X-Review-Token": TOKEN, "Content-Type": "application/json" } };
  const sent = body === undefined ? options : { ...options, method: "POST", body: JSON.stringify(body) };
  let reply;
  try {
    reply = await fetch(path, sent);
  } catch {
    throw new Error("the server is gone: nothing was saved; start it again with the same command and port");
  }
  const content = await reply.json();
  if (!reply.ok) throw new Error(content.error);
  return content;
}

/** @param {string} text @param {boolean} [error] */
function say(text, error = false) {
  byId("message").replaceChildren(readable(text));
  byId("message").classList.toggle("error", error);
}

const reviewer = () => byId("reviewer").value.trim();
const current = () => items[place];
const draftKey = () => `${STORE}draft:${current().digest}`;

// What the browser keeps: the reviewer's name, and what is typed and not saved yet.
/** @param {string} key @returns {any} */
function stored(key) {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "null");
  } catch {
    return null;
  }
}

function keepDraft() {
  if (!row) return;
  const draft = { reason: byId("reason").value, fixed: byId("edit").hidden ? null : edited() };
  if (draft.reason || draft.fixed) localStorage.setItem(draftKey(), JSON.stringify(draft));
  else localStorage.removeItem(draftKey());
}

/** @param {string} id @returns {"open"|"disputed"|"decided"} */
function state(id) {
  const of = Object.values(decisions[id] ?? {});
  if (!of.length) return "open";
  const same = of.every((each) => each.verdict === of[0].verdict && JSON.stringify(each.fixed) === JSON.stringify(of[0].fixed));
  return same ? "decided" : "disputed";
}

/** @param {{id: string}} item */
function isShown(item) {
  const show = byId("show").value;
  if (show === "open") return state(item.id) === "open";
  if (show === "mine") return !(decisions[item.id] ?? {})[reviewer()];
  return show === "all" || state(item.id) === "disputed";
}

function drawList() {
  const entries = items.map((item, number) => {
    if (!isShown(item) && number !== place) return null;
    const button = make("button", { type: "button", "aria-current": String(number === place) });
    const verdicts = Object.entries(decisions[item.id] ?? {}).map(([name, each]) => `${each.verdict}: ${name}`);
    button.append(line(item.line, 70), make("span", { class: "verdict" }, line(verdicts.join(", ") || "not decided", 80)));
    button.addEventListener("click", () => go(number));
    return make("li", { class: state(item.id) }, button);
  });
  byId("list").replaceChildren(...entries.filter((each) => each !== null));
  const decided = items.filter((item) => state(item.id) === "decided").length;
  const disputed = items.filter((item) => state(item.id) === "disputed").length;
  byId("progress").textContent = `${decided} of ${items.length} decided${disputed ? `, ${disputed} disputed` : ""}`;
}

/** @param {string} title @param {...(Node|string)} content */
function foldable(title, ...content) {
  const summary = make("summary");
  summary.append(readable(title));
  return make("details", {}, summary, ...content);
}

/** @param {any} text */
function block(text) {
  const pre = make("pre");
  pre.append(readable(typeof text === "string" ? text : JSON.stringify(text, null, 1)));
  return pre;
}

function drawOptions() {
  const { options, answer } = row.item;
  return make("ul", { class: "options" }, ...Object.entries(options).map(([label, text]) => {
    const times = row.answers?.[label] ?? 0;
    const words = make("span");
    words.append(readable(text));
    const chosen = make("span", { class: "chosen" }, times ? `chosen ${times}×` : "");
    return make("li", label === answer ? { class: "is-gold" } : {}, make("strong", {}, line(label, 20)), words, chosen);
  }));
}

function drawDecisions() {
  const shown = Object.entries(decisions[current().id] ?? {}).map(([name, each]) => {
    const words = make("div", { class: "decided" });
    words.append(readable(`${name}: ${each.verdict}${each.reason ? `, ${each.reason}` : ""}`));
    if (each.fixed) words.append(block(each.fixed));
    return words;
  });
  byId("decided").replaceChildren(...shown);
}

function drawQuestion() {
  const article = byId("question");
  const stem = make("p", { class: "stem" });
  stem.append(readable(row.item.question));
  const context = (row.item.context?.headings ?? []).map(
    (/** @type {string} */ heading, /** @type {number} */ n) => foldable(heading, block(row.item.context.texts[n])));
  const trials = (row.trials ?? []).map((/** @type {any} */ trial, /** @type {number} */ n) => foldable(
    `Trial ${n + 1}: ${trial.label ?? trial.status}`,
    ...(trial.reasoning ? [block(trial.reasoning)] : []), block(trial.text || "(no text)")));
  const heading = make("h2");
  heading.append(readable(row.item.id));
  article.replaceChildren(
    heading, make("p", { class: "small" }, `${place + 1} of ${items.length} · ${line(String(row.reason), 60).replaceAll("_", " ")}`),
    ...context, stem, drawOptions(), make("div", { id: "decided" }), ...trials,
    ...(row.proof ? [foldable("Proof", block(proofText(row.proof, row.proof.names ?? {})))] : []),
    ...(row.item.meta ? [foldable("Metadata", block(row.item.meta))] : []));
  drawDecisions();
}

/**
 * Rows of a proof are lists: one line each, and a node has its name behind its id.
 * @param {any} proof @param {any} names @param {string} [indent] @returns {string}
 */
function proofText(proof, names, indent = "") {
  const named = (/** @type {any} */ id) => (Object.hasOwn(names, id) ? `${id} (${names[id]})` : String(id));
  if (Array.isArray(proof)) {
    const flat = proof.every((each) => typeof each !== "object");
    return flat ? `${indent}${proof.map(named).join("  ")}` : proof.map((each) => proofText(each, names, indent)).join("\n");
  }
  if (proof === null || typeof proof !== "object") return `${indent}${named(proof)}`;
  return Object.entries(proof).filter(([key]) => key !== "names").map(([key, value]) => (
    value !== null && typeof value === "object"
      ? `${indent}${key}\n${proofText(value, names, `${indent}  `)}` : `${indent}${key}: ${named(value)}`
  )).join("\n");
}

/** @param {number} number */
async function go(number) {
  if (number < 0 || number >= items.length) return;
  place = number;
  row = null;
  pending = null;
  closeEdit();
  drawList();
  const loaded = await call(`api/items/${number}`).catch((error) => say(error.message, true));
  if (!loaded || place !== number) return; // somebody went on meanwhile
  row = loaded;
  const draft = stored(draftKey());
  byId("reason").value = draft?.reason ?? (decisions[current().id] ?? {})[reviewer()]?.reason ?? "";
  drawQuestion();
  byId("question").scrollTop = 0;
  if (draft?.fixed) openEdit(draft.fixed);
  byId("list").querySelector("[aria-current='true']")?.scrollIntoView({ block: "nearest" });
}

/** @param {1|-1} step */
function move(step) {
  let number = place + step;
  while (number >= 0 && number < items.length && !isShown(items[number])) number += step;
  go(number);
}

/** @param {any} [from] */
function openEdit(from) {
  const start = from ?? (decisions[current().id] ?? {})[reviewer()]?.fixed ?? row.item;
  const question = make("textarea", { id: "edit-question", rows: "4", "aria-label": "Question" });
  question.value = start.question;
  const options = Object.entries(start.options).map(([label, text]) => {
    const gold = make("input", { type: "radio", name: "gold", value: label, "aria-label": `${label} is the gold label` });
    gold.checked = label === start.answer;
    const words = make("input", { class: "text", "aria-label": `Option ${label}` });
    words.value = text;
    return make("div", { class: "option" }, gold, make("strong", {}, line(label, 20)), words);
  });
  byId("edit").replaceChildren(question, ...options);
  byId("edit").hidden = false;
  pending = "fix";
  byId("fix").lastChild.textContent = " Save the fix";
  question.focus();
}

function closeEdit() {
  byId("edit").replaceChildren();
  byId("edit").hidden = true;
  byId("fix").lastChild.textContent = " Fix …";
}

function edited() {
  const options = {};
  let answer = "";
  for (const option of byId("edit").querySelectorAll(".option")) {
    const [gold, words] = option.querySelectorAll("input");
    options[gold.value] = words.value;
    if (gold.checked) answer = gold.value;
  }
  return { question: byId("edit-question").value, options, answer };
}

/** @param {string} verdict */
async function decide(verdict) {
  if (!row) return;
  const item = current();
  const reason = byId("reason").value.trim();
  if (verdict === "fix" && byId("edit").hidden) return openEdit();
  pending = verdict;
  if (!reviewer()) return ask("reviewer", "type your name first: every decision is recorded with it");
  if (!reason && (verdict === "fix" || verdict === "reject")) return ask("reason", `a ${verdict} needs a reason; Ctrl+Enter saves`);
  const fixed = verdict === "fix" ? { fixed: edited() } : {};
  const body = { item: item.id, digest: item.digest, verdict, reviewer: reviewer(), reason: verdict === "withdraw" ? "" : reason, ...fixed };
  try {
    decisions = (await call("api/decisions", body)).decisions;
  } catch (error) {
    return say(error.message, true);
  }
  localStorage.removeItem(`${STORE}draft:${item.digest}`);
  say(`${item.id}: saved (${verdict})`);
  if (current() !== item) return drawList();
  if (verdict === "withdraw") return go(place);
  const after = items.findIndex((each, number) => number > place && !(decisions[each.id] ?? {})[reviewer()]);
  go(after < 0 ? place : after);
  document.activeElement?.blur?.();
}

/** @param {string} id @param {string} text */
function ask(id, text) {
  say(text, true);
  byId(id).focus();
}

async function poll() {
  try {
    const now = (await call("api/decisions")).decisions;
    if (JSON.stringify(now) !== JSON.stringify(decisions)) {
      decisions = now;
      drawList();
      if (row) drawDecisions();
    }
  } catch (error) {
    say(error.message, true);
  }
}

const KEYS = {
  a: () => decide("accept"), f: () => decide("fix"), r: () => decide("reject"), u: () => decide("withdraw"),
  j: () => move(1), k: () => move(-1), ArrowDown: () => move(1), ArrowUp: () => move(-1),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input:not([type=radio]), textarea, select");
  if (event.key === "Escape") return event.target.blur?.();
  if (typing) {
    if (event.key === "Enter" && event.ctrlKey && pending) decide(pending);
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(KEYS, event.key)) return;
  event.preventDefault();
  KEYS[event.key]();
});

for (const [id, act] of Object.entries({ accept: KEYS.a, fix: KEYS.f, reject: KEYS.r, withdraw: KEYS.u, next: KEYS.j, previous: KEYS.k })) {
  byId(id).addEventListener("click", act);
}
byId("show").addEventListener("change", drawList);
byId("reviewer").addEventListener("input", () => localStorage.setItem(`${STORE}name`, JSON.stringify(reviewer())));
byId("reason").addEventListener("input", keepDraft);
byId("edit").addEventListener("input", keepDraft);
byId("edit").addEventListener("submit", (event) => event.preventDefault());

(async () => {
  byId("reviewer").value = stored(`${STORE}name`) ?? "";
  try {
    ({ items, decisions } = await call("api/items"));
  } catch (error) {
    return say(error.message, true);
  }
  drawList();
  if (!items.length) return say("nothing is to be reviewed");
  const open = items.findIndex((item) => state(item.id) === "open");
  await go(Math.max(0, open));
  document.documentElement.classList.add("ready");
  setInterval(poll, POLL);
})();
