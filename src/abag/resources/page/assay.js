// A laboratory's own assay: which campaign, and how it begins.

import { openCampaign } from "/page/campaign.js";
import { spreadsheet } from "/page/columns.js";
import { field, make, submits } from "/page/parts.js";
import { OF_ROWS, OF_THE_FILE, OF_VALUES, OF_VARIANTS } from "/page/reading.js";
import { getJson, startJob } from "/page/service.js";

export async function render(main, [job]) {
  main.append(make("h1", {}, "Learn my assay, and choose the next plate"),
    make("p", { className: "lede" }, "A few dozen measured variants of one antibody are enough to begin. Everything stays in a campaign that you name."));
  const box = make("section");
  if (job) {
    main.append(box);
    const known = await getJson(`/v1/jobs/${job}`).catch(() => null);
    if (known && await openCampaign(box, known.request.campaign, job)) return;
  }
  const names = await getJson("/v1/campaigns").catch((error) => { box.append(make("p", { className: "wrong" }, error.message)); return []; });
  main.append(startForm(box));
  if (names.length) {
    main.append(make("div", { className: "card" }, make("h2", {}, "Your campaigns"), make("div", { className: "row" }, ...names.map((name) =>
      make("button", { type: "button", className: "plain", on: { click: () => { openCampaign(box, name); box.scrollIntoView(); } } }, name)))));
  }
  main.append(box);
}

function startForm(box) {
  const name = make("input", { type: "text", required: true, maxLength: 60 });
  const sheet = spreadsheet("Your measurements", "A table with the variants (chains or mutations) and their values. Drop it here, or choose it.", [OF_VALUES, OF_THE_FILE, OF_VARIANTS, OF_ROWS]);
  const form = make("form", { className: "card" }, make("h2", {}, "A new campaign"), field("Name", name, "Letters, digits, blanks."), ...sheet.parts,
    make("div", { className: "row" }, make("button", {}, "Learn")));
  submits(form, async () => {
    const { id } = await startJob("campaign-results", { campaign: name.value.trim(), ...await sheet.request() });
    history.replaceState(null, "", `#assay/${id}`);
    await openCampaign(box, name.value.trim(), id, { open: sheet.open, setAside: () => { sheet.setAside(); form.requestSubmit(); } });
  });
  return form;
}
