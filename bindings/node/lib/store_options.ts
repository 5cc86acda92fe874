/** Store strings. */

import { guarded } from "./errors.js";
import { native } from "./native.js";
import { storeString, type StoreOptions } from "./options.js";

/**
 * Writes a store string without its secrets and without options that have their default, for logs.
 *
 * @throws BigSegError `invalid_config` when it is none, saying what is wrong and what was probably meant
 */
export function displayStore(store: string, options: StoreOptions = {}): string {
  return guarded(() => native.displayStore(storeString(store, options)));
}
