// A spreadsheet: what each column was taken for, and corrections by a click.

import { field, filePicker, make, say } from "/page/parts.js";
import { send, upload } from "/page/service.js";

const ROLES = [["-", "not used"], ["antibody_name", "name"], ["heavy", "heavy chain or VHH"], ["light", "light chain"], ["scfv", "scFv, one chain"],
  ["mutations", "mutations"], ["value", "measured value"], ["unit", "unit"], ["quantity", "quantity"], ["relation", "=, < or >"],
  ["assay", "assay"], ["antigen", "antigen sequence"], ["antigen_name", "antigen name"]];
const UNITS = ["", "M", "mM", "uM", "nM", "pM", "pKd", "kcal/mol", "kJ/mol"];
const QUANTITIES = ["", "KD", "KA", "dG", "ddG", "IC50", "EC50", "enrichment"];

const select = (values, first) => make("select", {}, ...values.map((one) => make("option", { value: one }, one || first)));

// The file of a form with all that helps to read it; `asked` gives what a job is told.
export function spreadsheet(label, hint, { chains = true } = {}) {
  const picker = filePicker(label, hint), shown = make("div");
  const unit = select(UNITS, "the header says it"), quantity = select(QUANTITIES, "the header says it");
  const heavy = make("textarea", { spellcheck: false }), light = make("textarea", { spellcheck: false });
  const aside = make("input", { type: "checkbox" });
  const help = make("details", {}, make("summary", {}, "If the file needs help to be read"), field("Unit of the values", unit), field("What was measured", quantity),
    chains ? field("Parent heavy chain", heavy, "For a file that lists mutations and has no row WT.") : null, chains ? field("Parent light chain", light) : null,
    make("label", { className: "check" }, aside, "Set rows with problems aside"));
  const said = new Map();
  let ticket = null;
  const asked = () => ({ file: ticket, map: ["antigen_unknown:=true", ...[...said].map(([column, role]) => (role === "-" ? `ignore=${column}` : `${role}=${column}`))],
    ...Object.fromEntries([["unit", unit.value], ["quantity", quantity.value]].filter(([, value]) => value)) });

  async function look(focus = null) {
    if (!ticket) return;
    try {
      const found = await send("/v1/columns", asked());
      shown.replaceChildren(columnTable(found, chains, said, look));
      if (found.problems.length && chains) help.open = true;
      say(`${found.columns.length} columns; ${found.problems.length || "no"} problems with them.`);
      if (focus !== null) shown.querySelectorAll("select")[focus]?.focus();
    } catch (error) {
      shown.replaceChildren(make("p", { className: "wrong", role: "alert" }, error.message));
    }
  }
  picker.input.addEventListener("change", async () => {
    [ticket] = [null, said.clear()];
    if (!picker.input.files.length) { shown.replaceChildren(); return; }
    try { ticket = await upload(picker.input.files[0]); } catch (error) { shown.replaceChildren(make("p", { className: "wrong", role: "alert" }, error.message)); return; }
    await look();
  });
  for (const one of [unit, quantity]) one.addEventListener("change", () => look());
  return {
    parts: [picker.box, shown, help],
    setAside: () => { aside.checked = true; },
    asked: async () => {
      if (!picker.input.files.length) throw new Error("Choose a file first.");
      ticket ??= await upload(picker.input.files[0]);
      const chainsGiven = { parent_heavy: heavy.value.trim(), parent_light: light.value.trim() };
      return { ...asked(), quarantine: aside.checked, ...Object.fromEntries(Object.entries(chainsGiven).filter(([, value]) => value)) };
    },
  };
}

function columnTable(found, chains, said, look) {
  const rows = found.columns.map((one, i) => {
    const known = ROLES.some(([role]) => role === one.taken_for) ? ROLES : [...ROLES, [one.taken_for, one.taken_for.replaceAll("_", " ")]];
    const choice = make("select", { ariaLabel: `${one.column} is taken for` }, ...known.map(([value, text]) => make("option", { value, selected: value === one.taken_for }, text)));
    choice.addEventListener("change", () => {
      for (const [column, role] of said) if (role === choice.value && role !== "-" && role !== "antigen") said.delete(column);
      said.set(one.column, choice.value);
      look(i);
    });
    return make("tr", {}, make("th", { scope: "row" }, one.column), make("td", {}, choice), make("td", { className: "chain" }, one.first), make("td", { className: "hint" }, one.why));
  });
  const head = make("tr", {}, ...["column", "taken for", "first cell", "why"].map((text) => make("th", { scope: "col" }, text)));
  // Results are told apart by the names of the plate: a table without chains is right there.
  const problems = found.problems.filter((text) => chains || !text.includes("heavy chains"));
  return make("div", {}, make("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: "columns of the file" },
    make("table", { className: "columns" }, make("caption", {}, "What each column was taken for; choose another where it is wrong."), make("thead", {}, head), make("tbody", {}, ...rows))),
  ...problems.map((text) => make("p", { className: "wrong" }, text)), ...found.notes.map((text) => make("p", { className: "hint" }, text)));
}
