// Builds the native half with cargo and puts it where the package looks for it: build_native.mjs
// [--debug]
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { fileURLToPath } from "node:url";

import { platform } from "./platform.mjs";

const folder = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const isDebug = process.argv.includes("--debug");
const root = path.resolve(folder, "..", "..");
// Of a debug build the whole workspace decides on the features, as when its tests are built:
// nothing is compiled twice.
const what = isDebug ? ["--workspace", "--lib"] : ["--release", "-p", "bigseg-node"];
execFileSync("cargo", ["build", "--quiet", ...what], {
  cwd: root,
  stdio: "inherit",
});

const target = path.resolve(root, process.env.CARGO_TARGET_DIR ?? "target", isDebug ? "debug" : "release");
const [prefix, extension] = { darwin: ["lib", ".dylib"], win32: ["", ".dll"] }[process.platform] ?? ["lib", ".so"];
const { name, fields, version } = platform();
const place = path.join(folder, "npm", name);
const file = `bigseg.${name}.node`;
mkdirSync(place, { recursive: true });
// A file that a process has loaded must not change under it.
copyFileSync(path.join(target, `${prefix}bigseg_node${extension}`), path.join(place, `${file}.new`));
if (!isDebug && process.platform === "linux") execFileSync("strip", ["--strip-debug", path.join(place, `${file}.new`)]);
renameSync(path.join(place, `${file}.new`), path.join(place, file));
const manifest = {
  name: `bigseg-${name}`,
  version,
  description: `bigseg: the native half for ${name}`,
  license: "Apache-2.0",
  main: file,
  files: [file],
  engines: { node: ">=18" },
  ...fields,
};
writeFileSync(path.join(place, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
