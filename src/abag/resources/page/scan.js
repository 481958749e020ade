// Every single mutant as a heat map.

import { heatmap, pngOf, svgText } from "/page/draw.js";
import { chainField } from "/page/pair.js";
import { downloads, field, make, readCsv, sortedTable, submits, watch } from "/page/parts.js";
import { getJson, getText, startJob } from "/page/service.js";

export async function render(main, [job]) {
  const heavy = chainField("Heavy chain, VHH or scFv", "The parent. With a model of your assay, leave it empty: the model remembers it.");
  const light = chainField("Light chain", "");
  const antigen = make("textarea", { spellcheck: false });
  const loops = make("input", { type: "text", placeholder: "H1,H2,H3" });
  const model = make("select", {}, make("option", { value: "" }, "without measurements"));
  const done = make("section");
  const form = make("form", { className: "card" }, field("Model", model), heavy.box, light.box, field("Antigen", antigen, "For models that read it."),
    field("Only these CDRs", loops, "IMGT, such as H3,L1. Empty: all residues."), make("div", { className: "row" }, make("button", {}, "Scan")));
  main.append(make("h1", {}, "Every single mutant"), make("p", { className: "lede" }, "Blue is predicted tighter than the parent, red weaker."), form, done);
  submits(form, async () => {
    const asked = { cdrs: loops.value.split(/[,\s]+/).filter(Boolean), antigen: antigen.value.trim() ? antigen.value.trim().split(/\s*\n\s*/) : [] };
    if (heavy.area.value.trim()) asked.heavy = heavy.area.value.trim();
    if (light.area.value.trim()) asked.light = light.area.value.trim();
    if (model.value) asked.model = model.value;
    if (!asked.heavy && !asked.model) throw new Error("Paste the heavy chain, or choose a model of your assay.");
    const { id } = await startJob("scan", asked);
    history.replaceState(null, "", `#scan/${id}`);
    await finish(id, done);
  });
  for (const one of await getJson("/v1/models").catch(() => [])) model.append(make("option", { value: one.name }, one.name));
  if (job) await finish(job, done).catch((error) => done.append(make("p", { className: "wrong" }, error.message)));
}

async function finish(id, box) {
  const job = await watch(id, box);
  if (job?.state !== "done") return;
  const [result, text] = await Promise.all([getJson(`/v1/jobs/${id}/result`), getText(`/v1/jobs/${id}/files/scan/scan.csv`)]);
  const rows = readCsv(text), picture = heatmap(rows, `Δ ${result.unit}`);
  picture.setAttribute("class", "heat");
  const keep = (blob, name) => { const link = make("a", { href: URL.createObjectURL(blob), download: name }); link.click(); };
  box.append(make("div", { className: "card" },
    make("h2", {}, `${result.mutants} mutants of ${result.antibody}`),
    make("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: "heat map" }, picture),
    make("div", { className: "row" },
      make("button", { type: "button", className: "plain", on: { click: async () => keep(await pngOf(picture), "scan.png") } }, "Save picture (PNG)"),
      make("button", { type: "button", className: "plain", on: { click: () => keep(new Blob([svgText(picture)], { type: "image/svg+xml" }), "scan.svg") } }, "Save picture (SVG)")),
    sortedTable(rows, ["rank", "mutation", "imgt", "region", "delta", "delta_lower", "delta_upper", "liabilities"].filter((name) => rows.some((row) => row[name])), "Best first", 50),
    ...(result.notes ?? []).map((note) => make("p", { className: "hint" }, note)),
    downloads(`/v1/jobs/${id}`, job.files.filter((name) => name !== "result.json"))));
}
