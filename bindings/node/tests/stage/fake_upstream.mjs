// An upstream of the test's own: the program that BIGSEG_FAKE_UPSTREAM names.
import { spawn } from "node:child_process";
import { once } from "node:events";

/** After `n` patches, the segment s.g1 holds the contexts `n` and `n - 1`. */
export class FakeUpstream {
  /** Says why there is none to be had, for a test that is then skipped. */
  static get missing() {
    return process.env.BIGSEG_FAKE_UPSTREAM ? false : "BIGSEG_FAKE_UPSTREAM names no upstream";
  }

  static async start(t, sdkKey, patches) {
    const fake = new FakeUpstream();
    // It ends when its standard input does.
    fake.process = spawn(process.env.BIGSEG_FAKE_UPSTREAM, [sdkKey, `${patches}`], { stdio: ["pipe", "pipe", "ignore"] });
    const [url] = await once(fake.process.stdout, "data");
    fake.url = url.toString().trim();
    t.after(() => fake.process.kill("SIGKILL"));
    return fake;
  }

  /** Says how an integration gets there. */
  upstream(sdkKey) {
    return { sdkKey, baseUrl: this.url, streamUrl: this.url, proxy: "none" };
  }

  /** Publishes one more patch, which is streamed. */
  publish() {
    this.process.stdin.write("\n");
  }
}
