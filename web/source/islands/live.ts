/**
 * Live pages: the server says only that something changed ({topic, id}); the page then fetches its own
 * fragment again by htmx, with the viewer's own rights. A fragment asks for it by
 * `hx-trigger="live:ticket from:body"`.
 */
interface Change {
  readonly topic: string;
  readonly id: string;
}

function isChange(value: unknown): value is Change {
  return typeof value === "object" && value !== null && "topic" in value && "id" in value;
}

export function startLive(): void {
  const url = document.body.dataset["live"];
  if (!url) return;
  const source = new EventSource(url);
  let interrupted = false;
  source.addEventListener("message", (message: MessageEvent<string>) => {
    const change: unknown = JSON.parse(message.data);
    if (!isChange(change)) return;
    document.body.dispatchEvent(new CustomEvent(`live:${change.topic}`, { detail: change }));
    document.body.dispatchEvent(new CustomEvent(`live:${change.topic}:${change.id}`, { detail: change }));
  });
  source.addEventListener("error", () => {
    interrupted = true;
    document.documentElement.dataset["connection"] = "lost";
  });
  source.addEventListener("open", () => {
    delete document.documentElement.dataset["connection"];
    // What changed while the line was down is not repeated: every fragment is fetched anew.
    if (interrupted) document.body.dispatchEvent(new CustomEvent("live:reconnected"));
    interrupted = false;
  });
  window.addEventListener("pagehide", () => source.close());
}
