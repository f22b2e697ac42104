/** Opens a client of a Dragoman server. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type ChannelCredentials, credentials, loadPackageDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import type { TranslationServiceClient } from "./generated/dragoman/v1/TranslationService.js";
import type { ProtoGrpcType } from "./generated/translation.js";

function packaged(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

const definition = loadSync("dragoman/v1/translation.proto", {
  includeDirs: [packaged("protos")],
  longs: String,
  enums: String,
  defaults: true,
  oneofs: true,
});
const { dragoman } = loadPackageDefinition(definition) as unknown as ProtoGrpcType;

// Those of the Python client: its channel.py says why.
const options = {
  "grpc.service_config": readFileSync(packaged("service_config.json"), "utf8"),
  "grpc.max_receive_message_length": 64 * 1024 * 1024,
  "grpc.keepalive_time_ms": 60_000,
  "grpc.keepalive_timeout_ms": 20_000,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 500,
  "grpc.dns_min_time_between_resolutions_ms": 2_000,
};

/**
 * @param target HOST:PORT, or dns:///HOST:PORT of a name with many addresses.
 * @param channel Plain text where it is not given; credentials.createSsl() for TLS.
 */
export function connect(
  target: string,
  channel: ChannelCredentials = credentials.createInsecure(),
): TranslationServiceClient {
  return new dragoman.v1.TranslationService(target, channel, options);
}
