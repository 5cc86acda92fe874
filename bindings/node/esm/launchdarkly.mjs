import launchdarkly from "../dist/launchdarkly.js";

export const { bigSegments, store } = launchdarkly;
