/* The page: asks for a translation as somebody types, and for the server until it is there. */

import { Failure, listModels, translate } from "./api.js";
import { Attention } from "./attention.js";
import { Form } from "./form.js";
import { Result } from "./result.js";

const TYPING_MS = 200; // without a key, before a text is sent
const SPEAKING_MS = 800; // likewise, before a translation is read out
const AWAY_MS = 2_000; // between two looks for a server that is away
const SERVING_MS = 15_000; // and for one that is there
const AWAY = "The server is away; trying again …";
const KEY = "dragoman-key"; // of sessionStorage

const find = (id) => document.getElementById(id);
const form = new Form(find("form"));
const result = new Result(document);
const attention = new Attention(document, lookCloser);
const unaligned = new Map(); // models that have no alignment, with what the server says of it

let running = new AbortController(); // the translation that is on its way
let typing = 0; // timers
let speaking = 0;
let looking = 0;

async function translateNow() {
  clearTimeout(typing);
  clearTimeout(speaking);
  running.abort();
  const request = form.request();
  if (!request.text.trim()) return clear();
  const mine = (running = new AbortController());
  result.wait(request.options.target_language_code);
  try {
    await followAligned(request, mine.signal);
  } catch (error) {
    if (mine.signal.aborted) return;
    if (!(error instanceof Failure)) throw error;
    fail(error);
  }
}

function clear() {
  result.clear();
  attention.withdraw();
  find("unaligned").textContent = "";
}

/** Follows with words aligned, or without where the server says that there is no such thing. */
async function followAligned(request, signal) {
  const { model, source_language_code: source, target_language_code: target } = request.options;
  const asked = [model, source, target].join("/");
  let why = unaligned.get(asked) ?? "";
  if (!why) {
    try {
      await follow({ ...request, options: { ...request.options, return_alignment: true } }, signal);
    } catch (error) {
      if (signal.aborted || !(error instanceof Failure) || !error.isOnlyOf("return_alignment")) throw error;
      why = error.message;
      if (error.reason === "NO_ATTENTION_GRAPH") unaligned.set(asked, why);
    }
  }
  if (why) await follow(request, signal);
  if (!signal.aborted) find("unaligned").textContent = why && `Words are not aligned: ${why}`;
}

/** Returns the translation of a text, as a whole. */
async function lookCloser(request) {
  for await (const { translation } of translate(request, key())) if (translation) return translation;
}

async function follow(request, signal) {
  const started = performance.now();
  let first = null;
  for await (const { partial_text: beginning, translation } of translate(request, key(), signal)) {
    if (signal.aborted) return;
    first ??= beginning === undefined ? null : performance.now() - started;
    if (translation === undefined) result.grow(beginning);
    else {
      result.finish(request, translation, { first, total: performance.now() - started });
      attention.offer(request, translation);
      form.mark([]);
      speaking = setTimeout(() => (find("announced").textContent = translation.translated_text), SPEAKING_MS);
    }
  }
}

function fail(failure) {
  result.fail(failure);
  attention.withdraw();
  find("unaligned").textContent = "";
  form.mark(failure.violations);
  if (failure.code === "UNAUTHENTICATED") find("access").open = true;
  if (!failure.isAway) return;
  told("away", AWAY);
  lookIn(AWAY_MS);
}

/** Looks for the server now, and then again and again. */
async function look() {
  const wasServing = find("server").dataset.state === "serving";
  try {
    const models = await listModels(key());
    form.offer(models);
    count();
    told("serving", models.length === 1 ? "The server is there, with 1 model." : `The server is there, with ${models.length} models.`);
    if (!wasServing) {
      unaligned.clear(); // it may have other models
      translateNow();
    }
    lookIn(SERVING_MS);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.code === "UNAUTHENTICATED") find("access").open = true;
    result.explain(error);
    if (error.isAway) told("away", AWAY);
    else told("refusing", "The server refuses to say what it has.");
    lookIn(AWAY_MS);
  }
}

function lookIn(milliseconds) {
  clearTimeout(looking);
  looking = setTimeout(look, milliseconds);
}

/** Says how it is with the server, where that is news: a screen reader reads it out. */
function told(state, text) {
  const server = find("server");
  server.dataset.state = state;
  if (server.textContent !== text) server.textContent = text;
}

function count() {
  const length = [...form.text.value].length;
  const isOver = length > form.limit;
  find("count").textContent = `${length.toLocaleString("en")} of ${form.limit.toLocaleString("en")}`;
  find("count").className = isOver ? "over" : "";
}

function key() {
  return sessionStorage.getItem(KEY) ?? "";
}

function translateSoon() {
  clearTimeout(typing);
  clearTimeout(speaking);
  typing = setTimeout(translateNow, TYPING_MS);
}

form.form.addEventListener("submit", (event) => event.preventDefault());
form.form.addEventListener("input", (event) => {
  if (event.target === find("key") || event.isComposing) return;
  count();
  translateSoon();
});
form.text.addEventListener("compositionend", translateSoon);
form.form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) translateNow();
});

form.swap.addEventListener("click", () => {
  form.swapLanguages();
  form.text.value = find("translation").textContent || form.text.value;
  count();
  translateNow();
});

find("key").addEventListener("change", ({ target }) => {
  sessionStorage.setItem(KEY, target.value);
  told("connecting", "Looking for the server …"); // which has what stands there translated again
  look();
});
find("key").value = key();
if (!isSecureContext) {
  find("key").disabled = true;
  find("key-note").textContent = "A key would go over the network for all to read: open this page by https, or on the machine that serves it.";
}

look();
