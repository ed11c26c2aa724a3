/**
 * Charts by uPlot: min–max band, mean line, findings shaded, one cursor and one time range for all
 * charts of a group, and the lanes of events below on the same axis.
 *
 * A group is `[data-chart-group]` with the range in `data-from`/`data-to` (unix seconds); each
 * `[data-chart]` in it names its API address. Drag selects a range; a double press goes back.
 */
import uPlot from "uplot";
import { readPalette, type Palette } from "./chart_palette";
import { EDGE_PX, layOutLanes } from "./lanes";
import { fetchBuckets } from "./telemetry";

interface Band {
  readonly from: number;
  readonly to: number | null;
  readonly metrics: readonly string[];
}

interface Range {
  from_s: number;
  to_s: number;
}

const AXIS_WIDTH_PX = 56;
const POINTS_PER_PX = 0.75;
const REFRESH_MS = 30_000;

export function mountCharts(): void {
  const seen = new Set<Element>();
  for (const chart of document.querySelectorAll("[data-chart]:not([data-mounted])")) {
    const group = chart.closest<HTMLElement>("[data-chart-group]");
    if (group && !seen.has(group)) new ChartGroup(group).start();
    if (group) seen.add(group);
  }
}

class ChartGroup {
  private full: Range;
  private range: Range;
  private zoomed = false;
  private readonly charts: Chart[] = [];
  private readonly sync = uPlot.sync(crypto.randomUUID());

  constructor(private readonly root: HTMLElement) {
    this.full = { from_s: Number(root.dataset["from"]), to_s: Number(root.dataset["to"]) };
    this.range = { ...this.full };
  }

  start(): void {
    const bands = JSON.parse(this.root.dataset["bands"] ?? "[]") as Band[];
    for (const element of this.root.querySelectorAll<HTMLElement>("[data-chart]:not([data-mounted])")) {
      element.dataset["mounted"] = "yes";
      this.charts.push(new Chart(element, bands, this.sync, (range) => this.show(range)));
    }
    const resize = new ResizeObserver(() => this.resize());
    resize.observe(this.root);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
    this.show(null);
    setInterval(() => this.follow(), REFRESH_MS);
  }

  /** The page shows "until now": while nobody looks closer, the range moves along. */
  private follow(): void {
    if (this.zoomed || document.visibilityState !== "visible" || !this.root.isConnected) return;
    const to_s = Date.now() / 1000;
    this.full = { from_s: to_s - (this.full.to_s - this.full.from_s), to_s };
    this.show(null);
  }

  private show(range: Range | null): void {
    this.zoomed = range !== null;
    this.range = range ?? { ...this.full };
    for (const chart of this.charts) void chart.load(this.range);
    this.resize();
  }

  private resize(): void {
    for (const chart of this.charts) chart.resize();
    layOutLanes(this.root, this.range.from_s, this.range.to_s, this.charts.length ? AXIS_WIDTH_PX : 0);
  }

  private redraw(): void {
    for (const chart of this.charts) void chart.load(this.range);
  }
}

class Chart {
  private plot: uPlot | null = null;
  private readonly holder: HTMLElement;
  private readonly readout: HTMLElement | null;

  constructor(
    private readonly element: HTMLElement,
    private readonly bands: readonly Band[],
    private readonly sync: uPlot.SyncPubSub,
    private readonly onRange: (range: Range | null) => void,
  ) {
    this.holder = element.querySelector<HTMLElement>("[data-plot]") ?? element;
    this.readout = element.querySelector<HTMLElement>("[data-readout]");
  }

  async load(range: Range): Promise<void> {
    const width = Math.max(this.holder.clientWidth, 120);
    this.element.setAttribute("aria-busy", "true");
    try {
      const points = Math.max(60, Math.round(width * POINTS_PER_PX));
      const data = await fetchBuckets(this.element.dataset["chart"] ?? "", range.from_s, range.to_s, points);
      const scale = Number(this.element.dataset["scale"] ?? 1);
      const scaled = (column: (number | null)[]): (number | null)[] =>
        scale === 1 ? column : column.map((value) => (value === null ? null : value * scale));
      this.draw([data.times, scaled(data.mean), scaled(data.max), scaled(data.min)], range, width);
      delete this.element.dataset["failed"];
    } catch (error) {
      this.element.dataset["failed"] = "yes"; // the style sheet shows the message that the server wrote
      console.error(error);
    } finally {
      this.element.removeAttribute("aria-busy");
    }
  }

  resize(): void {
    const width = this.holder.clientWidth;
    if (this.plot && width && width !== this.plot.width) this.plot.setSize({ width, height: this.plot.height });
  }

