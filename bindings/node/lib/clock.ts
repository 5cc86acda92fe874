/** Clocks. */

import { performance } from "node:perf_hooks";

import { guarded } from "./errors.js";
import { native, type NativeManualClock } from "./native.js";

/** A clock for tests, which moves only when a test advances it. */
export class ManualClock {
  readonly #native: NativeManualClock;

  /** Creates a clock with this wall-clock time, in Unix milliseconds. */
  constructor(unixMillis: number) {
    this.#native = guarded(() => new native.ManualClock(unixMillis));
  }

  /** Advances both the monotonic and the wall-clock time. */
  advance(milliseconds: number): void {
    guarded(() => this.#native.advance(milliseconds));
  }

  /** Sets the wall-clock time only, as an administrator or NTP does. */
  setUnixMillis(unixMillis: number): void {
    guarded(() => this.#native.setUnixMillis(unixMillis));
  }

  /** @internal */
  static native(clock: ManualClock): NativeManualClock {
    return clock.#native;
  }
}

/** @internal Returns milliseconds on a monotonic clock; only differences have a meaning. */
export type Now = () => number;

// Bound once, so that a test that replaces the global clock does not affect the engine.
const system: Now = performance.now.bind(performance);

/** @internal Returns the clock of an engine for the JavaScript side. */
export function nowOf(clock: ManualClock | undefined): Now {
  if (clock === undefined) return system;
  const manual = ManualClock.native(clock);
  return () => manual.now();
}
