/**
 * Puts the events of a device (findings, tickets, reboots, …) onto the charts' time axis.
 *
 * Without scripts each lane is a plain list; here every entry gets its place between the range's ends,
 * and entries that overlap stand in rows below each other.
 */
export const EDGE_PX = 22; // room for the last label of the axis; the charts keep the same

const ROW_PX = 24;
const MARGIN_PX = 2;
const LEAST_PX = 12;

interface Place {
  readonly entry: HTMLElement;
  readonly from: number;
  readonly to: number;
}

export function layOutLanes(root: HTMLElement, from_s: number, to_s: number, left_px: number): void {
  for (const lanes of root.querySelectorAll<HTMLElement>("[data-lanes]")) {
    lanes.dataset["laid"] = "yes";
    for (const track of lanes.querySelectorAll<HTMLElement>("[data-track]")) {
      track.style.marginLeft = `${left_px}px`;
      track.style.marginRight = `${EDGE_PX}px`;
      layOutTrack(track, from_s, to_s);
    }
  }
}

function layOutTrack(track: HTMLElement, from_s: number, to_s: number): void {
  const width = track.clientWidth;
  const toPx = (time_s: number): number => (width * Math.min(1, Math.max(0, (time_s - from_s) / (to_s - from_s))));
  const places: Place[] = [];
  for (const entry of track.querySelectorAll<HTMLElement>("[data-at]")) {
    const start = Number(entry.dataset["at"]);
    const until = entry.dataset["until"];
    const end = until === undefined ? start : until === "" ? to_s : Number(until);
    entry.hidden = end < from_s || start > to_s;
    if (entry.hidden) continue;
    const from = Math.min(toPx(start), width - LEAST_PX);
    places.push({ entry, from, to: Math.max(toPx(end), from + LEAST_PX) });
  }
  const rowEnds: number[] = [];
  for (const { entry, from, to } of places.sort((a, b) => a.from - b.from)) {
    const free = rowEnds.findIndex((end) => end <= from);
    const row = free === -1 ? rowEnds.length : free;
    rowEnds[row] = to;
    entry.style.left = `${from}px`;
    entry.style.top = `${row * ROW_PX + MARGIN_PX}px`;
    entry.style.width = entry.dataset["until"] === undefined ? "" : `${to - from}px`;
  }
  track.style.height = `${Math.max(1, rowEnds.length) * ROW_PX + MARGIN_PX}px`;
}
