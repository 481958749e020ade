// Predict a table of pairs.

import { spreadsheet } from "/page/columns.js";
import { downloads, field, make, readCsv, sortedTable, submits, watch } from "/page/parts.js";
import { OF_CONSTRUCTS, OF_LIBRARIES, OF_THE_FILE } from "/page/reading.js";
import { getJson, getText, startJob } from "/page/service.js";
import { LABELS } from "/page/words.js";

const SHOWN = ["antibody_name", "antigen_name", "pkd", "pkd_lower", "pkd_upper", "kd", "domain", "binding", "rank_score", "flags", "problem"];

export async function render(main, [job]) {
  const antigen = make("textarea", { spellcheck: false });
  const chains = () => antigen.value.split("\n").map((line) => line.trim()).filter(Boolean);
  // The antigen may be given below, and is no column that is missing then.
  const sheet = spreadsheet("The table", "CSV, TSV, Excel, Parquet, FASTA, AIRR or a structure. Drop it here, or choose it.", [OF_THE_FILE, OF_LIBRARIES, OF_CONSTRUCTS],
    { values: false, constants: () => (antigen.value.trim() || model.value ? ["antigen_unknown:=true"] : []) });
  const model = make("select", {}, make("option", { value: "" }, "the model that comes with abag"));
  const shown = make("section");
  const form = make("form", { className: "card" }, ...sheet.parts, field(LABELS.antigen, antigen, "Only where the file names none; several chains, one a line."), field(LABELS.model, model),
    make("div", { className: "row" }, make("button", {}, "Predict")));
  for (const input of [antigen, model]) input.addEventListener("change", sheet.look);
  main.append(make("h1", {}, "Predict a table"), make("p", { className: "lede" }, "One row for each pair. Rows that cannot be read keep their reason."), form, shown);
  submits(form, async () => {
    const { id } = await startJob("predict-table", { ...await sheet.request(), antigen: chains(), ...(model.value ? { model: model.value } : {}) });
    history.replaceState(null, "", `#table/${id}`);
    if (!await finish(id, shown)) sheet.open();
  });
  for (const saved of await getJson("/v1/models").catch(() => [])) model.append(make("option", { value: saved.name }, saved.name));
  if (job) await finish(job, shown).catch((error) => shown.append(make("p", { className: "wrong" }, error.message)));
}

async function finish(id, box) {
  const job = await watch(id, box);
  if (job?.state !== "done") return false;
  const rows = readCsv(await getText(`/v1/jobs/${id}/files/predictions.csv`));
  const columns = SHOWN.filter((name) => rows.some((row) => row[name]));
  const verdicts = [...new Set(rows.map((row) => row.domain).filter(Boolean))];
  const choice = make("select", {}, make("option", { value: "" }, "all"), ...verdicts.map((verdict) => make("option", {}, verdict)));
  const shown = make("div");
  const fill = () => {
    const chosen = rows.filter((row) => !choice.value || row.domain === choice.value);
    shown.replaceChildren(sortedTable(chosen, columns, `${chosen.length} of ${rows.length} rows${chosen.length > 200 ? ", the first 200 are shown" : ""}`));
  };
  choice.addEventListener("change", fill);
  fill();
  box.append(make("div", { className: "card" }, field("Verdict", choice), shown, downloads(`/v1/jobs/${id}`, ["predictions.csv"])));
  return true;
}
