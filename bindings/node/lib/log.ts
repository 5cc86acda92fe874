/** What the library has to say to an operator. */

import { guarded, invalidArgument } from "./errors.js";
import { native } from "./native.js";

/**
 * How serious a line is. `error`: something a person must act on; `warn`: something that may become a problem; `info`: a change
 * of state; `debug`: what helps to find a fault.
 */
export type LogLevel = "error" | "warn" | "info" | "debug";

/** One line; it holds neither context keys nor passwords. */
export interface LogLine {
  /** How serious it is. */
  readonly level: LogLevel;
  /** The sentence for a person. */
  readonly message: string;
}

/**
 * Calls back with each line that is at least as serious as `level`. By default nobody is told anything.
 *
 * The lines are those of the whole process: of engines in other threads, too. They come soon after they were said, on this
 * thread; of a thread that is busy for long, the last 1,000 wait. Listening does not keep the process alive. What a listener
 * throws becomes a warning of the process, once, and harms nobody.
 *
 * @returns a function that unsubscribes; after that the listener is not called again
 * @throws BigSegError `invalid_argument` when the level is none
 */
export function onLog(listener: (line: LogLine) => void, level: LogLevel = "info"): () => void {
  if (typeof listener !== "function") throw invalidArgument("a listener is a function");
  let [isListening, hasFailed] = [true, false];
  const tell = async (line: LogLine) => listener(line);
  const failed = (error: unknown) => {
    if (!hasFailed) process.emitWarning(`a listener of bigseg's log failed: ${String(error)}`);
    hasFailed = true;
  };
  const number = guarded(() =>
    native.addLogListener(level, {
      deliver(lineLevel, message) {
        if (isListening) tell(Object.freeze({ level: lineLevel as LogLevel, message })).catch(failed);
      },
      hasRef: () => false,
    }),
  );
  return () => {
    if (isListening) native.removeLogListener(number);
    isListening = false;
  };
}
