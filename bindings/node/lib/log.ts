/** Log records of the library. */

import { guarded, invalidArgument } from "./errors.js";
import { native } from "./native.js";

/**
 * The level of a log record.
 *
 * - `error`: a person must act.
 * - `warn`: a problem may develop.
 * - `info`: a state has changed.
 * - `debug`: details for troubleshooting.
 */
export type LogLevel = "error" | "warn" | "info" | "debug";

/** A log record; contains neither context keys nor passwords. */
export interface LogLine {
  /** The level. */
  readonly level: LogLevel;
  /** The message for a person. */
  readonly message: string;
}

/**
 * Calls back with each log record up to a level; without a listener, nothing is logged.
 *
 * The records are those of the whole process, including engines on other threads. They are
 * delivered on this thread; while it is busy, the last 1,000 are queued. A listener does not keep
 * the process alive. Its first exception becomes a warning of the process.
 *
 * @returns a function that unsubscribes; after that the listener is not called again
 * @throws BigSegError `invalid_argument` for an unknown level
 */
export function onLog(listener: (line: LogLine) => void, level: LogLevel = "info"): () => void {
  if (typeof listener !== "function") throw invalidArgument("a listener is a function");
  let isListening = true;
  let hasFailed = false;
  const call = async (line: LogLine) => listener(line);
  const warnOnce = (error: unknown) => {
    if (!hasFailed) process.emitWarning(`a log listener of bigseg failed: ${String(error)}`);
    hasFailed = true;
  };
  const id = guarded(() =>
    native.addLogListener(level, {
      deliver(lineLevel, message) {
        if (isListening) call(Object.freeze({ level: lineLevel as LogLevel, message })).catch(warnOnce);
      },
      hasRef: () => false,
    }),
  );
  return () => {
    if (isListening) native.removeLogListener(id);
    isListening = false;
  };
}
