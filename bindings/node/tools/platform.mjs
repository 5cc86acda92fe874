// What this platform's package is called, and what its package.json says about where it fits.
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
