/** Small comforts of forms: no double sending, filters that apply at once, a secret copied by a press. */
function onSubmit(event: SubmitEvent): void {
  const form = event.target;
  if (!(form instanceof HTMLFormElement)) return;
  if (form.dataset["sent"] === "yes") {
    event.preventDefault();
    return;
  }
  if (form.method === "get") return;
  form.dataset["sent"] = "yes";
  event.submitter?.setAttribute("aria-busy", "true");
}

function onChange(event: Event): void {
  const field = event.target;
  if (field instanceof HTMLElement && field.closest("form[data-apply-at-once]")) {
    field.closest<HTMLFormElement>("form")?.requestSubmit();
  }
}

async function onClick(event: Event): Promise<void> {
  const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-copy]") : null;
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset["copy"] ?? "");
  const done = button.dataset["copied"];
  if (done) button.textContent = done;
}

/** "/" puts the cursor into the page's search, as in every queue people know. */
function onKey(event: KeyboardEvent): void {
  const target = event.target;
  const typing = target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const search = document.querySelector<HTMLInputElement>("input[type=search]");
  if (!search) return;
  event.preventDefault();
  search.focus();
}

export function startForms(): void {
  document.addEventListener("submit", onSubmit);
  document.addEventListener("change", onChange);
  document.addEventListener("click", (event) => void onClick(event));
  document.addEventListener("keydown", onKey);
  // A page restored by "back" must be able to send its form again.
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll<HTMLFormElement>("form[data-sent]")) delete form.dataset["sent"];
    for (const button of document.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
  });
}
