// A spreadsheet: what each column was taken for, and corrections by a click.

import { filePicker, make, say } from "/page/parts.js";
import { readingFields } from "/page/reading.js";
import { send, upload } from "/page/service.js";
import { ROLES } from "/page/words.js";

const LOOKED_AT = ["unit", "quantity"];
const WITHOUT_COLUMNS = /\.(fasta|fa|faa|pdb|ent|cif|mmcif)(\.gz)?$/i;

// The file of a form with all that helps to read it; `asked` gives what a job is told. A table that
// is to be predicted needs no values, results of a plate no chains, and both name no antigen.
export function spreadsheet(label, hint, groups, { chains = true, values = true, constants = () => ["antigen_unknown:=true"] } = {}) {
  const picker = filePicker(label, hint), shown = make("div");
  const reading = readingFields(groups, () => look());
  const said = new Map();
  let ticket = null;
  const map = () => [...constants(), ...reading.map(), ...[...said].map(([column, role]) => (role === "-" ? `ignore=${column}` : `${role}=${column}`))];
  const refuse = (error) => shown.replaceChildren(make("p", { className: "wrong", role: "alert" }, error.message));

  async function look(focus = null) {
    if (!ticket || WITHOUT_COLUMNS.test(picker.input.files[0]?.name)) return;
    const told = Object.entries(reading.asked()).filter(([name]) => LOOKED_AT.includes(name));
    try {
      const found = await send("/v1/columns", { file: ticket, map: map(), values, ...Object.fromEntries(told) });
      shown.replaceChildren(columnTable(found, chains, said, look));
      if (found.problems.length && chains) reading.open();
      say(`${found.columns.length} columns; ${found.problems.length || "no"} ${found.problems.length === 1 ? "problem" : "problems"} with them.`);
      if (focus !== null) shown.querySelectorAll("select")[focus]?.focus();
    } catch (error) {
      refuse(error);
      reading.open();
    }
  }
  picker.input.addEventListener("change", async () => {
    [ticket] = [null, said.clear(), shown.replaceChildren()];
    if (!picker.input.files.length) return;
    try { ticket = await upload(picker.input.files[0]); } catch (error) { refuse(error); return; }
    await look();
  });
  return {
    parts: [picker.box, shown, reading.box], look: () => look(), open: reading.open, setAside: () => reading.set("quarantine", true),
    asked: async () => {
      if (!picker.input.files.length) throw new Error("Choose a file first.");
      ticket ??= await upload(picker.input.files[0]);
      return { file: ticket, map: map(), ...reading.asked() };
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
