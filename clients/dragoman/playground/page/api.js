/* Requests to the server that the page came from. Knows the wire; shows nothing. */

/** Why something was not answered, in the words of whoever says so. */
export class Failure extends Error {
  /** @param {{code: string, reason: string, message: string, violations: {field: string, description: string}[]}} told */
  constructor(told) {
    super(told.message);
    this.code = told.code;
    this.reason = told.reason;
    this.violations = told.violations ?? [];
  }

  /** Whether the server, or what is before it, may be back soon. */
  get isAway() {
    return this.code === "UNAVAILABLE";
  }

  /** Whether it is this field of the request, and nothing else, that cannot be had. */
  isOnlyOf(field) {
    return this.violations.length > 0 && this.violations.every((violation) => violation.field === field);
  }
}

/** Returns the server's models; throws a Failure. */
export async function listModels(key) {
  const response = await asked("api/models", { headers: credential(key) });
  return told(await response.json()).models;
}

/**
 * Translates a text: yields {partial_text} while it is decoded, and last {translation}.
 * Throws a Failure, or an AbortError once the signal says so.
 */
export async function* translate(request, key, signal) {
  const response = await asked("api/translate", {
    method: "POST",
    headers: { "content-type": "application/json", ...credential(key) },
    body: JSON.stringify(request),
    signal,
  });
  if (!response.ok) throw told(await response.json());
  let isWhole = false;
  for await (const line of lines(response.body)) {
    const event = told(JSON.parse(line));
    isWhole ||= "translation" in event;
    yield event;
  }
  if (!isWhole) throw away("the answer broke off");
}

async function asked(path, options) {
  try {
    return await fetch(path, { cache: "no-store", ...options });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw away("the playground does not answer");
  }
}

function away(message) {
  return new Failure({ code: "UNAVAILABLE", reason: "PLAYGROUND_AWAY", message });
}

function told(answer) {
  if (answer.error) throw new Failure(answer.error);
  return answer;
}

function credential(key) {
  return key ? { authorization: `Bearer ${key}` } : {};
}

async function* lines(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let begun = "";
  for (;;) {
    const { done, value } = await read(reader);
    if (done) return;
    const ended = (begun + value).split("\n");
    begun = ended.pop();
    yield* ended;
  }
}

async function read(reader) {
  try {
    return await reader.read();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw away("the connection broke");
  }
}
