// A campaign: verdict and learning curve, the plate and its wells, what came of each round.

import { spreadsheet } from "/page/columns.js";
import { curve, parity } from "/page/draw.js";
import { downloads, field, make, readCsv, sortedTable, submits, watch } from "/page/parts.js";
import { OF_ROWS, OF_THE_FILE, OF_VALUES, OF_VARIANTS } from "/page/reading.js";
import { getJson, getText, startJob } from "/page/service.js";
import { LABELS } from "/page/words.js";

// Gives false where there is no campaign (yet), as after a first table with faults. `results` is the
// form that asked: it helps to read the file, and keeps it where the job fails.
export async function openCampaign(box, name, job = null, results = null) {
  const shown = make("div");
  box.replaceChildren(make("h2", {}, `Campaign “${name}”`), shown);
  if (job) {
    const over = await watch(job, shown);
    if (!over) return true;
    if (over.state === "failed" && results) {
      results.open();
      if (/\brow \d/.test(over.message)) {
        shown.append(make("div", { className: "row" }, make("button", { type: "button", on: { click: results.setAside } }, "Set these rows aside and learn from the others")));
      }
    }
    if (over.state === "done") results = null;
  }
  const base = `/v1/campaigns/${encodeURIComponent(name)}`;
  const campaign = await getJson(base).catch(() => null);
  if (!campaign) return false;
  const { files } = campaign;
  const last = (ending) => files.filter((path) => path.endsWith(ending)).sort().at(-1);
  const text = (path) => getText(`${base}/files/${path}`), json = (path) => getJson(`${base}/files/${path}`);
  const go = async (kind, request, form = null) => {
    const { id } = await startJob(kind, { campaign: name, ...request });
    history.replaceState(null, "", `#assay/${id}`);
    await openCampaign(box, name, id, form);
  };
  // A round whose results came in parts has a report of each part: report, report-2, ...
  const [learnt] = files.map((path) => path.match(/^round-(\d+)\/report-?(\d*)\/adaptation\.json$/)).filter(Boolean)
    .sort((a, b) => b[1] - a[1] || b[2] - a[2]).map(([path]) => path);
  if (learnt) {
    const round = learnt.split("/")[0], asides = files.filter((path) => path.startsWith(`${round}/set_aside`));
    const aside = (await Promise.all(asides.map(text))).flatMap(readCsv), state = await json(`${round}/state.json`);
    shown.append(verdictCard(await json(learnt), state.rows, aside, name));
  }
  if (files.includes("scorecard.json")) shown.append(roundsCard(await json("scorecard.json")));
  const plate = last("proposed.csv");
  const open = Boolean(plate) && !files.includes(plate.replace("proposed.csv", "measured.parquet"));
  if (plate) shown.append(plateCard(readCsv(await text(plate)), open, base, plate, name, go));
  const forms = [nextForm(go, open), results?.form ?? resultsForm(go)];
  shown.append(...(open ? forms.reverse() : forms), make("details", { className: "card" }, make("summary", {}, "All files"),
    downloads(base, files.filter((path) => /\.(html|csv|fasta|json)$/.test(path)))));
  return true;
}

const two = (value) => (value === null || value === undefined ? "" : value.toFixed(2));

function verdictCard(adaptation, keptRows, aside, name) {
  const { verdict = {}, skill = {}, learning_curve: points = [], notes = [] } = adaptation;
  const skills = Object.values(skill).flatMap((comparison) => Object.values(comparison.models).map((model) => ({
    question: comparison.question, rows: comparison.rows, model: model.model, spearman: two(model.spearman),
    "95 % interval": model.interval ? model.interval.map(two).join(" to ") : "", RMSE: two(model.rmse), "90 % held": two(model.coverage_90) })));
  const scan = make("button", { type: "button", className: "plain", on: { click: async () => {
    const { id } = await startJob("scan", { campaign: name });
    location.hash = `#scan/${id}`;
  } } }, "Draw the heat map of all single mutants");
  return make("div", { className: "card" }, make("p", { className: "big" }, verdict.text ?? "Learnt"), make("p", {}, verdict.headline ?? ""),
    ...(verdict.reasons ?? []).map((reason) => make("p", {}, reason)),
    make("p", { className: "hint" }, `${keptRows + aside.length} rows read, ${keptRows} kept, ${aside.length} set aside.`),
    aside.length ? sortedTable(aside, Object.keys(aside[0]), `${aside.length} rows that were set aside, and why`) : null,
    skills.length ? sortedTable(skills, Object.keys(skills[0]), "On rows that were held out") : null,
    points.length ? make("div", {}, make("h3", {}, "Learning curve"), curve(points)) : null,
    make("div", { className: "row" }, scan), ...notes.map((note) => make("p", { className: "hint" }, note)));
}

