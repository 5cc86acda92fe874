// A worker thread that forwards log records until it is terminated.
import { parentPort } from "node:worker_threads";

import { onLog } from "bigseg";

onLog(({ message }) => parentPort.postMessage(message), "debug");
parentPort.postMessage("listening");
setInterval(() => {}, 1000);
