// Pictures as SVG: an interval on a scale, and a heat map of mutants.

const SVG = "http://www.w3.org/2000/svg";

export function shape(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const LANDMARKS = [[3, "1 mM"], [6, "1 µM"], [9, "1 nM"], [12, "1 pM"]];

export function interval(pkd, lower, upper) {
  const x = (value) => 20 + (Math.min(Math.max(value, 2), 14) - 2) * 30;
  const parts = [shape("line", { x1: x(2), x2: x(14), y1: 40, y2: 40, stroke: "currentColor", "stroke-opacity": .4 })];
  for (const [value, name] of LANDMARKS) {
    parts.push(shape("line", { x1: x(value), x2: x(value), y1: 34, y2: 46, stroke: "currentColor" }));
    parts.push(shape("text", { x: x(value), y: 64, "text-anchor": "middle", "font-size": 13 }, name));
  }
  if (lower !== null && upper !== null) {
    parts.push(shape("rect", { x: x(lower), y: 33, width: Math.max(x(upper) - x(lower), 2), height: 14, rx: 7, fill: "var(--accent)", "fill-opacity": .35 }));
  }
  parts.push(shape("circle", { cx: x(pkd), cy: 40, r: 7, fill: "var(--accent)", stroke: "var(--card)", "stroke-width": 2 }));
  parts.push(shape("text", { x: x(pkd), y: 22, "text-anchor": "middle", "font-size": 14, "font-weight": 700 }, `pKd ${pkd.toFixed(1)}`));
  const range = lower === null ? "" : `, interval ${lower.toFixed(1)} to ${upper.toFixed(1)}`;
  return shape("svg", { viewBox: "0 0 400 72", class: "scale", role: "img", "aria-label": `pKd ${pkd.toFixed(1)}${range}; from weak on the left to tight on the right` }, ...parts);
}

const LETTERS = "AVILMCFWYGPSTNQHKRDE";

// Blue is tighter, red is weaker, and the scale is as long in both directions.
export function colour(value, most) {
  const share = Math.min(Math.abs(value) / most, 1);
  const full = value > 0 ? [33, 102, 172] : [178, 24, 43];
  return `rgb(${full.map((part) => Math.round(247 + (part - 247) * share)).join(",")})`;
}

// A heat map as lines of sites, so that it fits the width it is given; IMGT stands above Kabat.
export function heatmap(rows, unit, perLine = Infinity) {
  const sites = new Map();
  for (const row of rows) {
    const key = `${row.chain}:${row.place}`;
    if (!sites.has(key)) sites.set(key, { ...row, cells: {} });
    sites.get(key).cells[row.mutant] = row;
  }
  const columns = [...sites.values()].sort((a, b) => a.chain.localeCompare(b.chain) || a.place - b.place);
  const most = Math.max(...rows.map((row) => Math.abs(Number(row.delta))), 0.1);
  const size = 13, left = 24, top = 74, step = top + LETTERS.length * size + 12, parts = [];
  const lines = Math.max(1, Math.ceil(columns.length / perLine)), across = Math.ceil(columns.length / lines);
  columns.forEach((site, at) => {
    const x = left + (at % across) * size, y0 = Math.floor(at / across) * step + top;
    if (at % across === 0) [...LETTERS].forEach((letter, i) => parts.push(shape("text", { x: 10, y: y0 + i * size + 10, "font-size": 10, "text-anchor": "middle" }, letter)));
    const kabat = site.kabat?.replace(/^[HL]:[A-Z]|[A-Z]$/g, "");
    parts.push(shape("text", { x: x + 9, y: y0 - 6, "font-size": 9, transform: `rotate(-90 ${x + 9} ${y0 - 6})` },
      `${site.chain} ${site.wild_type}${site.imgt || site.place}${kabat ? ` · ${kabat}` : ""}`));
    [...LETTERS].forEach((letter, i) => {
      const cell = site.cells[letter], y = y0 + i * size, measured = isMeasured(cell);
      const fill = letter === site.wild_type ? "#8a939d" : cell ? colour(Number(cell.delta), most) : "none";
      const square = shape("rect", { x, y, width: size - 1, height: size - 1, fill });
      if (cell) square.append(shape("title", {}, `${cell.mutation}${cell.imgt ? `, IMGT ${cell.imgt}` : ""}${cell.kabat ? `, Kabat ${cell.kabat}` : ""}: ${Number(cell.delta).toFixed(2)} ${unit}${measured ? ", measured" : ""}`));
      parts.push(square);
      if (measured) parts.push(shape("circle", { cx: x + 6, cy: y + 6, r: 3, fill: "none", stroke: "#1c2430", "stroke-width": 1.4, class: "measured" }));
    });
  });
  const width = left + Math.max(across * size, 5 * 46 + 175) + 6, height = lines * step + 40;
  [-most, -most / 2, 0, most / 2, most].forEach((value, i) => {
    parts.push(shape("rect", { x: left + i * 46, y: height - 32, width: 44, height: 12, fill: colour(value, most), stroke: "#8a939d" }));
    parts.push(shape("text", { x: left + i * 46 + 22, y: height - 8, "font-size": 10, "text-anchor": "middle" }, value.toFixed(1)));
  });
  parts.push(shape("circle", { cx: left + 248, cy: height - 26, r: 3, fill: "none", stroke: "currentColor", "stroke-width": 1.4 }),
    shape("text", { x: left + 256, y: height - 22, "font-size": 10 }, "measured"), shape("rect", { x: left + 322, y: height - 32, width: 12, height: 12, fill: "#8a939d" }),
    shape("text", { x: left + 338, y: height - 22, "font-size": 10 }, "parent"));
  return shape("svg", { xmlns: SVG, viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
    "aria-label": `heat map of ${rows.length} mutants, ${unit} against the parent, IMGT and Kabat positions; the table below has the values` }, ...parts);
}

export const isMeasured = (cell) => Boolean(cell?.measured) && cell.measured !== "false";

// The heat map in the shape of a slide (16 to 9), its lines broken so that it is as large as can be.
export function slide(rows, unit, title) {
  const wide = 1520, tall = 760;
  let best = null;
  for (let perLine = 20; perLine <= 260; perLine += 5) {
    const picture = heatmap(rows, unit, perLine), { width, height } = picture.viewBox.baseVal;
    const scale = Math.min(wide / width, tall / height);
    if (!best || scale > best.scale) best = { picture, scale };
  }
  best.picture.setAttribute("x", 40);
  best.picture.setAttribute("y", 110);
  best.picture.setAttribute("width", wide);
  best.picture.setAttribute("height", tall);
  return shape("svg", { xmlns: SVG, viewBox: "0 0 1600 900", width: 1600, height: 900 }, shape("rect", { width: 1600, height: 900, fill: "#fff" }),
    shape("text", { x: 40, y: 60, "font-size": 36, "font-weight": 700 }, title),
    shape("text", { x: 40, y: 92, "font-size": 18 }, `${unit} against the parent; blue is tighter, red weaker; labels are IMGT · Kabat`), best.picture);
}

// Axes of a small diagram: x and y give places of values.
function diagram(xs, ys, names, parts, label) {
  const padded = ([low, high]) => [low - 0.06 * (high - low || 1), high + 0.06 * (high - low || 1)];
  const [x0, x1] = padded(xs), [y0, y1] = padded(ys);
  const x = (value) => 52 + (value - x0) / (x1 - x0) * 330, y = (value) => 212 - (value - y0) / (y1 - y0) * 196;
  const ticks = (low, high, count) => Array.from({ length: count }, (_, i) => low + (high - low) * i / (count - 1));
  const axes = [shape("path", { d: "M52 16V212H382", fill: "none", stroke: "currentColor", "stroke-opacity": .5 }),
    shape("text", { x: 217, y: 248, "text-anchor": "middle", "font-size": 12 }, names[0]), shape("text", { x: 12, y: 114, "text-anchor": "middle", "font-size": 12, transform: "rotate(-90 12 114)" }, names[1]),
    ...ticks(xs[0], xs[1], 4).map((value) => (xs.every(Number.isInteger) ? Math.round(value) : value)).map((value) => shape("text", { x: x(value), y: 228, "text-anchor": "middle", "font-size": 11 }, Number.isInteger(value) ? value : value.toFixed(1))),
    ...ticks(ys[0], ys[1], 4).map((value) => shape("text", { x: 46, y: y(value) + 4, "text-anchor": "end", "font-size": 11 }, value.toFixed(1)))];
  return shape("svg", { viewBox: "0 0 400 256", class: "diagram", role: "img", "aria-label": label }, ...axes, ...parts(x, y));
}

const ends = (values) => [Math.min(...values), Math.max(...values)];
// Colours of the page, so that they suit light and dark.
const HUES = ["var(--accent)", "var(--second)", "var(--faint)"];

// Importance of each residue of one chain.
export function bars(rows) {
  const most = Math.max(...rows.map((row) => Number(row.importance)), 1e-6), step = 760 / rows.length;
  return shape("svg", { viewBox: "0 0 800 120", role: "img", "aria-label": `importance along the ${rows[0].chain} chain; the table below has the values` },
    shape("text", { x: 20, y: 14, "font-size": 13 }, `${rows[0].chain} chain`),
    ...rows.map((row, i) => {
      const tall = 80 * Number(row.importance) / most;
      const bar = shape("rect", { x: 20 + i * step, y: 104 - tall, width: Math.max(step - 1, 1), height: tall, fill: row.region.startsWith("CDR") ? "var(--accent)" : "#8a939d" });
      bar.append(shape("title", {}, `${row.residue}${row.position}, IMGT ${row.imgt}, ${row.region}: ${Number(row.importance).toFixed(2)}`));
      return bar;
    }), shape("line", { x1: 20, x2: 780, y1: 104, y2: 104, stroke: "currentColor", "stroke-opacity": .4 }));
}

export function curve(points) {
  const models = [...new Set(points.map((point) => point.model))];
  const known = points.filter((point) => point.spearman !== null);
  const label = known.map((point) => `${point.model} with ${point.rows} variants ${point.spearman.toFixed(2)}`).join(", ");
  return diagram(ends(points.map((point) => point.rows)), [Math.min(0, ...known.map((point) => point.spearman)), Math.max(1, ...known.map((point) => point.spearman))],
    ["variants learnt from", "Spearman on held-out ones"], (x, y) => models.flatMap((model, i) => {
      const line = known.filter((point) => point.model === model).sort((a, b) => a.rows - b.rows);
      return [shape("polyline", { points: line.map((point) => `${x(point.rows)},${y(point.spearman)}`).join(" "), fill: "none", stroke: HUES[i % 3], "stroke-width": 2, "stroke-dasharray": i ? "5 4" : "none" }),
        ...line.map((point) => shape("circle", { cx: x(point.rows), cy: y(point.spearman), r: 4, fill: HUES[i % 3] })),
        shape("rect", { x: 250, y: 18 + i * 18, width: 10, height: 10, fill: HUES[i % 3] }), shape("text", { x: 265, y: 27 + i * 18, "font-size": 12 }, i ? model : `${model} (used)`)];
    }), `learning curve: ${label}`);
}

export function parity(variants, unit, round) {
  const all = variants.flatMap((variant) => [variant.lower_90, variant.upper_90, variant.measured, variant.predicted]), range = ends(all);
  return diagram(range, range, [`predicted ${unit}`, `measured ${unit}`], (x, y) => [
    shape("line", { x1: x(range[0]), y1: y(range[0]), x2: x(range[1]), y2: y(range[1]), stroke: "currentColor", "stroke-opacity": .5, "stroke-dasharray": "4 4" }),
    ...variants.flatMap((variant) => {
      const dot = shape("circle", { cx: x(variant.predicted), cy: y(variant.measured), r: 4, fill: variant.exact ? HUES[0] : "none", stroke: HUES[0] });
      dot.append(shape("title", {}, `${variant.name}: predicted ${variant.predicted.toFixed(2)} (${variant.lower_90.toFixed(2)} to ${variant.upper_90.toFixed(2)}), measured ${variant.measured.toFixed(2)}`));
      return [shape("line", { x1: x(variant.lower_90), x2: x(variant.upper_90), y1: y(variant.measured), y2: y(variant.measured), stroke: HUES[0], "stroke-opacity": .35 }), dot];
    })], `round ${round}: predicted against measured for ${variants.length} variants`);
}

export function svgText(svg) {
  const copy = svg.cloneNode(true);
  copy.setAttribute("color", "#1c2430");
  copy.setAttribute("font-family", "Arial, sans-serif");
  for (const text of copy.querySelectorAll("text")) text.setAttribute("fill", "#1c2430");
  return new XMLSerializer().serializeToString(copy);
}

export async function pngOf(svg, scale = 1.2) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svgText(svg))}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = svg.viewBox.baseVal.width * scale;
  canvas.height = svg.viewBox.baseVal.height * scale;
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}
