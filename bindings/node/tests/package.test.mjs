// The packed package, installed into a fresh project, used from every kind of module, and compiled
// against.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const here = fileURLToPath(new URL(".", import.meta.url));
const run = promisify(execFile);
const require = createRequire(import.meta.url);
const tsc = require.resolve("typescript/bin/tsc");

test("npm pack, npm install, and it works", async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "bigseg-project-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const node = (...words) => run(process.execPath, words, { cwd: folder });
  await run(process.execPath, [path.join(here, "..", "tools", "pack.mjs"), folder]);
  const tarballs = readdirSync(folder).sort();
  assert.equal(tarballs.length, 2, tarballs.join());
  writeFileSync(path.join(folder, "package.json"), '{ "name": "fresh", "private": true }\n');
  // Offline, because the package has no dependencies to fetch.
  const flags = ["--offline", "--no-audit", "--no-fund", "--omit=optional", "--install-strategy=nested"];
  await run("npm", ["install", ...flags, ...tarballs.map((name) => `./${name}`)], { cwd: folder });

  const installed = path.join(folder, "node_modules", "bigseg");
  const manifest = JSON.parse(readFileSync(path.join(installed, "package.json"), "utf8"));
  assert.equal(manifest.dependencies, undefined, "no run-time dependencies");
  assert.ok(Object.keys(manifest.optionalDependencies).includes(`bigseg-linux-x64-gnu`));
  assert.deepEqual(readdirSync(installed).sort(), ["LICENSE", "README.md", "dist", "esm", "package.json"]);

  const body = "Engine.open('memory:').then((engine) => console.log(engine.membershipSync('alice').status, typeof store))";
  const imports = "import { Engine } from 'bigseg'; import { store } from 'bigseg/launchdarkly';";
  const requires = "const { Engine } = require('bigseg'); const { store } = require('bigseg/launchdarkly');";
  const esm = await node("--input-type=module", "-e", `${imports} ${body}`);
  const commonJs = await node("-e", `${requires} ${body}`);
  assert.deepEqual([esm.stdout, commonJs.stdout], ["STALE function\n", "STALE function\n"]);

  for (const usage of ["usage.mts", "usage.cts"]) copyFileSync(path.join(here, "project", usage), path.join(folder, usage));
  const types = path.dirname(path.dirname(require.resolve("@types/node/package.json")));
  const strict = ["--strict", "--exactOptionalPropertyTypes", "--noEmit", "--target", "es2022", "--module", "node16"];
  const checked = [...strict, "--types", "node", "--typeRoots", types, "usage.mts", "usage.cts"];
  const { stdout } = await node(tsc, ...checked).catch((error) => error);
  assert.equal(stdout, "");
  await refusesMisspeltOptions(folder, [...strict, "--types", "node", "--typeRoots", types]);

  const platformPackages = readdirSync(path.join(folder, "node_modules")).filter((name) => name.startsWith("bigseg-"));
  assert.equal(platformPackages.length, 1);
  rmSync(path.join(folder, "node_modules", platformPackages[0]), { recursive: true });
  const missing = await node("-e", "require('bigseg')").catch((error) => error);
  assert.match(missing.stderr, new RegExp(`there is no package ${platformPackages[0]}`));
  assert.match(missing.stderr, /BIGSEG_NO_BINARY/);
  assert.match(missing.stderr, /npm run build/);
});

/**
 * Checks that every statement of `misspelt.mts` is a compile error, in the package that is
 * installed in `folder`.
 */
async function refusesMisspeltOptions(folder, flags) {
  const source = readFileSync(path.join(here, "project", "misspelt.mts"), "utf8");
  const expected = source.split("\n").flatMap((line, index) => (/^(await|displayStore|\()/.test(line) ? [index + 1] : []));
  assert.ok(expected.length > 0);
  copyFileSync(path.join(here, "project", "misspelt.mts"), path.join(folder, "misspelt.mts"));
  const words = [tsc, ...flags, "misspelt.mts"];
  const { stdout = "" } = await run(process.execPath, words, { cwd: folder }).catch((error) => error);
  const found = [...stdout.matchAll(/^misspelt\.mts\((\d+),/gm)].map((match) => Number(match[1]));
  assert.deepEqual(found, expected, stdout);
}

test("a misspelt option is a compile error", async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "bigseg-types-"));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(path.join(folder, "node_modules"));
  symlinkSync(path.join(here, ".."), path.join(folder, "node_modules", "bigseg"));
  const types = path.dirname(path.dirname(require.resolve("@types/node/package.json")));
  const strict = ["--strict", "--noEmit", "--target", "es2022", "--module", "node16", "--types", "node", "--typeRoots", types];
  await refusesMisspeltOptions(folder, strict);
});

test("the examples compile under strict settings", async () => {
  const { stdout } = await run(process.execPath, [tsc, "-p", path.join(here, "..", "examples")]).catch((error) => error);
  assert.equal(stdout, "");
});
