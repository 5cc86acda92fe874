// A Redis server of the test's own, on a free port, killed at the end.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import * as path from "node:path";

import { eventually } from "./eventually.mjs";

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

export class RedisServer {
  static async start() {
    const server = new RedisServer();
    server.port = await freePort();
    server.folder = mkdtempSync(path.join(tmpdir(), "bigseg-redis-"));
    await server.restart();
    return server;
  }

  get store() {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts the server, empty. */
  async restart() {
    const flags = ["--port", `${this.port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", this.folder];
    this.process = spawn("redis-server", flags, { stdio: "ignore" });
    await eventually("the server answers", () => this.command("PING").catch(() => undefined));
  }

  /** Kills it as a crash would. */
  async kill() {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill("SIGKILL");
    await once(this.process, "exit");
  }

  freeze() {
    this.process.kill("SIGSTOP");
  }

  thaw() {
    this.process.kill("SIGCONT");
  }

  async stop() {
    this.thaw();
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Sends one command on a connection of its own; returns the reply as it comes. */
  command(...words) {
    return new Promise((resolve, reject) => {
      const socket = createConnection(this.port, "127.0.0.1");
      const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
      socket.on("error", reject);
      socket.on("data", (reply) => {
        socket.destroy();
        resolve(reply.toString());
      });
      socket.write(`*${words.length}\r\n${parts.join("")}`);
    });
  }

  /** How many connections there are, the one that asks included. */
  async connections() {
    return (await this.command("CLIENT", "LIST")).match(/^(?:\$\d+\r\n)?id=/gm).length;
  }

  /** How often the server carried out a command. */
  async calls(command) {
    const reply = await this.command("INFO", "commandstats");
    return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(reply)?.[1] ?? 0);
  }
}
