// Makes the two tarballs that are published: the package, and this platform's binary: pack.mjs
// FOLDER
//
// Only here does package.json come to name the platform packages, so that no other install looks
// for them.
import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { fileURLToPath } from "node:url";

import { platform } from "./platform.mjs";

/** What Rust calls the targets, and what npm does; package.json says which of them are packaged. */
const TARGETS = {
  "x86_64-unknown-linux-gnu": "linux-x64-gnu",
  "aarch64-unknown-linux-gnu": "linux-arm64-gnu",
  "x86_64-apple-darwin": "darwin-x64",
  "aarch64-apple-darwin": "darwin-arm64",
};

const folder = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const destination = path.resolve(process.argv[2] ?? ".");
mkdirSync(destination, { recursive: true });
const staging = mkdtempSync(path.join(tmpdir(), "bigseg-pack-"));
try {
  const { devDependencies, scripts, ...manifest } = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
  const names = manifest.napi.targets.map((target) => `${manifest.name}-${TARGETS[target]}`);
  manifest.optionalDependencies = Object.fromEntries(names.sort().map((name) => [name, manifest.version]));
  for (const part of manifest.files) cpSync(path.join(folder, part), path.join(staging, part), { recursive: true });
  copyFileSync(path.join(folder, "..", "..", "LICENSE"), path.join(staging, "LICENSE"));
  writeFileSync(path.join(staging, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  for (const place of [staging, path.join(folder, "npm", platform().name)]) {
    execFileSync("npm", ["pack", "--silent", "--pack-destination", destination], { cwd: place, stdio: "inherit" });
  }
} finally {
  rmSync(staging, { recursive: true });
}
