// All jobs of this user.

import { downloads, make, watch } from "/page/parts.js";
import { explanation } from "/page/pair.js";
import { getJson } from "/page/service.js";

const SHOWS = { "predict-table": "table", scan: "scan", adapt: "assay", "campaign-results": "assay", "campaign-plate": "assay" };

export async function render(main, [chosen]) {
  main.append(make("h1", {}, "Jobs"), make("p", { className: "lede" }, "Results stay here until they expire."));
  const box = make("section");
  main.append(box);
  if (chosen) {
    const job = await watch(chosen, box);
    if (job?.state === "done" && job.kind === "explain") box.append(await explanation(chosen, job));
    else if (job?.state === "done") box.append(downloads(`/v1/jobs/${chosen}`, job.files));
    return;
  }
  try {
    const jobs = await getJson("/v1/jobs");
    if (!jobs.length) box.append(make("p", {}, "There are none yet."));
    for (const job of jobs) {
      const where = SHOWS[job.kind] ? `#${SHOWS[job.kind]}/${job.id}` : `#jobs/${job.id}`;
      box.append(make("div", { className: "card" }, make("h2", {}, make("a", { href: where }, job.kind)),
        make("p", {}, `${job.state}, asked ${new Date(job.created * 1000).toLocaleString()}`),
        job.message ? make("p", { className: "wrong" }, job.message) : null));
    }
  } catch (error) {
    box.append(make("p", { className: "wrong" }, error.message));
  }
}
