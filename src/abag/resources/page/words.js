// Messages are those of the commands, which name options. The page has fields instead: here are
// their labels, and every message is put into these words before it is shown.

export const LABELS = {
  unit: "Unit of the values", quantity: "What was measured", header_unit: "What the header writes for the unit",
  highest_concentration: "Highest concentration tested", decimal: "Decimal sign", sheet: "Sheet of the workbook",
  encoding: "Encoding of the text", hidden: "Leave out hidden rows and columns", temperature_celsius: "Temperature, °C",
  molar_mass_g_per_mol: "Molar mass, g/mol", assay: "Assay to use", numbering: "Numbering of the mutations",
  parent_heavy: "Parent heavy chain", parent_light: "Parent light chain", arm: "Arm of the construct",
  quarantine: "Set rows with problems aside", keep_strangers: "Learn from rows far from the parent, too",
  antigen: "Antigen of every row", chains: "Chains of a structure",
  most_umis: "Take the chain with the most UMIs", parent_library: "The rows are variants of one antibody",
  heavy: "Heavy chain, VHH or scFv", light: "Light chain", cdrs: "Only these CDRs", model: "Model",
  max_mutations: "Most mutations of a variant", controls: "Controls", n: "Wells", host: "Codons of",
  overwrite: "Choose the open plate anew, as a whole", allow_unproposed: "Take variants that were not proposed, too",
  failed: "Wells that gave no measurement", exclude: "Exchange the marked wells", out: "Name",
};

export const ROLES = [["-", "not used"], ["antibody_name", "name"], ["heavy", "heavy chain or VHH"], ["light", "light chain"], ["scfv", "scFv, one chain"],
  ["mutations", "mutations"], ["value", "measured value"], ["unit", "unit"], ["quantity", "quantity"], ["relation", "=, < or >"],
  ["assay", "assay"], ["antigen", "antigen sequence"], ["antigen_name", "antigen name"], ["highest_concentration", "highest concentration tested"],
  ["temperature_celsius", "temperature, °C"], ["temperature_kelvin", "temperature, K"], ["molar_mass_g_per_mol", "molar mass, g/mol"], ["method", "method"]];

const COMMANDS = [[/`abag adapt[^`]*--campaign[^`]*`(, with a new folder)?/g, "“Give the results back”"], [/`abag propose[^`]*--campaign[^`]*`/g, "“Choose the next plate”"],
  [/`abag adapt`/g, "“My assay”"], [/`abag ([a-z-]+)[^`]*`/g, "the command line (abag $1)"]];
const FLAGS = new Set(["quarantine", "keep_strangers", "most_umis", "overwrite", "allow_unproposed", "hidden"]);
const VALUE = String.raw`"[^"]*"|'[^']*'|[^\s,;)]*[^\s,;).]`;
// A word behind an option is its value where it looks like one; FILE and SEQUENCE stand for one.
const LOOKS = String.raw`"[^"]*"|'[^']*'|(?=[^\s,;)]*[A-Z0-9])[^\s,;)]*[^\s,;).]|imgt|kabat|chothia|martin|aho|sequential|library`;
const PLACEHOLDER = /^[A-Z][A-Z_]{3,}(\.[a-z]+)?$/;

const bare = (value) => value.replace(/^(["'])(.*)\1$/, "$2");
const labelled = (label, value) => `“${label}”${value && !PLACEHOLDER.test(value) ? `: ${value}` : ""}`;

function mapped(key, constant, value) {
  const bareValue = bare(value);
  if (key === "antigen_unknown") return "by a “Model” of your assay";
  if (constant) return FLAGS.has(key) ? labelled(LABELS[key]) : labelled(LABELS[key] ?? key.replaceAll("_", " "), bareValue);
  if (key === "ignore") return PLACEHOLDER.test(bareValue) ? "“not used”" : `column ${bareValue} as “not used”`;
  const role = ROLES.find(([role]) => role === key)?.[1] ?? key.replaceAll("_", " ");
  return PLACEHOLDER.test(bareValue) ? `a column as “${role}”` : `column ${bareValue} as “${role}”`;
}

function option(name, value) {
  const key = name.replaceAll("-", "_"), bareValue = value ? bare(value) : "";
  if (key === "map") return `“taken for”${value ? ` ${value}` : ""}`;
  if (key === "parent") return bareValue === "library" ? labelled(LABELS.parent_library) : labelled(LABELS.parent_heavy);
  if (key === "labels") return "here, give one table that holds chains and values";
  if (!(key in LABELS)) return `“${name.replaceAll("-", " ")}” of the command line${value ? ` (${bareValue})` : ""}`;
  return FLAGS.has(key) ? `${labelled(LABELS[key])}${value ? ` ${value}` : ""}` : labelled(LABELS[key], bareValue);
}

// A message in the words of the page; a text without options stays as it is.
export function inPageWords(text) {
  if (!text.includes("--") && !text.includes("`abag")) return text;
  return COMMANDS.reduce((message, [command, words]) => message.replace(command, words), text)
    .replace(new RegExp(String.raw`(?<![\w-])--map[ =]([a-z_]+)(:?)=(${VALUE})`, "g"), (_, key, constant, value) => mapped(key, constant, value))
    .replace(new RegExp(String.raw`(?<![\w-])--([a-z][a-z-]*)(?:[ =](${LOOKS}))?`, "g"), (_, name, value) => option(name, value));
}

// Cells of the user's own table are data, and stay.
const DATA = new Set(["column", "first", "name", "heavy", "light", "antigen"]);
export const toldIn = (key, value) => (typeof value === "string" && !DATA.has(key) ? inPageWords(value) : value);
