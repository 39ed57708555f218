"use strict";
// Every text that a model, a file or a link wrote goes through textContent: nothing in this page parses HTML.

/** @param {string} id @returns {any} */
const byId = (id) => document.getElementById(id);

/**
 * Make an element.
 * @param {string} tag
 * @param {Object<string, string>} [attributes]
 * @param {...(Node|string)} children
 * @returns {HTMLElement}
 */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** @param {number|null|undefined} share @returns {string} */
const percent = (share) => (share === null || share === undefined ? "–" : (100 * share).toFixed(1));

// Controls, and marks that turn the direction of text: shown as what they are, never obeyed.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]/u;

/**
 * Text as nodes; what can't be seen in it is spelt out.
 * @param {string} text
 * @returns {DocumentFragment}
 */
function readable(text) {
  const fragment = document.createDocumentFragment();
  let plain = "";
  for (const character of String(text)) {
    if (!HIDDEN.test(character)) {
      plain += character;
      continue;
    }
    fragment.append(plain);
    plain = "";
    const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
    if (character !== "\r") fragment.append(make("span", { class: "control" }, `U+${code}`));
  }
  fragment.append(plain);
  return fragment;
}

/** A line of text for a table cell or a title. @param {string} text @param {number} most */
function line(text, most = 160) {
  const flat = Array.from(String(text).slice(0, most * 2).replace(/\s+/g, " ").trim(), (c) => (HIDDEN.test(c) ? "·" : c));
  return flat.length > most ? `${flat.slice(0, most - 1).join("")}…` : flat.join("");
}
