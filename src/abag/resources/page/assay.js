// A laboratory's own assay: measurements in, a model and its verdict, the next plate, results back.

import { downloads, field, filePicker, make, readCsv, sortedTable, submits, watch } from "/page/parts.js";
import { getJson, getText, startJob, upload } from "/page/service.js";

export async function render(main, [job]) {
  main.append(make("h1", {}, "Learn my assay, and choose the next plate"),
    make("p", { className: "lede" }, "A few dozen measured variants of one antibody are enough to begin. Everything stays in a campaign that you name."));
  const box = make("section");
  if (job) {
    main.append(box);
    const known = await getJson(`/v1/jobs/${job}`).catch(() => null);
    if (known) { await openCampaign(box, known.request.campaign, job); return; }
  }
  const names = await getJson("/v1/campaigns").catch((error) => { box.append(make("p", { className: "wrong" }, error.message)); return []; });
  main.append(startForm(box));
  if (names.length) {
    main.append(make("div", { className: "card" }, make("h2", {}, "Your campaigns"), ...names.map((name) =>
      make("div", { className: "row" }, make("button", { type: "button", className: "plain", on: { click: () => { main.append(box); openCampaign(box, name); box.scrollIntoView(); } } }, name)))));
  }
  main.append(box);
}

function readingFields() {
  const unit = make("select", {}, ...["", "M", "mM", "uM", "nM", "pM", "pKd", "kcal/mol", "kJ/mol"].map((one) => make("option", { value: one }, one || "the header says it")));
  const quantity = make("select", {}, ...["", "KD", "KA", "dG", "ddG", "IC50", "EC50", "enrichment"].map((one) => make("option", { value: one }, one || "the header says it")));
  const heavy = make("textarea", { spellcheck: false }), light = make("textarea", { spellcheck: false });
  const aside = make("input", { type: "checkbox" });
  const box = make("details", {}, make("summary", {}, "If the file needs help to be read"), field("Unit of the values", unit), field("What was measured", quantity),
    field("Parent heavy chain", heavy, "For a file that lists mutations and has no row WT."), field("Parent light chain", light),
    make("label", { className: "check" }, aside, "Set rows with problems aside"));
  const values = () => Object.fromEntries(Object.entries({ unit: unit.value, quantity: quantity.value, parent_heavy: heavy.value.trim(), parent_light: light.value.trim(), quarantine: aside.checked }).filter(([, value]) => value));
  return { box, values };
}

function startForm(box) {
  const name = make("input", { type: "text", required: true, maxLength: 60 });
  const picker = filePicker("Your measurements", "A table with the variants (chains or mutations) and their values.");
  const reading = readingFields();
  const antigenless = make("input", { type: "checkbox", checked: true });
  const form = make("form", { className: "card" }, make("h2", {}, "A new campaign"), field("Name", name, "Letters, digits, blanks."), picker.box,
    make("label", { className: "check" }, antigenless, "The file names no antigen (that is fine)"), reading.box, make("div", { className: "row" }, make("button", {}, "Learn")));
  submits(form, async () => {
    if (!picker.input.files.length) throw new Error("Choose a file first.");
    const file = await upload(picker.input.files[0]);
    const map = antigenless.checked ? ["antigen_unknown:=true"] : [];
    const { id } = await startJob("campaign-results", { campaign: name.value.trim(), file, map, ...reading.values() });
    history.replaceState(null, "", `#assay/${id}`);
    await openCampaign(box, name.value.trim(), id);
  });
  return form;
}

async function openCampaign(box, name, job = null) {
  const shown = make("div");
  box.replaceChildren(make("h2", {}, `Campaign ${name}`), shown);
  if (job) {
    const over = await watch(job, shown);
    if (!over) return;
    if (over.state === "done" && over.kind === "campaign-results") shown.append(verdictCard(await getJson(`/v1/jobs/${job}/result`)));
  }
  const base = `/v1/campaigns/${encodeURIComponent(name)}`;
  const campaign = await getJson(base).catch(() => null);
  if (!campaign) return;
  const plates = campaign.files.filter((path) => path.endsWith("proposed.csv")).sort();
  if (plates.length) shown.append(plateCard(readCsv(await getText(`${base}/files/${plates.at(-1)}`)), base, campaign.files));
  shown.append(nextForm(box, name), resultsForm(box, name), make("div", { className: "card" }, make("h2", {}, "Files"), downloads(base, campaign.files.filter((path) => /\.(html|csv|xlsx|fasta|json)$/.test(path)).slice(0, 40))));
}

