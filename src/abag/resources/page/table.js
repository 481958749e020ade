// Predict a table of pairs.

import { downloads, field, filePicker, make, readCsv, sortedTable, submits, watch } from "/page/parts.js";
import { getJson, getText, startJob, upload } from "/page/service.js";

const SHOWN = ["antibody_name", "antigen_name", "pkd", "pkd_lower", "pkd_upper", "kd", "domain", "binding", "rank_score", "flags", "problem"];

export async function render(main, [job]) {
  const picker = filePicker("The table", "CSV, TSV, Excel, Parquet, FASTA or AIRR. Drop it here, or choose it.");
  const antigen = make("textarea", { spellcheck: false });
  const model = make("select", {}, make("option", { value: "" }, "the model that comes with abag"));
  const done = make("section");
  const form = make("form", {}, picker.box, field("Antigen of every row", antigen, "Only where the file names none."), field("Model", model),
    make("div", { className: "row" }, make("button", {}, "Predict")));
  main.append(make("h1", {}, "Predict a table"), make("p", { className: "lede" }, "One row for each pair. Rows that cannot be read keep their reason."), form, done);
  submits(form, async () => {
    if (!picker.input.files.length) throw new Error("Choose a file first.");
    const file = await upload(picker.input.files[0]);
    const asked = { file, antigen: antigen.value.trim() ? antigen.value.trim().split(/\s*\n\s*/) : [] };
    if (model.value) asked.model = model.value;
    const { id } = await startJob("predict-table", asked);
    history.replaceState(null, "", `#table/${id}`);
    await finish(id, done);
  });
  for (const one of await getJson("/v1/models").catch(() => [])) model.append(make("option", { value: one.name }, one.name));
  if (job) await finish(job, done).catch((error) => done.append(make("p", { className: "wrong" }, error.message)));
}

async function finish(id, box) {
  const job = await watch(id, box);
  if (job?.state !== "done") return;
  const rows = readCsv(await getText(`/v1/jobs/${id}/files/predictions.csv`));
  const columns = SHOWN.filter((name) => rows.some((row) => row[name]));
  const verdicts = [...new Set(rows.map((row) => row.domain).filter(Boolean))];
  const choice = make("select", {}, make("option", { value: "" }, "all"), ...verdicts.map((one) => make("option", {}, one)));
  const shown = make("div");
  const fill = () => {
    const kept = rows.filter((row) => !choice.value || row.domain === choice.value);
    shown.replaceChildren(sortedTable(kept, columns, `${kept.length} of ${rows.length} rows${kept.length > 200 ? ", the first 200 are shown" : ""}`));
  };
  choice.addEventListener("change", fill);
  fill();
  box.append(make("div", { className: "card" }, field("Verdict", choice), shown, downloads(`/v1/jobs/${id}`, ["predictions.csv"])));
}
