/* Who attended to whom in a text of one sentence: asked for once somebody wants to see it. */

import { Failure } from "./api.js";
import { heatMap } from "./heat_map.js";

const START = "⟨start⟩"; // what the decoder reads first, which is no token of the target

export class Attention {
  /**
   * @param {Document} root
   * @param {(request: object) => Promise<object>} ask Returns the translation; throws a Failure.
   */
  constructor(root, ask) {
    [this.details, this.told, this.choice, this.map] = ["#attention", "#attention-told", "#attention-choice", "#heat-map"].map(
      (selector) => root.querySelector(selector),
    );
    [this.kind, this.layer, this.head] = this.choice.querySelectorAll("select");
    this.ask = ask;
    this.request = null; // of the text that is shown, until it is asked
    this.views = [];
    this.details.addEventListener("toggle", () => this.#look());
    this.details.addEventListener("input", (event) => event.stopPropagation()); // nothing to translate again
    this.kind.addEventListener("change", () => this.#chooseKind());
    for (const select of [this.layer, this.head]) select.addEventListener("change", () => this.#draw());
  }

  /** There is nothing to look at. */
  withdraw() {
    this.details.hidden = true;
    this.request = null;
  }

  /** A text was translated: its attention can be asked for. */
  offer({ text, options }, { segments }) {
    const { num_hypotheses: _, return_token_scores: __, return_alignment: ___, ...kept } = options;
    this.request = { text, options: { ...kept, return_attention: true } };
    this.sentences = segments.length;
    this.details.hidden = false;
    this.#look();
  }

  async #look() {
    const request = this.request;
    if (!request || !this.details.open) return;
    this.request = null;
    if (this.sentences > 1) return this.#explain(`The text was split into ${this.sentences} sentences: attention is shown of one.`);
    const asked = (this.asked = {}); // an answer to an earlier one comes too late
    this.told.textContent = "Asking …";
    try {
      const { attention } = await this.ask(request);
      if (asked === this.asked) this.#show(attention);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (asked === this.asked) this.#explain([error.message, error.reason].filter(Boolean).join(" · "));
    }
  }

  #explain(message) {
    this.asked = null;
    this.choice.hidden = this.map.hidden = true;
    this.told.textContent = message;
  }

  #show({ source_tokens: source, target_tokens: target, cross, decoder, encoder }) {
    const read = [START, ...target].slice(0, target.length); // by the step that says each token
    const views = [
      ["Cross-attention", target, source, cross],
      ["Encoder self-attention", source, source, encoder],
      ["Decoder self-attention", target, read, decoder],
    ];
    this.views = views.filter(([, , , { shape }]) => shape[0]); // none of a decoder that is recurrent
    offer(this.kind, this.views.map(([title]) => title));
    this.choice.hidden = this.map.hidden = false;
    this.#chooseKind();
  }

  #chooseKind() {
    const [layers, heads] = this.views[this.kind.value][3].shape;
    offer(this.layer, numbers(layers));
    offer(this.head, ["mean of all", ...numbers(heads)]);
    this.#draw();
  }

  #draw() {
    const [title, queries, keys, weights] = this.views[this.kind.value];
    const head = Number(this.head.value);
    const of = head ? `head ${head}` : "mean of all heads";
    const rows = chosen(weights, Number(this.layer.value), head);
    const most = Math.max(...rows.flat());
    this.map.replaceChildren(heatMap(`${title}, layer ${Number(this.layer.value) + 1}, ${of}`, queries, keys, rows));
    this.told.textContent = `Rows attend to columns. The strongest is ${Math.round(most * 100)}%.`;
  }
}

/** Returns the weights of a head, counted from 1, or the mean of all for 0: a row for each query. */
function chosen({ shape: [, heads, queries, keys], values }, layer, head) {
  const taken = head ? [head - 1] : [...Array(heads).keys()];
  const weight = (query, key) =>
    taken.reduce((sum, each) => sum + values[((layer * heads + each) * queries + query) * keys + key], 0) / taken.length;
  return Array.from({ length: queries }, (_, query) => Array.from({ length: keys }, (__, key) => weight(query, key)));
}

function numbers(count) {
  return Array.from({ length: count }, (_, index) => String(index + 1));
}

/** Fills a select with names, whose values are their places; the place stays where it can. */
function offer(select, names) {
  const before = Number(select.value);
  select.replaceChildren(...names.map((name, place) => new Option(name, place)));
  select.value = before < names.length ? before : 0;
}
