/* What is asked for: languages, model and options. Knows the form and the server's models. */

const NUMBERS = [
  "beam_size", "num_hypotheses", "length_penalty", "sampling_topk", "sampling_topp",
  "sampling_temperature", "seed", "no_repeat_ngram_size",
];

const names = new Intl.DisplayNames(["en"], { type: "language" });

export class Form {
  /** @param {HTMLFormElement} form */
  constructor(form) {
    this.form = form;
    this.models = [];
    [this.source, this.target, this.model, this.swap] = ["source", "target", "model", "swap"].map((id) => form.querySelector(`#${id}`));
    this.text = form.querySelector("#text");
    this.model.addEventListener("change", () => this.#fillLanguages());
    form.addEventListener("change", () => this.#refresh());
    this.#refresh();
  }

  /** Takes the server's models; what was chosen stays so where it is still there. */
  offer(models) {
    if (JSON.stringify(models) === JSON.stringify(this.models)) return; // a list may be open
    this.models = models;
    const options = models.map((model) => [asOption(model), described(model)]);
    fill(this.model, models.length > 1 ? [["", "Any that fits"], ...options] : options);
    this.#fillLanguages();
    this.#boundBeams();
    this.#refresh();
  }

  /** Returns the request for what stands there now. */
  request() {
    const options = {
      source_language_code: this.source.value,
      target_language_code: this.target.value,
      model: this.model.value,
    };
    const given = new FormData(this.form); // without what is disabled
    for (const name of NUMBERS) {
      const value = given.get(name);
      if (value) options[name] = Number(value);
    }
    if (given.get("target_prefix")) options.target_prefix = given.get("target_prefix");
    options.return_token_scores = given.has("return_token_scores");
    return { text: this.text.value, options };
  }

  /** The most code points that the models take, as far as the server says. */
  get limit() {
    return Math.min(...this.#chosen().map((model) => model.limits.max_code_points));
  }

  /** Marks the fields that are wrong; the others are right again. */
  mark(violations) {
    const wrong = new Set(violations.map(({ field }) => field.replace("options.", "")));
    for (const input of this.form.querySelectorAll("input[name]")) {
      input.ariaInvalid = wrong.has(input.name) ? "true" : null;
      if (wrong.has(input.name)) input.setAttribute("aria-describedby", "error");
      else input.removeAttribute("aria-describedby");
    }
  }

  /** Puts each language in the place of the other. */
  swapLanguages() {
    [this.source.value, this.target.value] = [this.target.value, this.source.value];
    this.#refresh();
  }

  #chosen() {
    const chosen = this.model.value;
    return this.models.filter((model) => (chosen ? asOption(model) === chosen : model.is_default));
  }

  #fillLanguages() {
    const models = this.#chosen();
    fill(this.source, languages(models.flatMap((model) => model.source_language_codes)));
    fill(this.target, languages(models.flatMap((model) => model.target_language_codes)), this.source.value);
  }

  /** What stands there unasked is never more than the models take. */
  #boundBeams() {
    const most = Math.min(...this.#chosen().map((model) => model.limits.max_beam_size));
    for (const name of ["beam_size", "num_hypotheses"]) {
      const input = this.form.elements[name];
      input.max = most;
      if (input.value === input.defaultValue && Number(input.value) > most) input.value = most;
    }
  }

  #refresh() {
    const isSampling = this.form.elements.search.value === "sampling";
    for (const [id, isUsed] of [["beam", !isSampling], ["sampling", isSampling]]) {
      const group = this.form.querySelector(`#${id}`);
      group.hidden = group.disabled = !isUsed;
    }
    const has = (select, value) => [...select.options].some((option) => option.value === value);
    this.swap.disabled = !has(this.source, this.target.value) || !has(this.target, this.source.value);
    this.text.lang = this.source.value;
  }
}

/** Returns what the language of a code is called in English, and the code. */
export function languageName(code) {
  let name = code;
  try {
    name = names.of(code);
  } catch {
    // a code that Unicode does not know
  }
  return name === code ? code : `${name} (${code})`;
}

function asOption(model) {
  return model.is_default ? model.name : `${model.name}@${model.version}`;
}

function described(model) {
  return `${asOption(model)} · ${model.precision} on ${model.provider}`;
}

function languages(codes) {
  const named = [...new Set(codes)].map((code) => [code, languageName(code)]);
  return named.sort(([, one], [, other]) => one.localeCompare(other, "en"));
}

/** Fills a select, keeps its value where it can, and else takes the first that is not `other`. */
function fill(select, options, other) {
  const before = select.value;
  select.replaceChildren(...options.map(([value, label]) => new Option(label, value)));
  select.disabled = !options.length;
  const values = options.map(([value]) => value);
  select.value = values.includes(before) && before ? before : values.find((value) => value !== other) ?? values[0] ?? "";
}
