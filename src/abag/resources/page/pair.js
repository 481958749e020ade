// Ask about a pair.

import { bars, interval } from "/page/draw.js";
import { downloads, field, filePicker, make, readCsv, say, sortedTable, submits, watch } from "/page/parts.js";
import { getJson, getText, send, startJob, upload } from "/page/service.js";

export function chainField(label, hint) {
  const area = make("textarea", { spellcheck: false, autocomplete: "off" });
  const numbers = make("div", { ariaLive: "polite" });
  const box = field(label, area, hint);
  box.append(numbers);
  let waiting = null;
  area.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => recognise(area, numbers), 400);
  });
  return { area, box, look: () => recognise(area, numbers) };
}

async function recognise(area, numbers) {
  const text = area.value.trim();
  if (text.length < 20) { numbers.replaceChildren(); return; }
  try {
    const { domains } = await send("/v1/number", { sequence: [text] });
    if (area.value.trim() !== text) return;
    const antibodies = domains.filter((domain) => domain.kind);
    numbers.replaceChildren(...(antibodies.length ? antibodies.map((domain) => coloured(text, domain))
      : [make("p", { className: "hint" }, "No antibody variable domain is found in this chain.")]));
  } catch (error) {
    numbers.replaceChildren(make("p", { className: "wrong" }, error.message));
  }
}

function coloured(text, domain) {
  const line = make("p", { className: "chain" }), plain = text.replace(/\s+/g, "").toUpperCase();
  let unread = plain.slice(domain.start - 1, domain.end);
  for (const loop of ["CDR1", "CDR2", "CDR3"]) {
    const at = domain[loop] ? unread.indexOf(domain[loop]) : -1;
    if (at < 0) continue;
    line.append(unread.slice(0, at), make("b", { className: loop, title: loop }, domain[loop]));
    unread = unread.slice(at + domain[loop].length);
  }
  line.append(unread);
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
  const picker = filePicker("Or a file", "FASTA, a table, AIRR or a structure. Drop it here, or choose it.");
  const unread = make("p", { className: "wrong", role: "alert" });
  const form = make("form", { className: "card" }, make("div", { className: "fields" }, field("Example", example), picker.box), unread, heavy.box, light.box,
    field("Antigen", antigen, "One chain in one-letter code; several chains, one a line."),
    make("div", { className: "row" }, make("button", {}, "Ask")));
  main.append(make("h1", {}, "How tightly does this antibody bind this antigen?"),
    make("p", { className: "lede" }, "Paste the chains, or begin with an example. The answer says how far to trust it."), form, answer);
  submits(form, async () => {
    const request = { heavy: heavy.area.value, light: light.area.value || null, antigen: antigen.value.split("\n").map((line) => line.trim()).filter(Boolean) };
    const [prediction, words] = await Promise.all([send("/v1/predict", request), send("/v1/predict", request, "text/plain")]);
    answer.replaceChildren(answerCard(prediction, words), explainButton(request));
  });
  let known = [];
  const offer = (pairs, first) => {
    known = pairs;
    example.replaceChildren(make("option", { value: "" }, first), ...pairs.map((pair, i) =>
      make("option", { value: String(i) }, `${pair.antibody_name || `row ${i + 1}`}${pair.antigen_name ? ` on ${pair.antigen_name}` : ""}`)));
  };
  const fill = (pair) => {
    [heavy.area.value, light.area.value] = [pair.heavy ?? "", pair.light ?? ""];
    if (pair.antigen || !picker.input.files.length) antigen.value = (pair.antigen ?? "").replaceAll("/", "\n");
    heavy.look();
    light.look();
  };
  example.addEventListener("change", () => { if (example.value !== "") fill(known[Number(example.value)]); });
  picker.input.addEventListener("change", async () => {
    unread.textContent = "";
    if (!picker.input.files.length) return;
    try {
      const pairs = await send("/v1/pairs", { file: await upload(picker.input.files[0]) });
      if (!pairs.length) throw new Error("The file holds no antibody.");
      offer(pairs, "choose one of the file");
      example.value = "0";
      fill(pairs[0]);
      say(pairs.length === 1 ? "The chains of the file are filled in." : `${pairs.length} antibodies; the first is filled in, choose another above.`);
    } catch (error) { unread.textContent = error.message; }
  });
  const examples = await getJson("/v1/examples").catch(() => []);
  if (!picker.input.files.length) offer(examples, "choose one");
}

function answerCard(prediction, words) {
  const [first, verdict, ...lines] = words.replaceAll(/(?<=[a-z])_(?=[a-z])/g, " ").split("\n"), condition = first.endsWith("IF IT BINDS") ? ", if it binds" : "";
  const card = make("div", { className: "card" });
  if (prediction.pkd === null) card.append(make("p", { className: "big" }, `Rank score ${prediction.rank_score.toFixed(2)}`));
  else card.append(make("p", { className: "big" }, `KD ${prediction.kd}${condition}`), interval(prediction.pkd, prediction.pkd_lower, prediction.pkd_upper));
  const small = /^(model|flags|error on|nearest training)/, listed = (texts, look) => make("ul", { className: look }, ...texts.map((line) => make("li", {}, line)));
  card.append(make("p", { className: "hint" }, first), make("p", { className: "verdict" }, verdict ?? ""),
    listed(lines.filter((line) => !small.test(line)), ""), listed(lines.filter((line) => small.test(line)), "hint"));
  return card;
}

function explainButton(request) {
  const box = make("div"), button = make("button", { type: "button", className: "plain" }, "What carries this prediction?");
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const { id } = await startJob("explain", request);
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
    make("p", { className: "hint" }, "Every residue is replaced by every other; a tall bar is a place where that changes the prediction much. CDRs are blue."),
    ...["heavy", "light"].map((chain) => rows.filter((row) => row.chain === chain)).filter((chain) => chain.length).map((chain) => bars(chain)),
    sortedTable(rows.sort((a, b) => b.importance - a.importance), ["chain", "residue", "position", "imgt", "region", "importance", "lowest_change", "lowest_to", "highest_change", "highest_to"], "Places, the heaviest first", 20),
    downloads(`/v1/jobs/${id}`, job.files.filter((path) => path.startsWith("explanation/"))));
}
