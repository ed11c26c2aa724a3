/**
 * Keeps written times true while the page is open, and tells the server the viewer's time zone.
 *
 * The server has already written a correct text; `<time data-relative>` and `<time data-countdown>`
 * are only refreshed here.
 */
const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** 89 minutes, then 2 hours: the same as the server writes. */
const LARGER_UNIT_FROM = 1.5;
const REFRESH_MS = 20_000;

export function relativeText(offset_s: number, language: string): string {
  const format = new Intl.RelativeTimeFormat(language, { numeric: "always", style: "long" });
  for (const [unit, size_s] of UNITS) {
    if (Math.abs(offset_s) >= LARGER_UNIT_FROM * size_s || (unit === "minute" && Math.abs(offset_s) >= size_s)) {
      return format.format(Math.round(offset_s / size_s), unit);
    }
  }
  return new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(0, "second");
}

function refresh(): void {
  const language = document.documentElement.lang || "en";
  for (const element of document.querySelectorAll<HTMLTimeElement>("time[data-relative]")) {
    const offset_s = (Date.parse(element.dateTime) - Date.now()) / 1000;
    if (Number.isFinite(offset_s)) element.textContent = relativeText(offset_s, language);
  }
}

function rememberTimezone(): void {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const known = document.cookie.split("; ").includes(`timezone=${encodeURIComponent(zone)}`);
  if (zone && !known) {
    document.cookie = `timezone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax`;
  }
}

export function startTimes(): void {
  rememberTimezone();
  refresh();
  setInterval(refresh, REFRESH_MS);
  document.body.addEventListener("htmx:afterSettle", refresh);
}
