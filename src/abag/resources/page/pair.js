// Ask about a pair.

import { bars, interval } from "/page/draw.js";
import { downloads, field, make, readCsv, sortedTable, submits, watch } from "/page/parts.js";
import { getJson, getText, send, startJob } from "/page/service.js";

export function chainField(label, hint) {
  const area = make("textarea", { spellcheck: false, autocomplete: "off" });
  const seen = make("div", { ariaLive: "polite" });
  const box = field(label, area, hint);
  box.append(seen);
  let waiting = null;
  area.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => recognise(area, seen), 400);
  });
  return { area, box, look: () => recognise(area, seen) };
}

async function recognise(area, seen) {
  const text = area.value.trim();
  if (text.length < 20) { seen.replaceChildren(); return; }
  try {
    const { domains } = await send("/v1/number", { sequence: [text] });
    if (area.value.trim() !== text) return;
    const found = domains.filter((one) => one.kind);
    seen.replaceChildren(...(found.length ? found.map((one) => coloured(text, one))
      : [make("p", { className: "hint" }, "No antibody variable domain is found in this chain.")]));
  } catch (error) {
    seen.replaceChildren(make("p", { className: "wrong" }, error.message));
  }
}

function coloured(text, domain) {
  const line = make("p", { className: "chain" }), plain = text.replace(/\s+/g, "").toUpperCase();
  let rest = plain.slice(domain.start - 1, domain.end);
  for (const loop of ["CDR1", "CDR2", "CDR3"]) {
    const at = domain[loop] ? rest.indexOf(domain[loop]) : -1;
    if (at < 0) continue;
    line.append(rest.slice(0, at), make("b", { className: loop, title: loop }, domain[loop]));
    rest = rest.slice(at + domain[loop].length);
  }
  line.append(rest);
  const cut = plain.length - (domain.end - domain.start + 1);
  const schemes = [["imgt", "numbering"], ["kabat", "kabat"], ["chothia", "chothia"], ["martin", "martin"], ["aho", "aho"]]
    .filter(([, key]) => domain[key]).map(([name, key]) => [name, domain[key].split(" ")]);
  const numbered = schemes.length ? schemes[0][1].map((cell, i) => ({ residue: cell.match(/[A-Z]$/)?.[0] ?? "",
    ...Object.fromEntries(schemes.map(([name, cells]) => [name, (cells[i] ?? "").replace(/[A-Z]$/, "")])) })) : [];
  const table = make("details", {}, make("summary", {}, "Numbers of its residues"));
  table.addEventListener("toggle", () => { if (table.open && table.children.length === 1) table.append(sortedTable(numbered, Object.keys(numbered[0]), `${numbered.length} residues`, 400)); });
  return make("div", {}, make("p", { className: "hint" }, `${domain.kind} chain, CDRs coloured${cut > 0 ? `; ${cut} residues outside of the variable domain are not read` : ""}`), line, numbered.length ? table : null);
}

export async function render(main) {
  const heavy = chainField("Heavy chain, VHH or scFv", "One-letter code. Constant domains, tags and blanks are taken off.");
  const light = chainField("Light chain", "Leave it empty for a VHH or an scFv.");
  const antigen = make("textarea", { spellcheck: false, autocomplete: "off" });
  const example = make("select", {}, make("option", { value: "" }, "choose one"));
  const answer = make("section", { ariaLive: "polite" });
  const form = make("form", { className: "card" }, field("Example", example), heavy.box, light.box,
    field("Antigen", antigen, "One chain in one-letter code; several chains, one a line."),
    make("div", { className: "row" }, make("button", {}, "Ask")));
  main.append(make("h1", {}, "How tightly does this antibody bind this antigen?"),
    make("p", { className: "lede" }, "Paste the chains, or begin with an example. The answer says how far to trust it."), form, answer);
  submits(form, async () => {
    const asked = { heavy: heavy.area.value, light: light.area.value || null, antigen: antigen.value.split("\n").map((line) => line.trim()).filter(Boolean) };
    const [found, words] = await Promise.all([send("/v1/predict", asked), send("/v1/predict", asked, "text/plain")]);
    answer.replaceChildren(answerCard(found, words), explainButton(asked));
  });
  const examples = await getJson("/v1/examples").catch(() => []);
  example.append(...examples.map((one, i) => make("option", { value: String(i) }, `${one.antibody_name} on ${one.antigen_name}`)));
  example.addEventListener("change", () => {
    const one = examples[Number(example.value)];
    if (example.value === "" || !one) return;
    [heavy.area.value, light.area.value, antigen.value] = [one.heavy, one.light ?? "", (one.antigen ?? "").replaceAll("/", "\n")];
    heavy.look();
    light.look();
  });
}

function answerCard(found, words) {
  const [first, ...lines] = words.split("\n"), condition = first.endsWith("IF IT BINDS") ? ", if it binds" : "";
  const card = make("div", { className: "card" });
  if (found.pkd === null) card.append(make("p", { className: "big" }, `Rank score ${found.rank_score.toFixed(2)}`));
  else card.append(make("p", { className: "big" }, `KD ${found.kd}${condition}`), interval(found.pkd, found.pkd_lower, found.pkd_upper));
  card.append(make("p", { className: "words" }, first), make("p", { className: "words" }, lines.join("\n")));
  return card;
}

function explainButton(asked) {
  const box = make("div"), button = make("button", { type: "button", className: "plain" }, "What carries this prediction?");
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const { id } = await startJob("explain", asked);
      const job = await watch(id, box);
      if (job?.state === "done") box.replaceChildren(await explanation(id, job));
    } catch (error) { box.replaceChildren(make("p", { className: "wrong", role: "alert" }, error.message)); }
    button.disabled = false;
  });
  return make("div", {}, button, box);
}

export async function explanation(id, job) {
  const rows = readCsv(await getText(`/v1/jobs/${id}/files/explanation/importance.csv`));
  return make("div", { className: "card" }, make("h2", {}, "What carries this prediction"),
    make("p", { className: "hint" }, "Every residue is replaced by every other; a tall bar is a place where that changes the prediction much. CDRs are dark."),
    ...["heavy", "light"].map((chain) => rows.filter((row) => row.chain === chain)).filter((one) => one.length).map((one) => bars(one)),
    sortedTable(rows.sort((a, b) => b.importance - a.importance), ["chain", "residue", "position", "imgt", "region", "importance", "lowest_change", "lowest_to", "highest_change", "highest_to"], "Places, the heaviest first", 20),
    downloads(`/v1/jobs/${id}`, job.files.filter((path) => path.startsWith("explanation/"))));
}
