/** Translates lines as they come in, and prints each as soon as it is done, after its number. */

import { createInterface } from "node:readline";
import { Metadata } from "@grpc/grpc-js";
import { connect } from "./client.js";

const client = connect(process.argv[2] ?? "");
const metadata = new Metadata();
const key = process.env["DRAGOMAN_API_KEY"];
if (key) metadata.set("authorization", `Bearer ${key}`);
const answers = client.streamTranslateText(metadata);

async function send() {
  let count = 0;
  for await (const content of createInterface(process.stdin)) {
    const text = { id: `${++count}`, content };
    await new Promise((taken) => answers.write(text, taken)); // once the server has room for it
  }
  answers.end();
}

void send();
try {
  for await (const { id, translation, error } of answers) {
    console.log(`${id}\t${translation?.translatedText ?? error?.message}`);
  }
} catch (refused) {
  console.error(String(refused));
  process.exitCode = 1;
}
process.stdin.destroy();
client.close();
