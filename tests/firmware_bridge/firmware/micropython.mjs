// MicroPython itself (its WebAssembly port) with the module's files on its file system, driven by lines of JSON:
// {"run": "…"} runs statements, {"call": "name", "args": […]} calls a function. The answer is a line of JSON too.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [port, ...files] = process.argv.slice(2);
const { loadMicroPython } = await import(pathToFileURL(`${port}/micropython.mjs`).href);
const said = [];
const micropython = await loadMicroPython({
    url: `${port}/micropython.wasm`,
    heapsize: 256 * 1024, // as on a small board
    linebuffer: true,
    stdout: (line) => said.push(line),
});
for (const file of files) {
    micropython.FS.writeFile(`/${file.split("/").pop()}`, readFileSync(file));
}
micropython.runPython('import sys\nsys.path.append("/")');
process.stdout.write(`${JSON.stringify({ value: "ready" })}\n`);

// Each look-up holds on to memory of the interpreter: once for each function.
const functions = new Map();
function known(name) {
    if (!functions.has(name)) {
        functions.set(name, micropython.globals.get(name));
    }
    return functions.get(name);
}

for await (const line of createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line);
    let answer;
    try {
        const value = asked.run
            ? micropython.runPython(asked.run)
            : known(asked.call)(...asked.args);
        answer = { value: value ?? null };
    } catch (error) {
        answer = { error: String(error.message ?? error) };
    }
    process.stdout.write(`${JSON.stringify({ ...answer, said: said.splice(0) })}\n`);
}
