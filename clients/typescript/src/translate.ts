/** Prints the translations of its arguments. The first argument says where the server is. */

import { Metadata } from "@grpc/grpc-js";
import { connect } from "./client.js";

const [target = "", ...contents] = process.argv.slice(2);
const client = connect(target);
const metadata = new Metadata();
const key = process.env["DRAGOMAN_API_KEY"];
if (key) metadata.set("authorization", `Bearer ${key}`);
const deadline = Date.now() + 30_000;

client.translateText({ contents }, metadata, { deadline }, (refused, answer) => {
  if (refused) {
    console.error(refused.message);
    process.exitCode = 1;
  }
  for (const { translatedText } of answer?.translations ?? []) console.log(translatedText);
  client.close();
});