function verdictCard(result) {
  const verdict = result.verdict ?? {};
  const card = make("div", { className: "card" }, make("p", { className: "big" }, verdict.grade ?? "Learnt"), make("p", {}, verdict.headline ?? ""),
    ...(verdict.reasons ?? []).map((reason) => make("p", {}, reason)));
  const skills = (result.skills ?? []).flatMap((skill) => (skill.models ?? skill.scores ?? []).map((one) => ({ "held out": skill.name, ...one })));
  if (skills.length) card.append(sortedTable(skills, Object.keys(skills[0]).filter((key) => typeof skills[0][key] !== "object"), "On rows that were held out"));
  for (const note of result.notes ?? []) card.append(make("p", { className: "hint" }, note));
  return card;
}

const ROWS = "ABCDEFGHIJKLMNOP";

function plateCard(wells, base, files) {
  const placed = new Map(wells.map((well) => [String(well.well).replace(/^([A-P])0+/, "$1"), well]));
  const wide = wells.some((well) => /^[I-P]|(1[3-9]|2[0-4])$/.test(well.well)) ? 24 : 12, tall = wide === 24 ? 16 : 8;
  const grid = make("div", { className: "plate", role: "img", ariaLabel: `plate of ${wells.length} wells; the table below lists them` });
  grid.style.gridTemplateColumns = `1.4rem repeat(${wide}, minmax(3.3rem, 1fr))`;
  grid.append(make("span", { className: "edge" }), ...Array.from({ length: wide }, (_, i) => make("span", { className: "edge" }, String(i + 1))));
  for (const letter of ROWS.slice(0, tall)) {
    grid.append(make("span", { className: "edge" }, letter));
    for (let i = 1; i <= wide; i++) {
      const well = placed.get(`${letter}${i}`);
      const kind = !well ? "empty" : /control|parent/i.test(`${well.kind ?? ""} ${well.role ?? ""}`) || !well.mutations ? "control" : "";
      grid.append(make("span", { className: kind, title: well ? `${well.name ?? ""} ${well.mutations ?? ""}` : "" }, well ? `${well.mutations || well.name || "parent"}` : ""));
    }
  }
  const columns = ["well", "name", "mutations", "predicted", "lower_90", "upper_90", "reason", "liabilities"].filter((key) => wells.some((well) => well[key]));
  return make("div", { className: "card" }, make("h2", {}, "The latest plate"), make("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: "plate" }, grid),
    make("details", {}, make("summary", {}, "As a table"), sortedTable(wells, columns, `${wells.length} wells`)),
    downloads(base, files.filter((path) => /plate|order|proposed/.test(path) && !path.endsWith(".json")).slice(-8)));
}

function nextForm(box, name) {
  const wells = make("input", { type: "number", min: 1, max: 384, value: "96" });
  const form = make("form", { className: "card" }, make("h2", {}, "Choose the next plate"), field("Wells", wells), make("div", { className: "row" }, make("button", {}, "Propose")));
  submits(form, async () => {
    const { id } = await startJob("campaign-plate", { campaign: name, wells: Number(wells.value) });
    history.replaceState(null, "", `#assay/${id}`);
    await openCampaign(box, name, id);
  });
  return form;
}

function resultsForm(box, name) {
  const picker = filePicker("Results of the plate", "The names or mutations of the plate, with the measured values.");
  const reading = readingFields();
  const form = make("form", { className: "card" }, make("h2", {}, "Give the results back"), picker.box, reading.box, make("div", { className: "row" }, make("button", {}, "Learn from them")));
  submits(form, async () => {
    if (!picker.input.files.length) throw new Error("Choose a file first.");
    const file = await upload(picker.input.files[0]);
    const { id } = await startJob("campaign-results", { campaign: name, file, ...reading.values() });
    history.replaceState(null, "", `#assay/${id}`);
    await openCampaign(box, name, id);
  });
  return form;
}
