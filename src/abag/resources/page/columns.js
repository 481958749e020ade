// A spreadsheet: what each column was taken for, and corrections by a click.

import { filePicker, make, say } from "/page/parts.js";
import { readingFields } from "/page/reading.js";
import { send, upload } from "/page/service.js";
import { ROLES } from "/page/words.js";

const LOOKED_AT = ["unit", "quantity"];
const WITHOUT_COLUMNS = /\.(fasta|fa|faa|pdb|ent|cif|mmcif)(\.gz)?$/i;

// The file of a form with all that helps to read it; `request` gives what a job is sent. A table that
// is to be predicted needs no values, results of a plate no chains, and both name no antigen.
export function spreadsheet(label, hint, groups, { chains = true, values = true, constants = () => ["antigen_unknown:=true"] } = {}) {
  const picker = filePicker(label, hint), shown = make("div");
  const reading = readingFields(groups, () => look());
  const roles = new Map();
  let ticket = null;
  const map = () => [...constants(), ...reading.map(), ...[...roles].map(([column, role]) => (role === "-" ? `ignore=${column}` : `${role}=${column}`))];
  const refuse = (error) => shown.replaceChildren(make("p", { className: "wrong", role: "alert" }, error.message));

  async function look(focus = null) {
    if (!ticket || WITHOUT_COLUMNS.test(picker.input.files[0]?.name)) return;
    const settings = Object.entries(reading.request()).filter(([name]) => LOOKED_AT.includes(name));
    try {
      const explained = await send("/v1/columns", { file: ticket, map: map(), values, ...Object.fromEntries(settings) });
      shown.replaceChildren(columnTable(explained, chains, roles, look));
      if (explained.problems.length && chains) reading.open();
      say(`${explained.columns.length} columns; ${explained.problems.length || "no"} ${explained.problems.length === 1 ? "problem" : "problems"} with them.`);
      if (focus !== null) shown.querySelectorAll("select")[focus]?.focus();
    } catch (error) {
      refuse(error);
      reading.open();
    }
  }
  picker.input.addEventListener("change", async () => {
    [ticket] = [null, roles.clear(), shown.replaceChildren()];
    if (!picker.input.files.length) return;
    try { ticket = await upload(picker.input.files[0]); } catch (error) { refuse(error); return; }
    await look();
  });
  return {
    parts: [picker.box, shown, reading.box], look: () => look(), open: reading.open, setAside: () => reading.set("quarantine", true),
    request: async () => {
      if (!picker.input.files.length) throw new Error("Choose a file first.");
      ticket ??= await upload(picker.input.files[0]);
      return { file: ticket, map: map(), ...reading.request() };
    },
  };
}

function columnTable(explained, chains, roles, look) {
  const rows = explained.columns.map((column, i) => {
    const known = ROLES.some(([role]) => role === column.taken_for) ? ROLES : [...ROLES, [column.taken_for, column.taken_for.replaceAll("_", " ")]];
    const choice = make("select", { ariaLabel: `${column.column} is taken for` }, ...known.map(([value, text]) => make("option", { value, selected: value === column.taken_for }, text)));
    choice.addEventListener("change", () => {
      for (const [column, role] of roles) if (role === choice.value && role !== "-" && role !== "antigen") roles.delete(column);
      roles.set(column.column, choice.value);
      look(i);
    });
    return make("tr", {}, make("th", { scope: "row" }, column.column), make("td", {}, choice), make("td", { className: "chain" }, column.first), make("td", { className: "hint" }, column.why));
  });
  const head = make("tr", {}, ...["column", "taken for", "first cell", "why"].map((text) => make("th", { scope: "col" }, text)));
  // Results are told apart by the names of the plate: a table without chains is right there.
  const problems = explained.problems.filter((text) => chains || !text.includes("heavy chains"));
  return make("div", {}, make("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: "columns of the file" },
    make("table", { className: "columns" }, make("caption", {}, "What each column was taken for; choose another where it is wrong."), make("thead", {}, head), make("tbody", {}, ...rows))),
  ...problems.map((text) => make("p", { className: "wrong" }, text)), ...explained.notes.map((text) => make("p", { className: "hint" }, text)));
}
