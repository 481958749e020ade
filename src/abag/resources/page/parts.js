// Small pieces of a page: elements, tables, files, jobs.

import { cancelJob, follow, save } from "/page/service.js";
import { inPageWords } from "/page/words.js";

export function make(tag, options = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (name === "on") for (const [event, does] of Object.entries(value)) element.addEventListener(event, does);
    else if (name in element && name !== "list" && name !== "form") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export function say(text) {
  document.querySelector("#said").textContent = text;
}

let numbers = 0;

export function field(label, input, hint = "") {
  input.id ||= `field-${++numbers}`;
  const parts = [make("label", { htmlFor: input.id }, label), input];
  if (hint) {
    const below = make("p", { className: "hint", id: `${input.id}-hint` }, hint);
    input.setAttribute("aria-describedby", below.id);
    parts.push(below);
  }
  return make("div", {}, ...parts);
}

export function filePicker(label, hint, accept = ".csv,.tsv,.txt,.xlsx,.parquet,.gz,.fasta,.fa,.pdb,.cif") {
  const input = make("input", { type: "file", accept });
  const box = field(label, input, hint);
  box.classList.add("drop");
  box.addEventListener("dragover", (event) => event.preventDefault());
  box.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) {
      input.files = event.dataTransfer.files;
      input.dispatchEvent(new Event("change"));
    }
  });
  return { box, input };
}

export function readCsv(text) {
  const rows = [[]];
  let cell = "", quoted = false;
  for (let i = 0; i < text.length; i++) {
    const sign = text[i];
    if (quoted) {
      if (sign === '"' && text[i + 1] === '"') { cell += '"'; i++; }
      else if (sign === '"') quoted = false;
      else cell += sign;
    } else if (sign === '"') quoted = true;
    else if (sign === ",") { rows.at(-1).push(cell); cell = ""; }
    else if (sign === "\n") { rows.at(-1).push(cell); cell = ""; rows.push([]); }
    else if (sign !== "\r") cell += sign;
  }
  if (cell || rows.at(-1).length) rows.at(-1).push(cell);
  const [head, ...body] = rows.filter((row) => row.length);
  const texts = new Set(["problem", "reason", "mend"]);
  return (body ?? []).map((row) => Object.fromEntries(head.map((name, i) => [name, texts.has(name) ? inPageWords(row[i] ?? "") : row[i] ?? ""])));
}

export const isNumber = (text) => text !== "" && text !== null && Number.isFinite(Number(text));

const HEADINGS = { pkd: "pKd", pkd_lower: "pKd, lower", pkd_upper: "pKd, upper", kd: "KD", domain: "verdict", antibody_name: "antibody", antigen_name: "antigen",
  imgt: "IMGT", kabat: "Kabat", chothia: "Chothia", martin: "Martin", aho: "AHo", delta: "Δ", delta_lower: "Δ, lower", delta_upper: "Δ, upper",
  lower_90: "lower, 90 %", upper_90: "upper, 90 %", spearman: "Spearman" };
// Words of a program, such as antigen_not_in_training, are read more easily without its joints.
const WORDY = new Set(["flags"]);

function cellText(value) {
  if (value === null || value === undefined) return "";
  if (isNumber(value) && String(value).includes(".")) return Number(value).toFixed(2);
  return Array.isArray(value) ? value.join(", ") : String(value);
}

// A table that sorts by a click on a heading; rows are plain objects.
export function sortedTable(rows, columns, caption, most = 200) {
  let by = null, down = false;
  const body = make("tbody");
  const fill = () => {
    const order = [...rows];
    if (by) order.sort((a, b) => compare(a[by], b[by]) * (down ? -1 : 1));
    body.replaceChildren(...order.slice(0, most).map((row) => make("tr", {}, ...columns.map((name) =>
      make("td", { className: isNumber(row[name]) ? "number" : String(row[name] ?? "").length > 16 ? "long" : "" }, WORDY.has(name) ? cellText(row[name]).replaceAll("_", " ") : cellText(row[name]))))));
  };
  const heads = columns.map((name) => {
    const head = make("th", { scope: "col", className: rows.length && isNumber(rows[0][name]) ? "number" : "" });
    head.append(make("button", { type: "button", on: { click: () => {
      down = by === name ? !down : true;
      by = name;
      for (const head of heads) head.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      fill();
    } } }, HEADINGS[name] ?? name.replaceAll("_", " ")));
    return head;
  });
  fill();
  return make("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: caption },
    make("table", { className: "sorted" }, make("caption", {}, caption), make("thead", {}, make("tr", {}, ...heads)), body));
}

function compare(a, b) {
  if (isNumber(a) && isNumber(b)) return Number(a) - Number(b);
  return String(a ?? "").localeCompare(String(b ?? ""));
}

// Shows a job while it runs; gives the finished job, or null where the page has moved on.
export async function watch(id, box) {
  const bar = make("progress", { max: 1, ariaLabel: "progress" });
  const text = make("p", {}, "waiting");
  const stop = make("button", { type: "button", className: "plain", on: { click: () => cancelJob(id).catch((e) => say(e.message)) } }, "Cancel");
  const card = make("div", { className: "card" }, text, bar, make("div", { className: "row" }, stop));
  box.replaceChildren(card);
  const job = await follow(id, (now) => {
    const progress = now.progress;
    if (progress?.total) bar.value = Math.min(progress.done / progress.total, 1);
    else bar.removeAttribute("value");
    text.textContent = now.state === "queued" ? "Waiting for its turn." : progress
      ? `${progress.description}${progress.seconds_left ? `, about ${seconds(progress.seconds_left)} left` : ""}` : "Working.";
  }, () => !box.isConnected);
  if (job === null) return null;
  card.remove();
  say(job.state === "done" ? "Done." : "");
  if (job.state !== "done") box.append(make("p", { className: "wrong", role: "alert" }, job.state === "cancelled" ? "Cancelled." : job.message));
  return job;
}

export const seconds = (count) => count < 90 ? `${Math.ceil(count)} s` : `${Math.round(count / 60)} min`;

export function downloads(base, names) {
  return make("div", { className: "row" }, ...names.map((name) => make("button", { type: "button", className: "plain",
    on: { click: () => save(`${base}/files/${name.split("/").map(encodeURIComponent).join("/")}`, name.split("/").at(-1)).catch((e) => say(e.message)) } },
  `Save ${name.split("/").at(-1)}`)));
}

export function submits(form, work) {
  const wrong = make("p", { className: "wrong", role: "alert" });
  form.append(wrong);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button:not([type=button])");
    wrong.textContent = "";
    button.disabled = true;
    try { await work(); } catch (error) { wrong.textContent = error.message; }
    button.disabled = false;
  });
}
