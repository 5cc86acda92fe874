/** What time it is. */

import { performance } from "node:perf_hooks";

import { guarded } from "./errors.js";
import { native, type NativeManualClock } from "./native.js";

/** A clock for tests: it stands still until it is told to move. */
export class ManualClock {
  readonly #native: NativeManualClock;

  /** Creates a clock whose wall-clock time is that, in Unix milliseconds. */
  constructor(unixMillis: number) {
    this.#native = guarded(() => new native.ManualClock(unixMillis));
  }

  /** Moves both the monotonic and the wall-clock time forward. */
  advance(milliseconds: number): void {
    guarded(() => this.#native.advance(milliseconds));
  }

  /** Sets the wall-clock time alone, as an administrator or NTP would. */
  setUnixMillis(unixMillis: number): void {
    guarded(() => this.#native.setUnixMillis(unixMillis));
  }

  /** @internal */
  static native(clock: ManualClock): NativeManualClock {
    return clock.#native;
  }
}

/** @internal Milliseconds on a monotonic clock; only differences mean something. */
export type Now = () => number;

// Looked up once: a test that replaces the global clock does not move the engine's.
const system: Now = performance.now.bind(performance);

/** @internal Returns the clock that JavaScript reads for an engine. */
export function nowOf(clock: ManualClock | undefined): Now {
  if (clock === undefined) return system;
  const manual = ManualClock.native(clock);
  return () => manual.now();
}
