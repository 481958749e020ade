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
    parts.push(shape("rect", { x: x(lower), y: 33, width: Math.max(x(upper) - x(lower), 2), height: 14, rx: 7, fill: "#1f5fa8", "fill-opacity": .35 }));
  }
  parts.push(shape("circle", { cx: x(pkd), cy: 40, r: 7, fill: "#1f5fa8", stroke: "#fff", "stroke-width": 2 }));
  parts.push(shape("text", { x: x(pkd), y: 22, "text-anchor": "middle", "font-size": 14, "font-weight": 700 }, `pKd ${pkd.toFixed(1)}`));
  const told = lower === null ? "" : `, interval ${lower.toFixed(1)} to ${upper.toFixed(1)}`;
  return shape("svg", { viewBox: "0 0 400 72", class: "scale", role: "img", "aria-label": `pKd ${pkd.toFixed(1)}${told}; from weak on the left to tight on the right` }, ...parts);
}

const LETTERS = "AVILMCFWYGPSTNQHKRDE";

// Blue is tighter, red is weaker, and the scale is as long in both directions.
export function colour(value, most) {
  const share = Math.min(Math.abs(value) / most, 1);
  const full = value > 0 ? [33, 102, 172] : [178, 24, 43];
  return `rgb(${full.map((part) => Math.round(247 + (part - 247) * share)).join(",")})`;
}

export function heatmap(rows, unit) {
  const sites = new Map();
  for (const row of rows) {
    const key = `${row.chain}:${row.place}`;
    if (!sites.has(key)) sites.set(key, { ...row, cells: {} });
    sites.get(key).cells[row.mutant] = row;
  }
  const columns = [...sites.values()].sort((a, b) => a.chain.localeCompare(b.chain) || a.place - b.place);
  const most = Math.max(...rows.map((row) => Math.abs(Number(row.delta))), 0.1);
  const size = 13, left = 24, top = 64;
  const parts = [...LETTERS].map((letter, i) => shape("text", { x: 10, y: top + i * size + 10, "font-size": 10, "text-anchor": "middle" }, letter));
  columns.forEach((site, at) => {
    const x = left + at * size;
    parts.push(shape("text", { x: x + 9, y: top - 6, "font-size": 9, transform: `rotate(-90 ${x + 9} ${top - 6})` }, `${site.chain} ${site.wild_type}${site.imgt || site.place}`));
    [...LETTERS].forEach((letter, i) => {
      const cell = site.cells[letter], y = top + i * size;
      const fill = letter === site.wild_type ? "#8a939d" : cell ? colour(Number(cell.delta), most) : "none";
      const square = shape("rect", { x, y, width: size - 1, height: size - 1, fill });
      if (cell) {
        square.append(shape("title", {}, `${cell.mutation}: ${Number(cell.delta).toFixed(2)} ${unit}${cell.measured ? ", measured" : ""}`));
        if (cell.measured && cell.measured !== "false") { square.setAttribute("stroke", "#000"); square.setAttribute("stroke-width", "1.5"); }
      }
      parts.push(square);
    });
  });
  const width = left + columns.length * size + 6, height = top + LETTERS.length * size + 40;
  const scale = [-most, -most / 2, 0, most / 2, most];
  scale.forEach((value, i) => {
    parts.push(shape("rect", { x: left + i * 46, y: height - 32, width: 44, height: 12, fill: colour(value, most), stroke: "#8a939d" }));
    parts.push(shape("text", { x: left + i * 46 + 22, y: height - 8, "font-size": 10, "text-anchor": "middle" }, value.toFixed(1)));
  });
  return shape("svg", { xmlns: SVG, viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
    "aria-label": `heat map of ${rows.length} mutants, ${unit} against the parent; the table below has the values` }, ...parts);
}

export function svgText(svg) {
  const copy = svg.cloneNode(true);
  copy.setAttribute("style", "background:#fff;color:#1c2430;font-family:Arial,sans-serif");
  for (const text of copy.querySelectorAll("text")) text.setAttribute("fill", "#1c2430");
  return new XMLSerializer().serializeToString(copy);
}

export async function pngOf(svg, scale = 2) {
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
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}
