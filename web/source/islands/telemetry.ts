/** Fetches one metric's buckets from the API, as columns that uPlot takes. */
export interface Buckets {
  readonly times: number[];
  readonly min: (number | null)[];
  readonly mean: (number | null)[];
  readonly max: (number | null)[];
}

interface Answer {
  readonly times_s: readonly number[];
  readonly min: readonly number[];
  readonly mean: readonly number[];
  readonly max: readonly number[];
}

/** A hole longer than this many typical steps is drawn as a gap, not as a straight line. */
const GAP_STEPS = 4;

export async function fetchBuckets(url: string, from_s: number, to_s: number, points: number): Promise<Buckets> {
  const query = new URL(url, location.origin);
  query.searchParams.set("from", String(from_s));
  query.searchParams.set("to", String(to_s));
  query.searchParams.set("points", String(points));
  const response = await fetch(query, { headers: { accept: "application/json" }, credentials: "same-origin" });
  if (!response.ok) throw new Error(`telemetry answered ${response.status}`);
  return withGaps((await response.json()) as Answer);
}

function withGaps(answer: Answer): Buckets {
  const times = answer.times_s;
  const steps = times.slice(1).map((time_s, i) => time_s - (times[i] ?? 0));
  const typical_s = [...steps].sort((a, b) => a - b)[Math.floor(steps.length / 2)] ?? Infinity;
  const columns: Buckets = { times: [], min: [], mean: [], max: [] };
  let previous_s = NaN;
  times.forEach((time_s, i) => {
    if (time_s - previous_s > GAP_STEPS * typical_s) push(columns, previous_s + typical_s, null, null, null);
    push(columns, time_s, answer.min[i] ?? null, answer.mean[i] ?? null, answer.max[i] ?? null);
    previous_s = time_s;
  });
  return columns;
}

function push(to: Buckets, time_s: number, min: number | null, mean: number | null, max: number | null): void {
  to.times.push(time_s);
  to.min.push(min);
  to.mean.push(mean);
  to.max.push(max);
}