function roundsCard(card) {
  const counted = (hits) => `${hits.seen} (expected ${hits.expected.toFixed(1)}, ${hits.lower.toFixed(0)} to ${hits.upper.toFixed(0)})`;
  const rounds = card.rounds.map((round) => ({ round: round.round, measured: `${round.measured} of ${round.proposed}`, "inside its 90 % interval": `${round.inside_90} of ${round.exact}`,
    spearman: two(round.spearman), "better than the best before": counted(round.over_best), "better than the parent": counted(round.over_parent), best: two(round.best) }));
  return make("div", { className: "card" }, make("h2", {}, "Predicted and measured"),
    sortedTable(rounds, Object.keys(rounds[0] ?? {}), "Each plate was sealed before it was measured"),
    make("div", { className: "pictures" }, ...card.rounds.map((round) => make("figure", {}, parity(round.variants, card.unit, round.round),
      make("figcaption", { className: "hint" }, `Round ${round.round}: predicted with its 90 % interval, and measured.`)))));
}

const ROWS = "ABCDEFGHIJKLMNOP";

function plateCard(wells, open, base, path, name, go) {
  const cards = [...new Set(wells.map((well) => well.plate))].map((number) => plateGrid(wells.filter((well) => well.plate === number), number, open));
  const marked = () => cards.flatMap((card) => card.marked());
  const variants = [...new Set(wells.filter((well) => well.kind === "variant").map((well) => well.name))];
  const controls = wells.filter((well) => well.kind === "control").length / cards.length;
  const state = make("p", { className: "hint", ariaLive: "polite" }, "Click wells to mark them.");
  const act = (text, chosen) => make("button", { type: "button", className: "plain", disabled: true, on: { click: async () => {
    try { await go("campaign-plate", { wells: variants.length, controls, exclude: chosen(marked()) }); } catch (error) { state.textContent = error.message; }
  } } }, text);
  const buttons = [act("Exchange the marked wells", (names) => names), act("Keep the marked wells, choose the others anew", (names) => variants.filter((name) => !names.includes(name)))];
  const changed = () => {
    const count = marked().length;
    state.textContent = count ? `${count} ${count === 1 ? "well" : "wells"} marked.` : "Click wells to mark them.";
    for (const button of buttons) button.disabled = !count || (button === buttons[1] && count === variants.length);
  };
  for (const card of cards) card.grid.addEventListener("click", changed);
  const columns = ["well", "name", "mutations", "imgt", "kabat", "predicted", "lower_90", "upper_90", "liabilities", "reason"].filter((key) => wells.some((well) => well[key]));
  return make("div", { className: "card" }, make("h2", {}, "The latest plate"),
    make("p", { className: "hint" }, open ? "It waits for its results. A corner means a liability." : "It has its results."),
    ...cards.map((card) => make("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: "plate" }, card.grid)),
    open ? make("div", {}, state, make("div", { className: "row" }, ...buttons)) : null,
    make("details", {}, make("summary", {}, "As a table"), sortedTable(wells, columns, `${wells.length} wells`, 400)),
    make("div", { className: "row low" }, downloads(base, [path, path.replace(".csv", ".fasta")]), orderFiles(name)));
}

function plateGrid(wells, number, open) {
  const placed = new Map(wells.map((well) => [well.well, well]));
  const wide = wells.some((well) => /^[I-P]|(1[3-9]|2[0-4])$/.test(well.well)) ? 24 : 12, tall = wide === 24 ? 16 : 8;
  const grid = make("div", { className: `plate wide${wide}`, role: "group", ariaLabel: `plate ${number} of ${wells.length} wells` });
  const edge = (text = "") => make("span", { className: "edge" }, text), buttons = [];
  grid.append(edge(), ...Array.from({ length: wide }, (_, i) => edge(String(i + 1))));
  for (const letter of ROWS.slice(0, tall)) {
    grid.append(edge(letter));
    for (let i = 1; i <= wide; i++) {
      const well = placed.get(`${letter}${i}`);
      if (!well) { grid.append(make("span", { className: "empty" })); continue; }
      const text = [make("b", {}, well.well), " ", well.mutations || "parent"];
      const title = `${well.name} ${well.mutations || "parent"}${well.liabilities ? `; ${well.liabilities}` : ""}`;
      const look = `${well.kind}${well.liabilities ? " liable" : ""}`;
      if (!open || well.kind !== "variant") { grid.append(make("span", { className: look, title }, ...text)); continue; }
      const button = make("button", { type: "button", className: look, title, ariaPressed: "false" }, ...text);
      button.addEventListener("click", () => { button.ariaPressed = String(button.ariaPressed !== "true"); });
      buttons.push([button, well.name]);
      grid.append(button);
    }
  }
  return { grid, marked: () => buttons.filter(([button]) => button.ariaPressed === "true").map(([, name]) => name) };
}

const HOSTS = [["h_sapiens", "human cells (HEK)"], ["m_musculus", "mouse cells"], ["e_coli", "E. coli"], ["s_cerevisiae", "yeast (S. cerevisiae)"], ["d_melanogaster", "insect cells"]];

function orderFiles(name) {
  const box = make("div", {}), button = make("button", { type: "button", className: "plain" }, "Make Excel and robot files");
  const host = make("select", {}, ...HOSTS.map(([value, words]) => make("option", { value }, words)));
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const { id } = await startJob("order", { campaign: name, host: host.value });
      const job = await watch(id, box);
      if (job?.state === "done") box.replaceChildren(downloads(`/v1/jobs/${id}`, job.files.filter((path) => path.startsWith("order/"))));
    } catch (error) { box.replaceChildren(make("p", { className: "wrong", role: "alert" }, error.message)); }
    button.disabled = false;
  });
  return make("div", {}, make("div", { className: "row low" }, field(LABELS.host, host), button), box);
}