  private draw(data: uPlot.AlignedData, range: Range, width: number): void {
    this.plot?.destroy();
    this.holder.replaceChildren();
    this.plot = new uPlot(this.options(range, width), data, this.holder);
  }

  private options(range: Range, width: number): uPlot.Options {
    const palette = readPalette(this.element);
    const height = Number(this.element.dataset["height"] ?? 150);
    const axis = { stroke: palette.ink, grid: { stroke: palette.grid, width: 1 }, ticks: { show: false }, font: palette.font };
    return {
      width,
      height,
      legend: { show: false },
      padding: [8, EDGE_PX, 0, 0],
      cursor: { sync: { key: this.sync.key, setSeries: false }, drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
      scales: { x: { time: true, range: () => [range.from_s, range.to_s] } },
      axes: [
        { ...axis, size: 28, values: (_plot, ticks) => timeLabels(ticks) },
        { ...axis, size: AXIS_WIDTH_PX, values: (_plot, ticks) => ticks.map((tick) => formatNumber(tick)) },
      ],
      series: [
        {},
        { stroke: palette.line, width: 1.75, spanGaps: false, points: { show: false } },
        { stroke: "transparent", points: { show: false } },
        { stroke: "transparent", points: { show: false } },
      ],
      bands: [{ series: [2, 3], fill: palette.band }],
      hooks: {
        drawClear: [(plot) => this.shade(plot, palette)],
        setCursor: [(plot) => this.read(plot)],
        setSelect: [(plot) => this.select(plot)],
        ready: [(plot) => plot.over.addEventListener("dblclick", () => this.onRange(null))],
      },
    };
  }

  private shade(plot: uPlot, palette: Palette): void {
    const metric = this.element.dataset["metric"] ?? "";
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    const mine = this.bands.filter((band) => !band.metrics.length || band.metrics.includes(metric));
    for (const band of united(mine)) {
      const left = plot.valToPos(band.from, "x", true);
      const right = band.to === null ? bbox.left + bbox.width : plot.valToPos(band.to, "x", true);
      ctx.fillStyle = palette.finding;
      ctx.fillRect(left, bbox.top, Math.max(right - left, 2), bbox.height);
      ctx.fillStyle = palette.findingEdge;
      ctx.fillRect(left, bbox.top, 2, bbox.height);
    }
    ctx.restore();
  }

  private read(plot: uPlot): void {
    if (!this.readout) return;
    const index = plot.cursor.idx;
    const value = index === null || index === undefined ? null : plot.data[1]?.[index];
    const time_s = index === null || index === undefined ? null : plot.data[0][index];
    if (value === null || value === undefined || time_s === null || time_s === undefined) {
      this.readout.textContent = this.element.dataset["latest"] ?? "";
      return;
    }
    const when = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "short", timeStyle: "short" });
    this.readout.textContent = `${formatNumber(value)} ${this.element.dataset["unit"] ?? ""} · ${when.format(time_s * 1000)}`;
  }

  private select(plot: uPlot): void {
    const { left, width } = plot.select;
    if (width < 4) return;
    const from_s = plot.posToVal(left, "x");
    const to_s = plot.posToVal(left + width, "x");
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.onRange({ from_s, to_s });
  }
}

/** Bands that overlap as one, so that two findings at once are not drawn twice as dark. */
function united(bands: readonly Band[]): Pick<Band, "from" | "to">[] {
  const merged: { from: number; to: number | null }[] = [];
  for (const band of [...bands].sort((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last && (last.to === null || last.to >= band.from)) {
      last.to = last.to === null || band.to === null ? null : Math.max(last.to, band.to);
    } else {
      merged.push({ from: band.from, to: band.to });
    }
  }
  return merged;
}

function formatNumber(value: number): string {
  return new Intl.NumberFormat(document.documentElement.lang, { maximumSignificantDigits: 4 }).format(value);
}

/** Axis labels in the page's language: the hour within a day, the date where the day changes. */
function timeLabels(ticks: readonly number[]): string[] {
  const language = document.documentElement.lang;
  const span_s = (ticks.at(-1) ?? 0) - (ticks[0] ?? 0);
  const hour = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hour12: false });
  const day = new Intl.DateTimeFormat(language, { day: "numeric", month: "short" });
  return ticks.map((tick) => {
    const date = new Date(tick * 1000);
    const midnight = date.getHours() === 0 && date.getMinutes() === 0;
    return span_s > 4 * 86_400 || midnight ? day.format(date) : hour.format(date);
  });
}
