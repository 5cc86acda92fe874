// The name of this platform's package, and the platform fields of its package.json.
import { readFileSync } from "node:fs";

export function platform() {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  const isMusl = process.platform === "linux" && !process.report.getReport().header.glibcVersionRuntime;
  const libc = process.platform === "linux" ? (isMusl ? "musl" : "glibc") : undefined;
  const suffix = { glibc: "-gnu", musl: "-musl" }[libc] ?? (process.platform === "win32" ? "-msvc" : "");
  return {
    name: `${process.platform}-${process.arch}${suffix}`,
    version: manifest.version,
    fields: { os: [process.platform], cpu: [process.arch], ...(libc && { libc: [libc] }) },
  };
}
