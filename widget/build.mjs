// Builds the one file that a page embeds, and writes its integrity hash beside it: node build.mjs [folder]
import { build, transform } from "esbuild";
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { minify } from "terser";
import { fileURLToPath } from "node:url";
import path from "node:path";

const here = path.dirname(fileURLToPath(import.meta.url));
const folder = path.resolve(process.argv[2] ?? path.join(here, "..", "var", "widget"));
const LARGEST = 25_000; // bytes gzipped, socket.io-client included

// The style sheet becomes a string for a constructed sheet: no <style> element, nothing that a strict CSP forbids.
const sheet = {
  name: "sheet",
  setup(build) {
    build.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, "utf8"), { loader: "css", minify: true, target: ["chrome115", "firefox115", "safari16.4"] });
      return { contents: code.trim(), loader: "text" };
    });
  },
};

// Parts of socket.io that this chat cannot reach: it sends no binary data and asks for no WebTransport.
const UNUSED = {
  "engine.io-client/build/esm/transports/webtransport.js": "export class WT {}",
  "engine.io-parser/build/esm/encodePacket.browser.js":
    'import { PACKET_TYPES } from "./commons.js"; export const encodePacket = ({ type, data }, binary, done) => done(PACKET_TYPES[type] + (data || "")); export const encodePacketToBinary = () => {};',
  "engine.io-parser/build/esm/contrib/base64-arraybuffer.js": "export const decode = () => new ArrayBuffer(0);",
  "socket.io-parser/build/esm/binary.js": "export const deconstructPacket = (packet) => ({ packet, buffers: [] }); export const reconstructPacket = (packet) => packet;",
  "socket.io-parser/build/esm/is-binary.js": "export const isBinary = () => false; export const hasBinary = () => false;",
};
const lean = {
  name: "lean",
  setup(build) {
    build.onLoad({ filter: /\.js$/ }, ({ path: file }) => {
      const found = Object.entries(UNUSED).find(([name]) => file.endsWith(name));
      return found && { contents: found[1], loader: "js" };
    });
  },
};

const { outputFiles } = await build({
  entryPoints: [path.join(here, "src", "index.ts")],
  bundle: true,
  write: false,
  format: "iife",
  minify: true,
  charset: "utf8",
  legalComments: "none",
  target: ["chrome115", "firefox115", "safari16.4"],
  define: { "process.env.NODE_ENV": '"production"' },
  plugins: [sheet, lean],
  mangleProps: /^_[a-z]/i, // socket.io's private names, but for those it looks up by their text
  reserveProps: /^_(destroy|reconnecting)$/,
});
const CONTAINED = ["socket.io-client", "engine.io-client", "socket.io-parser", "engine.io-parser", "@socket.io/component-emitter"];

/** The licences of what the file contains, as they ask to be handed on. */
async function licences() {
  const texts = CONTAINED.map(async (name) => `${name}\n\n${await readFile(path.join(here, "node_modules", name, "LICENSE"), "utf8")}`);
  return (await Promise.all(texts)).join(`\n${"-".repeat(80)}\n\n`);
}

const LICENCES = "/*! Stria chat, Apache-2.0; socket.io-client, MIT: stria-chat.licences.txt */\n";
const { code: small } = await minify(outputFiles[0].text, { ecma: 2022, toplevel: true, compress: { passes: 4, unsafe_arrows: true, pure_getters: true, keep_fargs: false, hoist_props: true, unsafe_methods: true } });
const code = Buffer.from(LICENCES + small + "\n");
const size = gzipSync(code, { level: 9 }).length;
if (size > LARGEST) {
  console.error(`The widget is ${size} bytes gzipped; ${LARGEST} are allowed.`);
  process.exit(1);
}
await mkdir(folder, { recursive: true });
await writeFile(path.join(folder, "stria-chat.js"), code);
await writeFile(path.join(folder, "stria-chat.licences.txt"), await licences());
await writeFile(path.join(folder, "stria-chat.js.sri"), "sha384-" + createHash("sha384").update(code).digest("base64") + "\n");
console.log(`The chat widget is ready: ${(size / 1000).toFixed(1)} kB gzipped.`);
