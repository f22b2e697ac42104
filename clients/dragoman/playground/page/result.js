/* What came of a text: the translation as it grows, its figures, alternatives, warnings and errors. */

import { element } from "./elements.js";
import { Words } from "./words.js";

const MOST_COMPARED = 250_000; // pairs of words

const FAIR = 0.75;
const POOR = 0.4;

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const hundredths = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const percent = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 0 });

export class Result {
  constructor(root) {
    const find = (selector) => root.querySelector(selector);
    this.translation = find("#translation");
    this.tokens = find("#tokens");
    this.notes = find("#notes");
    this.copy = find("#copy");
    this.error = find("#error");
    this.figures = find("#figures");
    this.alternatives = find("#alternatives");
    this.warnings = find("#warnings");
    this.words = new Words(root);
    this.copy.addEventListener("click", () => this.#copy());
  }

  /** Nothing is asked for. */
  clear() {
    this.#show("", "empty");
    this.#drop();
    this.error.replaceChildren();
  }

  /** A text is sent: what was there stays until something comes. */
  wait(language) {
    this.translation.lang = language;
    this.translation.dataset.state = "waiting";
    this.translation.setAttribute("aria-busy", "true");
  }

  /** The beginning of the translation is there. */
  grow(text) {
    if (this.translation.dataset.state === "waiting") this.#drop();
    this.#show(text, "growing");
  }

  /** All of it is there. */
  finish(request, translation, times) {
    this.#show(translation.translated_text, "done");
    this.error.replaceChildren();
    this.copy.disabled = false;
    this.notes.textContent = translation.finish_reason === "length" ? "Its end is missing: the limit of length was reached." : "";
    this.#showTokens(translation);
    this.#warn(translation.warnings);
    this.words.show(request, translation);
    this.#showFigures(translation, times);
    this.#showAlternatives(translation);
  }

  /** There is none, for this reason. */
  fail(failure) {
    this.#show("", "failed");
    this.#drop();
    this.explain(failure);
  }

  /** Something failed, for this reason; what is there stays. */
  explain(failure) {
    const reason = [failure.code, failure.reason].filter(Boolean).join(" · ");
    tell(this.error, [element("p", failure.message), element("p", element("code", reason))]);
  }

  #warn(warnings) {
    const items = warnings.map(({ reason, message }) => element("li", `${message} `, element("code", reason)));
    tell(this.warnings, items.length ? [element("ul", ...items)] : []);
  }

  #show(text, state) {
    this.translation.textContent = text;
    this.translation.dataset.state = state;
    this.translation.setAttribute("aria-busy", String(state === "growing"));
  }

  #drop() {
    this.tokens.replaceChildren();
    this.#warn([]);
    this.words.hide();
    this.notes.textContent = "";
    this.copy.disabled = true;
    this.figures.hidden = this.alternatives.hidden = true;
  }

  #showTokens(translation) {
    const caption = element("span", "How sure, token by token");
    caption.ariaHidden = "true"; // the strip says it too
    const shown = strip(translation);
    this.tokens.replaceChildren(...shown, ...(shown.length ? [caption] : []));
  }

  #showFigures(translation, { first, total }) {
    const model = [translation.model, translation.model_version].filter(Boolean).join("@");
    const figures = [
      ["First words", first === null ? "" : `${whole.format(first)} ms`],
      ["All of it", `${whole.format(total)} ms`],
      ["Tokens", `${whole.format(translation.source_token_count)} → ${whole.format(translation.target_token_count)}`],
      ["Speed", `${whole.format(translation.target_token_count / (total / 1000))} tokens/s`],
      ["Score", scored(translation)],
      ["Model", model],
    ];
    const shown = figures.filter(([, value]) => value);
    this.figures.replaceChildren(...shown.map(([name, value]) => element("div", element("dt", name), element("dd", value))));
    this.figures.hidden = false;
  }

  #showAlternatives({ hypotheses }) {
    const [best, ...others] = hypotheses;
    const list = this.alternatives.querySelector("ol");
    list.replaceChildren(...others.map((other) => alternative(other, best, this.translation.lang)));
    this.alternatives.hidden = !others.length;
  }

  async #copy() {
    await navigator.clipboard.writeText(this.translation.textContent);
    this.notes.textContent = "Copied.";
  }
}

/** Puts elements into one that is read out, where they are news. */
function tell(place, told) {
  if (told.map((each) => each.textContent).join("") !== place.textContent) place.replaceChildren(...told);
}

function scored({ score }) {
  return score === null ? "" : hundredths.format(score).replace("-", "−");
}

function alternative(hypothesis, best, language) {
  const said = element("span", ...compared(hypothesis.translated_text, best.translated_text));
  said.className = "said";
  said.lang = language;
  said.dir = "auto";
  const figure = element("span", scored(hypothesis));
  figure.className = "score";
  figure.title = "Score: higher is likelier";
  return element("li", said, figure, ...strip(hypothesis));
}

/** Returns a bar for each token, as high as the model finds it probable; nothing without scores. */
function strip({ token_scores: scores, target_token_count: count }) {
  if (!scores.length) return [];
  const probabilities = scores.map(Math.exp);
  const bars = probabilities.map((probability, index) => {
    const bar = document.createElement("i");
    bar.style.setProperty("--probability", probability);
    bar.className = probability < POOR ? "poor" : probability < FAIR ? "fair" : "good";
    const name = index < count ? `Token ${index + 1} of ${count}` : "The end";
    bar.title = `${name}: ${percent.format(probability)}`;
    return bar;
  });
  const made = element("div", ...bars);
  const mean = Math.exp(scores.reduce((sum, each) => sum + each, 0) / scores.length);
  const least = percent.format(Math.min(...probabilities));
  made.className = "strip";
  made.role = "img";
  made.ariaLabel = `Probability of ${count} tokens: ${percent.format(mean)} on average, ${least} at least`;
  return [made];
}

/** Returns a text's words, those that the other has not in this order marked. */
function compared(text, other) {
  const [words, others] = [text, other].map((each) => each.split(/(\s+)/));
  if (text === other || words.length * others.length > MOST_COMPARED) return [text];
  const common = commonLengths(words, others);
  let at = 0;
  return words.map((word, index) => {
    while (at < others.length && word !== others[at] && common[index][at + 1] > common[index + 1][at]) at += 1;
    if (word !== others[at]) return word.trim() ? element("mark", word) : word;
    at += 1;
    return word;
  });
}

/** Returns for each pair of places the length of what both have from there on (longest common subsequence). */
function commonLengths(words, others) {
  const lengths = Array.from({ length: words.length + 1 }, () => new Uint16Array(others.length + 1));
  for (let i = words.length - 1; i >= 0; i -= 1) {
    for (let j = others.length - 1; j >= 0; j -= 1) {
      lengths[i][j] = words[i] === others[j] ? lengths[i + 1][j + 1] + 1 : Math.max(lengths[i + 1][j], lengths[i][j + 1]);
    }
  }
  return lengths;
}
