// All jobs of this user.

import { downloads, make, say, watch } from "/page/parts.js";
import { explanation } from "/page/pair.js";
import { cancelJob, deleteJob, getJson } from "/page/service.js";

const SHOWS = { "predict-table": "table", scan: "scan", adapt: "assay", "campaign-results": "assay", "campaign-plate": "assay" };

const TITLES = { "predict-table": "Table of pairs", scan: "Every single mutant", explain: "What carries a prediction", adapt: "Model of an assay", propose: "Plate by a model",
  "campaign-results": "Measurements learnt", "campaign-plate": "Plate chosen", order: "Files to order" };
const titled = (job) => `${TITLES[job.kind] ?? job.kind}${job.request.campaign ? `, ${job.request.campaign}` : ""}`;

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
      box.append(make("div", { className: "card" }, make("h2", {}, make("a", { href: where }, titled(job))),
        make("p", {}, `${job.state}, asked ${new Date(job.created * 1000).toLocaleString()}`),
        job.message ? make("p", { className: "wrong" }, job.message) : null, ending(job)));
    }
  } catch (error) {
    box.append(make("p", { className: "wrong" }, error.message));
  }
}

// A job that waits or runs can be cancelled, one that is over deleted with its files.
function ending(job) {
  const goesOn = ["queued", "running"].includes(job.state), text = goesOn ? "Cancel" : "Delete";
  const button = make("button", { type: "button", className: "plain", ariaLabel: `${text} ${titled(job)}` }, text);
  button.addEventListener("click", async () => {
    button.disabled = true;
    try { await (goesOn ? cancelJob : deleteJob)(job.id); } catch (error) { say(error.message); button.disabled = false; return; }
    const card = button.closest(".card");
    if (goesOn) { card.querySelector("p").textContent = "cancelled"; button.remove(); } else card.remove();
    say(goesOn ? "Cancelled." : "Deleted.");
  });
  return make("div", { className: "row" }, button);
}
