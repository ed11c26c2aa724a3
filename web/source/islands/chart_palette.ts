/** A chart's colours, taken from the style sheet's tokens as they stand for this page (light or dark). */
export interface Palette {
  readonly line: string;
  readonly band: string;
  readonly ink: string;
  readonly grid: string;
  readonly finding: string;
  readonly findingEdge: string;
  readonly font: string;
}

export function readPalette(within: HTMLElement): Palette {
  // light-dark() inside a custom property is resolved only by a real property, hence the probe.
  const probe = document.createElement("span");
  probe.hidden = true;
  within.append(probe);
  const colour = (token: string): string => {
    probe.style.color = `var(${token})`;
    return getComputedStyle(probe).color;
  };
  const palette: Palette = {
    line: colour("--chart-line"),
    band: colour("--chart-band"),
    ink: colour("--ink-faint"),
    grid: colour("--chart-grid"),
    finding: colour("--chart-finding"),
    findingEdge: colour("--chart-finding-edge"),
    font: `11px ${getComputedStyle(within).fontFamily}`,
  };
  probe.remove();
  return palette;
}
