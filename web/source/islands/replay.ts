/**
 * "What would it have looked like?": the form's answer takes a while, so the page shows how far it is.
 *
 * Without scripts the form is sent as any other and the page waits. Here the server tells each step on an
 * event stream: `{share, text}`, at the end `{html}`, or `{failed}`.
 */
interface Step {
  readonly share?: number;
  readonly text?: string;
  readonly html?: string;
  readonly failed?: boolean;
}

function isStep(value: unknown): value is Step {
  return typeof value === "object" && value !== null;
}

class Replay {
  private readonly progress: HTMLElement;
  private readonly outcome: HTMLElement;
  private source: EventSource | undefined;

  constructor(private readonly form: HTMLFormElement, private readonly around: HTMLElement) {
    this.progress = this.part("progress");
    this.outcome = this.part("outcome");
    this.part("stop").addEventListener("click", () => this.end("stopped"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.begin();
    });
    window.addEventListener("pagehide", () => this.source?.close());
  }

  private part(name: string): HTMLElement {
    const found = this.around.querySelector<HTMLElement>(`[data-replay-${name}]`);
    if (!found) throw new Error(`the page has no part ${name} for a replay`);
    return found;
  }

  private begin(): void {
    this.source?.close();
    this.outcome.replaceChildren();
    this.show(0, this.part("doing").dataset["begins"] ?? "");
    this.running(true);
    const asked = new URLSearchParams();
    for (const [name, value] of new FormData(this.form)) asked.append(name, String(value));
    const source = new EventSource(`${this.form.dataset["replay"] ?? ""}?${asked.toString()}`);
    source.addEventListener("message", (message: MessageEvent<string>) => this.take(JSON.parse(message.data)));
    // A replay that broke does not begin again by itself: the reader decides.
    source.addEventListener("error", () => this.end("lost"));
    this.source = source;
  }

  private take(step: unknown): void {
    if (!isStep(step)) return;
    if (step.failed) this.end("failed");
    else if (step.html !== undefined) {
      this.end();
      this.outcome.innerHTML = step.html;
    } else this.show(step.share ?? 0, step.text ?? "");
  }

  private end(why?: "lost" | "failed" | "stopped"): void {
    this.source?.close();
    this.source = undefined;
    this.running(false);
    const said = why && this.part(why);
    if (said instanceof HTMLTemplateElement) this.outcome.replaceChildren(said.content.cloneNode(true));
    if (why === "stopped") this.button()?.focus();
  }

  private show(share: number, text: string): void {
    const bar = this.progress.querySelector("progress");
    if (bar) bar.value = share;
    this.part("doing").textContent = text;
  }

  private running(on: boolean): void {
    this.progress.hidden = !on;
    const button = this.button();
    if (!button) return;
    button.disabled = on;
    if (on) button.setAttribute("aria-busy", "true");
    else button.removeAttribute("aria-busy");
  }

  private button(): HTMLButtonElement | null {
    return this.form.querySelector<HTMLButtonElement>("button[type=submit]");
  }
}

export function startReplay(): void {
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-replay]")) {
    const around = form.parentElement;
    if (around) new Replay(form, around);
  }
}
