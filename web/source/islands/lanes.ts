/**
 * Puts the events of a device (findings, tickets, reboots, …) onto the charts' time axis.
 *
 * Without scripts each lane is a plain list; here every entry gets its place between the range's ends.
 */
const EDGE_PX = 8; // the charts' own padding on the right

export function layOutLanes(root: HTMLElement, from_s: number, to_s: number, left_px: number): void {
  for (const lanes of root.querySelectorAll<HTMLElement>("[data-lanes]")) {
    lanes.dataset["laid"] = "yes";
    for (const track of lanes.querySelectorAll<HTMLElement>("[data-track]")) {
      track.style.marginLeft = `${left_px}px`;
      track.style.marginRight = `${EDGE_PX}px`;
      for (const entry of track.querySelectorAll<HTMLElement>("[data-at]")) place(entry, from_s, to_s);
    }
  }
}

function place(entry: HTMLElement, from_s: number, to_s: number): void {
  const start = Number(entry.dataset["at"]);
  const until = entry.dataset["until"];
  const end = until === undefined ? start : until === "" ? to_s : Number(until);
  const share = (time_s: number): number => Math.min(1, Math.max(0, (time_s - from_s) / (to_s - from_s)));
  entry.hidden = end < from_s || start > to_s;
  entry.style.left = `min(${100 * share(start)}%, calc(100% - 0.75rem))`;
  entry.style.width = until === undefined ? "" : `${100 * (share(end) - share(start))}%`;
}
