// Runs both packages in turn, in short rounds, and takes the best of each: shared machines vary.

/** Runs each of `works`, a map of names to functions, in turn; returns the best figure of each. */
export async function best(works, rounds, isBetter = (a, b) => a < b) {
  const figures = {};
  for (let round = 0; round <= rounds; round++) {
    for (const [name, work] of Object.entries(works)) {
      const figure = await work();
      // The first round warms up.
      if (round > 0 && (figures[name] === undefined || isBetter(figure, figures[name]))) figures[name] = figure;
    }
  }
  return figures;
}

/** Nanoseconds that each of `count` takes. */
export async function nanoseconds(count, work) {
  const began = process.hrtime.bigint();
  await work(count);
  return Number(process.hrtime.bigint() - began) / count;
}

export function row(what, theirs, our, ratio, wanted) {
  console.log(`  ${what.padEnd(44)} ${theirs.padStart(14)} ${our.padStart(14)}   ${ratio.padStart(8)}   ${wanted}`);
}

export function head(title) {
  console.log(`\n${title}`);
  row("", "official", "bigseg", "ratio", "");
}
