// The page of `bigseg sync` in a real Chromium: what people see, type and press, and what other sites try.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";

const require = createRequire(join(process.env.BIGSEG_PAGE_TOOLS, "package.json"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const KEY = "sdk-key-of-the-test";
const EVIL = "<img src=x onerror=hacked=1><script>hacked=1</script>\"'&";
const directory = mkdtempSync(join(tmpdir(), "bigseg-page-"));
const file = join(directory, "bigseg.toml");

const servers = [];

/** Starts a server on a free port and returns its URL. */
function serve(handler) {
  const server = createServer(handler);
  servers.push(server);
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${server.address().port}`)));
}

let accepted = KEY;
const streams = new Set();

/** Answers as an upstream without patches; refuses keys that are not accepted. */
function upstream(request, response) {
  if (request.headers.authorization !== accepted) return response.writeHead(401).end();
  if (request.url.startsWith("/sdk/")) return response.writeHead(200, { "content-type": "application/json" }).end("[]");
  streams.add(response);
  response.writeHead(200, { "content-type": "text/event-stream" }).write(": welcome\n\n");
}

let source, command, address, browser, context, page, foreign, complaints;

function integration(id, name, more = "") {
  return `[[integration]]
id = "${id}"
name = ${JSON.stringify(name)}
project = "shop"
environment = "production"
sdk_key = "\${SDK_KEY}"
base_url = "${source}"
stream_url = "${source}"
proxy = "none"
store = "local:${join(directory, id)}" # its store
${more}
`;
}

before(async () => {
  source = await serve(upstream);
  writeFileSync(file, integration("main", "Main") + integration("evil", EVIL) + integration("spare", "Spare"));
  command = spawn(process.env.BIGSEG_COMMAND, ["sync", "--config", file, "--listen", "127.0.0.1:0"], {
    env: { ...process.env, SDK_KEY: KEY },
    stdio: ["ignore", "inherit", "pipe"],
  });
  address = await new Promise((resolve, reject) => {
    let said = "";
    command.stderr.on("data", (bytes) => {
      said += bytes;
      const found = /listening at (http:\S+)\//.exec(said);
      if (found) resolve(found[1]);
    });
    command.once("exit", () => reject(new Error(said)));
  });
  // Without a sandbox, as root in a container has none to offer; nothing but our own page is loaded.
  browser = await chromium.launch({ executablePath: process.env.BIGSEG_CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });
});

after(async () => {
  await browser?.close();
  command?.kill("SIGTERM");
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  rmSync(directory, { recursive: true, force: true });
});

/** Opens a fresh page that notes every complaint of the browser and every request that leaves this server. */
async function open(options = {}) {
  await context?.close();
  context = await browser.newContext(options);
  page = await context.newPage();
  [foreign, complaints] = [[], []];
  page.on("request", (request) => request.url().startsWith(address) || foreign.push(request.url()));
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
}

beforeEach(() => open());

function assertQuiet() {
  assert.deepEqual(foreign, [], "nothing comes from elsewhere");
  assert.deepEqual(complaints, []);
}

const state = (id) => page.locator(`#state-${id}`);
const says = (locator, text) => locator.filter({ hasText: text }).waitFor({ timeout: 60_000 });

test("the table shows each integration and refreshes itself", async () => {
  await page.goto(address);
  await says(state("main"), "Healthy");
  assert.match(await page.locator("tr", { hasText: "Main" }).textContent(), /Main\s*shop \/ production/);
  assert.match(await page.locator("#sync-main").textContent(), /ago.*\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/);
  accepted = "another";
  for (const stream of streams) stream.destroy();
  await says(state("main"), "See error");
  await says(page.locator("#news"), "See error");
  await page.getByRole("link", { name: "See error" }).first().click();
  await says(page.locator("h1"), "Main");
  await says(page.locator("#log-main"), "401 upstream_refused");
  accepted = KEY;
  assert.deepEqual(foreign, []);
});

test("an integration is turned off and on with the keyboard alone", async () => {
  await page.goto(address);
  const press = async (name) => {
    for (let n = 0; n < 50; n++) {
      await page.keyboard.press("Tab");
      if ((await page.evaluate(() => document.activeElement.getAttribute("aria-label"))) === name) break;
    }
    await page.keyboard.press("Enter");
  };
  await press("Turn off Main");
  await says(state("main"), "Off");
  assert.match(readFileSync(file, "utf8"), /^on = false$/m);
  await press("Turn on Main");
  await says(state("main"), "Healthy");
  assertQuiet();
});

test("the name and the store are edited, also without JavaScript", async () => {
  for (const javaScriptEnabled of [true, false]) {
    await open({ javaScriptEnabled });
    await page.goto(`${address}/integration/main`);
    const name = javaScriptEnabled ? "With script" : "Main";
    await page.getByLabel("Name").fill(name);
    await page.getByLabel("Store", { exact: true }).fill(`local:${join(directory, name.replace(" ", "-"))}`);
    await page.getByRole("button", { name: "Save" }).click();
    await says(page.locator("h1"), name);
    assert.ok(readFileSync(file, "utf8").includes(`name = "${name}"`));
    await page.getByLabel("Store", { exact: true }).fill("nonsense");
    await page.getByRole("button", { name: "Save" }).click();
    await says(page.getByRole("alert"), "scheme");
    assert.deepEqual(foreign, []);
  }
});

test("an integration is deleted, after a confirmation", async () => {
  await page.goto(`${address}/integration/spare`);
  await page.getByRole("link", { name: "Delete" }).click();
  await page.getByRole("link", { name: "Keep it" }).click();
  assert.ok(readFileSync(file, "utf8").includes('id = "spare"'));
  await page.getByRole("link", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Delete Spare" }).click();
  await says(page.locator("h1"), "Persistent store integrations");
  assert.equal(await page.getByText("Spare").count(), 0);
  assert.ok(!readFileSync(file, "utf8").includes("spare"));
  assertQuiet();
});

test("a name is text and nothing else", async () => {
  for (const path of ["/", "/integration/evil", "/integration/evil/delete"]) {
    await page.goto(address + path);
    assert.equal(await page.evaluate(() => globalThis.hacked), undefined);
    assert.ok((await page.locator("main").textContent()).includes(EVIL), path);
  }
  assertQuiet();
});

test("another site changes nothing and reads nothing", async () => {
  const before = readFileSync(file, "utf8");
  const other = await serve((request, response) => {
    response.writeHead(200, { "content-type": "text/html" });
    response.end(`<form method="post" action="${address}/integration/main/switch"><input name="on" value="false"></form>
      <iframe src="${address}/"></iframe><script>
      fetch("${address}/status").then((r) => r.text()).then((t) => { document.title = "read"; }, () => { document.title = "refused"; });
      </script>`);
  });
  await page.goto(other.replace("127.0.0.1", "localhost"));
  await page.waitForFunction(() => document.title !== "");
  assert.equal(await page.title(), "refused");
  assert.ok(complaints.some((text) => text.includes("frame-ancestors")), String(complaints));
  await page.evaluate(() => document.forms[0].submit());
  await says(page.getByRole("alert"), "another site");
  assert.equal(readFileSync(file, "utf8"), before);
});

test("it is readable on a phone and without good eyes", async () => {
  for (const colorScheme of ["light", "dark"]) {
    for (const viewport of [{ width: 320, height: 640 }, { width: 1280, height: 800 }]) {
      await open({ colorScheme, viewport });
      for (const path of ["/", "/integration/main", "/integration/main/delete", "/login", "/nonsense"]) {
        await page.goto(address + path);
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${path} is too wide`);
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => globalThis.axe.run());
        const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html)}`);
        assert.deepEqual(found, [], `${path} ${colorScheme} ${viewport.width}`);
      }
    }
  }
});
