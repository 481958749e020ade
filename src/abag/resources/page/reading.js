// How a file is to be read, where it does not say so itself: fields for all that the commands take.

import { field, make } from "/page/parts.js";
import { LABELS } from "/page/words.js";

const UNITS = ["M", "mM", "uM", "nM", "pM", "fM", "pKd", "-log10 nM", "log10 nM", "log10 M", "kcal/mol", "kJ/mol", "ug/mL", "ng/mL"];
const QUANTITIES = [["", "the header says it"], "KD", "KA", "dG", "ddG", "IC50", "EC50", "enrichment", "binary"];
const NUMBERINGS = [["", "from 1 along the chain"], "imgt", "kabat", "chothia", "martin", "aho"];
const ENCODINGS = [["", "UTF-8"], ["cp1252", "Windows (cp1252)"], ["mac_roman", "old Macintosh"], "latin-1", "utf-16", ["shift_jis", "Japanese (Shift-JIS)"], ["gb18030", "Chinese (GB 18030)"], ["cp1251", "Cyrillic (cp1251)"]];

const chosen = (values) => () => make("select", {}, ...values.map((choice) => make("option", { value: Array.isArray(choice) ? choice[0] : choice }, Array.isArray(choice) ? choice[1] : choice)));
const text = () => make("input", { type: "text", maxLength: 100, spellcheck: false, autocomplete: "off" });
const number = () => make("input", { type: "number", step: "any" });
const chain = () => make("textarea", { spellcheck: false, autocomplete: "off" });
const tick = (value) => () => make("input", { type: "checkbox", value });

// name: how it is given, what it is for. Those of CONSTANTS hold for every row, and go with the columns.
const FIELDS = {
  unit: [text, "Where the header does not say it, such as nM."], quantity: [chosen(QUANTITIES)],
  header_unit: [text, "Such as nmol, where that stands for the unit above."],
  highest_concentration: [text, "With its unit, such as 10 uM. Cells such as “no binding” become bounds there."],
  temperature_celsius: [number, "For energies; 25 where nothing is said."], molar_mass_g_per_mol: [number, "For units such as ug/mL."],
  sheet: [text, "Of an Excel file with several sheets."], decimal: [chosen([["", "as the numbers show"], "point", "comma"])], encoding: [chosen(ENCODINGS)],
  hidden: [tick("skip")], chains: [text, "Which is which, as heavy=H,light=L,antigen=A,B."], most_umis: [tick(true), "For cells with several heavy or light chains."],
  parent_heavy: [chain, "For rows that list mutations, where the file has no row WT."], parent_light: [chain], numbering: [chosen(NUMBERINGS)],
  parent_library: [tick(true), "Their order then follows from what they share."], assay: [text, "Of a table that holds several."],
  arm: [number, "1 is the first; for constructs with several variable domains."], quarantine: [tick(true), "They are listed with their reasons."], keep_strangers: [tick(true)],
};
const CONSTANTS = ["header_unit", "highest_concentration", "temperature_celsius", "molar_mass_g_per_mol", "sheet", "decimal", "encoding", "hidden"];
const WHOLE = ["arm"];

export const OF_VALUES = ["The values", ["quantity", "unit", "header_unit", "highest_concentration", "temperature_celsius", "molar_mass_g_per_mol"]];
export const OF_THE_FILE = ["The file", ["sheet", "decimal", "encoding", "hidden"]];
export const OF_VARIANTS = ["The variants", ["parent_heavy", "parent_light", "numbering", "assay", "arm"]];
export const OF_ROWS = ["Rows", ["quarantine", "keep_strangers"]];
export const OF_LIBRARIES = ["Variants of one antibody", ["parent_library", "parent_heavy", "parent_light", "numbering"]];
export const OF_CONSTRUCTS = ["Structures, cells, constructs", ["chains", "most_umis", "arm"]];

// A folded part with groups of fields; `changed` is called when one of them changes.
export function readingFields(groups, changed) {
  const inputs = new Map();
  const fieldOf = (name) => {
    const [build, hint] = FIELDS[name], input = build();
    inputs.set(name, input);
    input.addEventListener("change", () => changed(name));
    if (input.type === "checkbox") return make("div", {}, make("label", { className: "check" }, input, LABELS[name]), hint ? make("p", { className: "hint" }, hint) : null);
    if (name === "unit") {
      const list = make("datalist", { id: `units-${Math.random().toString(36).slice(2)}` }, ...UNITS.map((value) => make("option", { value })));
      input.setAttribute("list", list.id);
      return make("div", {}, field(LABELS[name], input, hint), list);
    }
    return field(LABELS[name], input, hint);
  };
  const box = make("details", { className: "reading" }, make("summary", {}, "How the file is read"),
    ...groups.map(([title, names]) => make("fieldset", {}, make("legend", {}, title), make("div", { className: "fields" }, ...names.map(fieldOf)))));
  const values = () => [...inputs].map(([name, input]) => [name, input.type === "checkbox" ? input.checked && (input.value === "true" || input.value) : input.value.trim()])
    .filter(([, value]) => value);
  return {
    box, open: () => { box.open = true; }, set: (name, value) => { const input = inputs.get(name); if (input.type === "checkbox") input.checked = value; else input.value = value; },
    map: () => values().filter(([name]) => CONSTANTS.includes(name)).map(([name, value]) => `${name}:=${value}`),
    request: () => Object.fromEntries(values().filter(([name]) => !CONSTANTS.includes(name)).map(([name, value]) => [name, WHOLE.includes(name) ? Number(value) : value])),
  };
}
