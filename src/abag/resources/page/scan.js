// Every single mutant as a heat map.

import { heatmap, isMeasured, pngOf, slide, svgText } from "/page/draw.js";
import { chainField } from "/page/pair.js";
import { downloads, field, make, readCsv, sortedTable, submits, watch } from "/page/parts.js";
import { getJson, getText, startJob } from "/page/service.js";
import { LABELS } from "/page/words.js";

export async function render(main, [job]) {
  const heavy = chainField(LABELS.heavy, "The parent. With a model of your assay, leave it empty: the model remembers it.");
  const light = chainField(LABELS.light, "");
  const antigen = make("textarea", { spellcheck: false });
  const loops = make("input", { type: "text", placeholder: "H1,H2,H3" });
  const model = make("select", {}, make("option", { value: "" }, "without measurements"));
  const shown = make("section");
  const form = make("form", { className: "card" }, field(LABELS.model, model), heavy.box, light.box, field("Antigen", antigen, "For models that read it."),
    field(LABELS.cdrs, loops, "IMGT, such as H3,L1. Empty: all residues."), make("div", { className: "row" }, make("button", {}, "Scan")));
  main.append(make("h1", {}, "Every single mutant"), make("p", { className: "lede" }, "Blue is predicted tighter than the parent, red weaker."), form, shown);
  submits(form, async () => {
    const request = { cdrs: loops.value.split(/[,\s]+/).filter(Boolean), antigen: antigen.value.trim() ? antigen.value.trim().split(/\s*\n\s*/) : [] };
    if (heavy.area.value.trim()) request.heavy = heavy.area.value.trim();
    if (light.area.value.trim()) request.light = light.area.value.trim();
    const [kind, name] = [model.value.slice(0, 1), model.value.slice(1)];
    if (kind) request[kind === "c" ? "campaign" : "model"] = name;
    if (!request.heavy && !kind) throw new Error("Paste the heavy chain, or choose a model of your assay.");
    const { id } = await startJob("scan", request);
    history.replaceState(null, "", `#scan/${id}`);
    await finish(id, shown);
  });
  for (const name of await getJson("/v1/campaigns").catch(() => [])) model.append(make("option", { value: `c${name}` }, `campaign ${name}`));
  for (const saved of await getJson("/v1/models").catch(() => [])) model.append(make("option", { value: `m${saved.name}` }, saved.name));
  if (job) await finish(job, shown).catch((error) => shown.append(make("p", { className: "wrong" }, error.message)));
}

async function finish(id, box) {
  const job = await watch(id, box);
  if (job?.state !== "done") return;
  const [result, text] = await Promise.all([getJson(`/v1/jobs/${id}/result`), getText(`/v1/jobs/${id}/files/scan/scan.csv`)]);
  const rows = readCsv(text), unit = `Δ ${result.unit}`, title = `${result.mutants} mutants of ${result.antibody}`;
  const map = make("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: "heat map" });
  const draw = () => {
    const picture = heatmap(rows, unit, Math.max(10, Math.floor((map.clientWidth - 32) / 13)));
    picture.setAttribute("class", "heat");
    // Few sites are drawn larger, at most twice.
    const { width, height } = picture.viewBox.baseVal, shown = Math.max(width, Math.min(2 * width, map.clientWidth));
    picture.setAttribute("width", shown);
    picture.setAttribute("height", height * shown / width);
    map.replaceChildren(picture);
  };
  for (const row of rows) row.measured = isMeasured(row) ? "measured" : "";
  const keep = (blob, name) => { const link = make("a", { href: URL.createObjectURL(blob), download: name }); link.click(); setTimeout(() => URL.revokeObjectURL(link.href), 10_000); };
  box.append(make("div", { className: "card" },
    make("h2", {}, title), map,
    make("div", { className: "row" },
      make("button", { type: "button", className: "plain", on: { click: async () => keep(await pngOf(slide(rows, unit, title)), "scan.png") } }, "Save slide (PNG)"),
      make("button", { type: "button", className: "plain", on: { click: () => keep(new Blob([svgText(slide(rows, unit, title))], { type: "image/svg+xml" }), "scan.svg") } }, "Save slide (SVG)")),
    sortedTable(rows, ["rank", "mutation", "imgt", "kabat", "region", "delta", "delta_lower", "delta_upper", "measured", "liabilities"].filter((name) => rows.some((row) => row[name])), "Best first", 50),
    ...(result.notes ?? []).map((note) => make("p", { className: "hint" }, note)),
    downloads(`/v1/jobs/${id}`, job.files.filter((name) => name !== "result.json"))));
  draw();
  let before = map.clientWidth;
  new ResizeObserver(() => { if (map.clientWidth !== before) { before = map.clientWidth; draw(); } }).observe(map);
}
