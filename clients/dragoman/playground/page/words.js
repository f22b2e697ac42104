/* A text and its translation, word by word: a word that is pointed at or focused marks those it stands for.
   Without words that stand for each other, sentences do. Knows no requests. */

import { element } from "./elements.js";

const MOST_WORDS = 2_000; // of text and translation together

const SIDES = ["source", "target"];

const percent = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 0 });

export class Words {
  constructor(root) {
    this.section = root.querySelector("#words");
    this.title = root.querySelector("#words-title");
    this.told = root.querySelector("#stands");
    this.lists = SIDES.map((side) => root.querySelector(`#${side}-words`));
    this.hint = this.told.textContent;
    this.words = new Map(); // of elements
    this.sentences = [];
    this.marked = [];
    for (const list of this.lists) {
      list.addEventListener("pointerover", ({ target }) => this.#mark(target));
      list.addEventListener("pointerleave", () => this.#mark(document.activeElement));
      list.addEventListener("focusin", ({ target }) => this.#focused(target));
      list.addEventListener("focusout", ({ target }) => this.#left(target));
      list.addEventListener("keydown", (event) => this.#pressed(event));
    }
  }

  hide() {
    this.section.hidden = true;
  }

  /** Shows what stands for what, as far as the translation says so. */
  show({ text, options }, { translated_text: translated, alignment, segments }) {
    this.words.clear();
    this.#mark(null);
    const areWords = alignment.length > 0;
    const said = segments.filter(({ target_begin: begin, target_end: end }) => begin < end);
    const links = areWords ? alignment : said.map((segment) => ({ ...segment, weight: 1 }));
    const sides = linked(links);
    this.section.hidden = !links.length || sides.flat().length > MOST_WORDS;
    if (this.section.hidden) return;
    this.title.textContent = areWords ? "Word by word" : "Sentence by sentence";
    const languages = [options.source_language_code, options.target_language_code];
    this.sentences = [text, translated].map((each, side) => {
      const laid = layOut([...each], sides[side], segments, SIDES[side], areWords);
      this.lists[side].lang = languages[side];
      this.lists[side].replaceChildren(...laid.children);
      return laid.sentences;
    });
    for (const word of sides.flat()) {
      word.element.ariaLabel = inWords(word);
      this.words.set(word.element, word);
    }
    for (const [first] of sides) first.element.tabIndex = 0;
  }

  #focused(target) {
    for (const list of this.lists) {
      if (list.contains(target)) list.querySelector("[tabindex='0']").tabIndex = -1;
    }
    target.tabIndex = 0;
    target.ariaSelected = "true";
    this.#mark(target);
  }

  #left(target) {
    target.ariaSelected = "false";
    this.#mark(null);
  }

  #mark(target) {
    for (const each of this.marked) each.classList.remove("chosen", "stands", "here");
    this.marked = [];
    const word = this.words.get(target);
    this.told.textContent = word ? inWords(word) : this.hint;
    const mark = (each, name) => {
      each.classList.add(name);
      this.marked.push(each);
    };
    const place = target?.closest(".sentence")?.dataset.place;
    if (place !== undefined) for (const sentences of this.sentences) mark(sentences[place], "here");
    if (!word) return;
    mark(word.element, "chosen");
    for (const { other, weight } of word.links) {
      other.element.style.setProperty("--weight", percent.format(weight));
      mark(other.element, "stands");
    }
  }

  #pressed(event) {
    const word = this.words.get(event.target);
    const row = [...event.currentTarget.querySelectorAll("[role='option']")];
    const isLeftward = getComputedStyle(event.currentTarget).direction === "rtl";
    const at = row.indexOf(event.target);
    const across = word.links[0].other.element;
    const goes = {
      ArrowRight: row[at + (isLeftward ? -1 : 1)],
      ArrowLeft: row[at + (isLeftward ? 1 : -1)],
      ArrowDown: word.side === "source" ? across : undefined,
      ArrowUp: word.side === "target" ? across : undefined,
      Home: row[0],
      End: row.at(-1),
    };
    if (!(event.key in goes)) return;
    event.preventDefault();
    goes[event.key]?.focus();
  }
}

/** Returns the words of both sides that are linked, in order, each with its links, the heaviest first. */
function linked(links) {
  const sides = SIDES.map(() => new Map());
  for (const link of links) {
    const [one, other] = SIDES.map((side, number) => {
      const [begin, end] = [link[`${side}_begin`], link[`${side}_end`]];
      const [words, place] = [sides[number], `${begin} ${end}`];
      if (!words.has(place)) words.set(place, { side, begin, end, links: [] });
      return words.get(place);
    });
    one.links.push({ other, weight: link.weight });
    other.links.push({ other: one, weight: link.weight });
  }
  return sides.map((words) => {
    for (const { links } of words.values()) links.sort((one, other) => other.weight - one.weight);
    return [...words.values()].sort((one, other) => one.begin - other.begin);
  });
}

/**
 * Makes the elements of a text: of its words, in those of its sentences where it was split into several.
 * Places are code points, as the array's, not JavaScript's halves of them.
 */
function layOut(points, words, segments, side, areWords) {
  const sentences = [];
  const children = [];
  const rest = [...words];
  let at = 0;
  const upTo = (end) => {
    const laid = [];
    while (rest.length && rest[0].begin < end) {
      const word = rest.shift();
      word.text = points.slice(word.begin, word.end).join("");
      word.element = option(word.text);
      laid.push(points.slice(at, word.begin).join(""), word.element);
      at = word.end;
    }
    laid.push(points.slice(at, end).join(""));
    at = Math.max(at, end);
    return laid;
  };
  if (areWords && segments.length > 1) {
    for (const [place, segment] of segments.entries()) {
      children.push(...upTo(segment[`${side}_begin`]));
      const sentence = element("span", ...upTo(segment[`${side}_end`]));
      sentence.className = "sentence";
      sentence.role = "presentation";
      sentence.dataset.place = place;
      sentences.push(sentence);
      children.push(sentence);
    }
  }
  children.push(...upTo(points.length));
  return { children, sentences };
}

function option(text) {
  const made = element("span", text);
  made.role = "option";
  made.ariaSelected = "false";
  made.tabIndex = -1;
  return made;
}

function inWords({ text, links }) {
  const others = links.map(({ other, weight }) => (weight === 1 ? other.text : `${other.text} (${percent.format(weight)})`));
  return `${text} stands for ${others.join(", ")}`;
}