const tick = (label) => { const input = make("input", { type: "checkbox" }); return [input, make("label", { className: "check" }, input, label)]; };
const listed = (input) => input.value.split(/[,;\s]+/).filter(Boolean);

function nextForm(go, open) {
  const wells = make("input", { type: "number", min: 1, max: 384, value: "92" }), controls = make("input", { type: "number", min: 0, max: 96, value: "4" });
  const most = make("input", { type: "number", min: 1, max: 20, placeholder: "as learnt" }), loops = make("input", { type: "text", placeholder: "H1,H2,H3" });
  const [anew, anewBox] = tick(LABELS.overwrite);
  const form = make("form", { className: "card" }, make("h2", {}, "Choose the next plate"), make("div", { className: "fields" }, field(LABELS.n, wells, "Variants; with four controls, 92 fill a plate."),
    field(LABELS.controls, controls, "Wells of every plate that hold the parent."), field(LABELS.max_mutations, most, "Empty: as many as the measured variants bear."),
    field(LABELS.cdrs, loops, "IMGT, such as H3,L1. Empty: where measured variants change.")), open ? anewBox : null, make("div", { className: "row" }, make("button", {}, "Propose")));
  submits(form, () => go("campaign-plate", { wells: Number(wells.value), controls: Number(controls.value), overwrite: anew.checked, cdrs: listed(loops), ...(most.value ? { max_mutations: Number(most.value) } : {}) }));
  return form;
}

function resultsForm(go) {
  const sheet = spreadsheet("Results of the plate", "The names or mutations of the plate, with the measured values.", [OF_VALUES, OF_THE_FILE, OF_VARIANTS, OF_ROWS], { chains: false });
  const failed = make("input", { type: "text", placeholder: "R1-P1-A1, R1-P1-B7" }), [unproposed, unproposedBox] = tick(LABELS.allow_unproposed);
  const form = make("form", { className: "card" }, make("h2", {}, "Give the results back"), ...sheet.parts, field(LABELS.failed, failed, "Their names; nothing more is awaited of them."), unproposedBox,
    make("div", { className: "row" }, make("button", {}, "Learn from them")));
  const results = { form, open: sheet.open, setAside: () => { sheet.setAside(); form.requestSubmit(); } };
  submits(form, async () => go("campaign-results", { ...await sheet.request(), failed: listed(failed), allow_unproposed: unproposed.checked }, results));
  return form;
}
