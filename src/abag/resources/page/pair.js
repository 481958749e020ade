// Ask about a pair.

import { interval } from "/page/draw.js";
import { field, make, submits } from "/page/parts.js";
import { getJson, send } from "/page/service.js";

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
  return make("div", {}, make("p", { className: "hint" }, `${domain.kind} chain, CDRs coloured${cut > 0 ? `; ${cut} residues outside of the variable domain are not read` : ""}`), line);
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
    answer.replaceChildren(answerCard(found, words));
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
  const [, ...lines] = words.split("\n");
  const card = make("div", { className: "card" });
  if (found.pkd === null) card.append(make("p", { className: "big" }, `Rank score ${found.rank_score.toFixed(2)}`));
  else card.append(make("p", { className: "big" }, `KD ${found.kd}`), interval(found.pkd, found.pkd_lower, found.pkd_upper));
  card.append(make("p", { className: "words" }, words.split("\n")[0]), make("p", { className: "words" }, lines.join("\n")));
  return card;
}
