/** Loads the chart code only on pages that have a chart. */
export function startCharts(): void {
  const mount = async (): Promise<void> => {
    if (!document.querySelector("[data-chart]:not([data-mounted])")) return;
    const { mountCharts } = await import("./charts");
    mountCharts();
  };
  void mount();
  document.body.addEventListener("htmx:afterSettle", () => void mount());
}
