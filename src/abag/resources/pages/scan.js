"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const LETTERS = data.letters, LEFT = 24, TOP = 22, LABELS = 44, GAP = 12;
  const mutants = data.mutants.map(([site, letter, delta, lower, upper, natural, human, severity, text, unseen, kabat, measured], i) =>
    ({ i, site, letter, delta, lower, upper, natural, human, severity, text: data.texts[text], unseen, kabat, measured,
       width: lower === null ? null : upper - lower }));
  const names = mutants.map((m) => `${data.sites[m.site][0]}:${data.sites[m.site][2]}${data.sites[m.site][1]}${LETTERS[m.letter]}`);
  const byCell = new Map(mutants.map((m) => [m.site * 20 + m.letter, m]));
  const chosen = new Set();
  let cursor = null, places = new Map();

  const plain = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  const signed = (x, digits = 2) => {
    const size = Math.abs(x).toFixed(digits);
    return Number(size) === 0 ? size : (x < 0 ? "−" : "+") + size;
  };
  const region = (site) => site[4] || "outside the domain";
  const isCdr = (site) => site[4].startsWith("CDR");

  // Colours -----------------------------------------------------------------
  const channels = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  function mix(stops, share) {
    const place = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
    const i = Math.min(Math.floor(place), stops.length - 2);
    const a = channels(stops[i]), b = channels(stops[i + 1]);
    return `rgb(${a.map((x, k) => Math.round(x + (b[k] - x) * (place - i))).join(",")})`;
  }
  const DOUBT = ["#f3eef7", "#9d8cc4", "#4a2a7b"];
  const quantile = (values, q) => values.length ? values.sort((a, b) => a - b)[Math.floor(q * (values.length - 1))] : 1;
  const known = (key) => mutants.map((m) => m[key]).filter((x) => x !== null);
  const modes = {
    delta: { value: (m) => m.delta, ends: data.ends, stops: data.colours, words: ["worse", "better"] },
    lower: { value: (m) => m.lower, ends: data.ends.map((x) => 2 * x), stops: data.colours, words: ["worse", "better"] },
    width: { value: (m) => m.width, ends: [quantile(known("width"), 0.02), quantile(known("width"), 0.98)], stops: DOUBT, words: ["sure", "unsure"] },
    human: { value: (m) => m.human, ends: [-6, 6], stops: data.colours, words: ["unlike human", "like human"] },
    natural: { value: (m) => m.natural, ends: [-8, 8], stops: data.colours, words: ["unusual", "usual"] },
  };
  const mode = () => modes[at("colour").value];
  function colour(m) {
    const { value, ends, stops } = mode();
    const x = value(m);
    if (x === null) return "var(--grid)";
    // Where the scale has two sides each has its own end, so that small improvements show.
    if (ends[0] < 0) return mix(stops, x < 0 ? 0.5 - x / ends[0] / 2 : 0.5 + x / ends[1] / 2);
    return mix(stops, (x - ends[0]) / (ends[1] - ends[0] || 1));
  }
  const kept = (m) => (!at("clean").checked || !m.text) && (!at("better").checked || m.delta > 0)
    && (!at("cdrs").checked || isCdr(data.sites[m.site]));

  // The map -------------------------------------------------------------------
  function lines(capacity) {
    const shown = data.sites.map((site, i) => i).filter((i) => !at("cdrs").checked || isCdr(data.sites[i]));
    const found = [];
    for (const chain of new Set(shown.map((i) => data.sites[i][0]))) {
      const mine = shown.filter((i) => data.sites[i][0] === chain);
      const count = Math.ceil(mine.length / capacity), size = Math.ceil(mine.length / count);
      for (let k = 0; k < count; k++) found.push(mine.slice(k * size, (k + 1) * size));
    }
    return found;
  }
  function bands(line, size, left, y) {
    let svg = "", first = 0;
    for (let k = 1; k <= line.length; k++) {
      const here = data.sites[line[first]], next = k < line.length ? data.sites[line[k]] : null;
      if (next && next[4] === here[4] && line[k] === line[k - 1] + 1) continue;
      const x = left + first * size, width = (k - first) * size - 2, cdr = isCdr(here);
      svg += `<rect x="${x + 1}" y="${y + 14}" width="${width}" height="4" fill="${cdr ? "#e3b341" : "var(--grid)"}"/>`;
      if (width > 34 || (cdr && width > 20))
        svg += `<text x="${x + width / 2}" y="${y + 10}" text-anchor="middle"${cdr ? ' class="cdr"' : ""}>${here[0]} ${here[4] || "outside"}</text>`;
      first = k;
    }
    return svg;
  }
  function cells(line, size, left, y) {
    let svg = "";
    line.forEach((index, k) => {
      const site = data.sites[index], x = left + k * size;
      for (let row = 0; row < 20; row++) {
        const m = byCell.get(index * 20 + row), top = y + TOP + row * size;
        if (LETTERS[row] === site[2]) {
          svg += `<circle cx="${x + size / 2}" cy="${top + size / 2}" r="2" fill="var(--faint)"/>`;
        } else if (m) {
          const classes = `cell${kept(m) ? "" : " out"}${m.unseen ? " pale" : ""}`;
          svg += `<rect class="${classes}" data-m="${m.i}" x="${x + 0.5}" y="${top + 0.5}" width="${size - 1}" height="${size - 1}" fill="${colour(m)}"/>`;
          if (m.severity === "h" || m.severity === "m")
            svg += `<path d="M${x + size * 0.55} ${top + 0.5}H${x + size - 0.5}V${top + size * 0.45}Z" fill="#1c2430" pointer-events="none"${kept(m) ? "" : ' class="out"'}/>`;
          if (m.measured)
            svg += `<circle cx="${x + size / 2}" cy="${top + size / 2}" r="${size * 0.26}" fill="none" stroke="#1c2430" stroke-width="1.4" pointer-events="none"${kept(m) ? "" : ' class="out"'}/>`;
          places.set(m.i, [x, top, size]);
        }
      }
      const label = `${site[2]} ${site[3] || `(${site[1]})`}`;
      svg += `<text transform="translate(${x + size / 2 + 3.5} ${y + TOP + 20 * size + 5}) rotate(-90)" text-anchor="end"${isCdr(site) ? ' class="cdr"' : ""}>${label}</text>`;
    });
    return svg;
  }
  function frame(line, size, left, y) {
    let svg = "", edge = 0;
    for (let row = 0; row < 20; row++)
      svg += `<text x="${left - 7}" y="${y + TOP + row * size + size / 2 + 3.5}" text-anchor="end">${LETTERS[row]}</text>`;
    for (const [, count] of data.groups.slice(0, -1)) {
      edge += count;
      svg += `<path d="M${left} ${y + TOP + edge * size}h${line.length * size}" stroke="var(--faint)" stroke-width=".8"/>`;
    }
    return svg;
  }
  function draw() {
    const wide = at("grid").clientWidth, least = wide < 520 ? 13 : 15;
    if (wide < 100) return;  // not laid out yet; the observer will call again
    const rows = lines(Math.max(8, Math.floor((wide - LEFT - 4) / least)));
    const size = Math.min(22, (wide - LEFT - 4) / Math.max(...rows.map((line) => line.length)));
    const step = TOP + 20 * size + LABELS + GAP;
    let x = 0, y = 0, svg = "";
    places = new Map();
    for (const line of rows) {
      // Short lines stand side by side.
      const broad = LEFT + line.length * size + 4;
      if (x > 0 && x + broad > wide) { x = 0; y += step; }
      svg += bands(line, size, x + LEFT, y) + cells(line, size, x + LEFT, y) + frame(line, size, x + LEFT, y);
      x += broad + 10;
    }
    y += step;
    at("grid").innerHTML = `<svg viewBox="0 0 ${wide} ${y}" width="${wide}" height="${y}">${svg}<g id="marks" pointer-events="none"></g></svg>`;
    marks();
    legend();
  }
  function marks() {
    const box = (i, look) => {
      const place = places.get(i);
      return place ? `<rect x="${place[0]}" y="${place[1]}" width="${place[2]}" height="${place[2]}" fill="none" ${look}/>` : "";
    };
    let svg = [...chosen].map((i) => box(i, 'stroke="var(--ink)" stroke-width="2"')).join("");
    if (cursor !== null) svg += box(cursor, 'stroke="var(--accent)" stroke-width="2.5"');
    const layer = at("marks");
    if (layer) layer.innerHTML = svg;
  }
  function legend() {
    const { ends, stops, words } = mode();
    const digits = Math.min(...ends.map(Math.abs)) < 1 ? 2 : 1;
    const show = (x) => (ends[0] < 0 ? signed(x, digits) : x.toFixed(digits));
    at("legend").innerHTML = `${words[0]} ${show(ends[0])} <i style="background:linear-gradient(90deg,${stops.join(",")})"></i> ${show(ends[1])} ${words[1]}`;
  }

  // Words ---------------------------------------------------------------------
  function words(m) {
    const site = data.sites[m.site];
    let text = `<b>${names[m.i]}</b> &nbsp;${site[3] ? `IMGT ${site[3]}, ` : ""}${region(site)}<br>Δ ${data.unit} <b>${signed(m.delta)}</b>`;
    if (m.lower !== null) text += ` &nbsp;(${data.level} interval ${signed(m.lower)} to ${signed(m.upper)})`;
    if (data.unit === "pKd") {
      const fold = 10 ** Math.abs(m.delta);
      text += `, ${fold.toFixed(fold < 10 ? 1 : 0)} times ${m.delta < 0 ? "weaker" : "tighter"}`;
    }
    if (m.natural !== null) text += `<br>naturalness ${signed(m.natural, 1)}`;
    text += `<br>humanness ${signed(m.human, 1)}${m.kabat ? `, Kabat ${plain(m.kabat)}` : ""}`;
    if (m.measured) text += "<br><b>measured already</b>";
    text += m.text ? `<br>adds: ${plain(m.text)}` : "<br>adds no liability";
    if (m.unseen) text += "<br>no training row changed this position";
    return text;
  }
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.hidden = true;
  document.body.append(tip);
  function point(m, event) {
    cursor = m ? m.i : null;
    marks();
    tip.hidden = !m || !event;
    if (!m) return;
    at("readout").innerHTML = words(m);
    if (!event) return;
    tip.innerHTML = words(m);
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - box.width - 8))}px`;
    tip.style.top = `${event.clientY + 18 + box.height > innerHeight ? event.clientY - box.height - 12 : event.clientY + 18}px`;
  }
  function toggle(i) {
    if (!chosen.delete(i)) chosen.add(i);
    at("list").value = [...chosen].map((one) => names[one]).join("\n");
    marks();
    for (const row of at("best").tBodies[0].rows) row.className = chosen.has(Number(row.dataset.m)) ? "taken" : "";
  }
  function table() {
    const { value } = mode(), up = at("colour").value === "width" ? -1 : 1;
    const rows = mutants.filter((m) => kept(m) && !m.measured && value(m) !== null).sort((a, b) => up * (value(b) - value(a)) || a.i - b.i);
    const natural = known("natural").length > 0;
    at("besttitle").textContent = rows.length ? `${Math.min(rows.length, 25)} of ${rows.length.toLocaleString("en")} mutants, by ${at("colour").selectedOptions[0].text}` : "No mutant is left";
    at("best").tBodies[0].innerHTML = rows.slice(0, 25).map((m) => {
      const site = data.sites[m.site];
      return `<tr data-m="${m.i}"${chosen.has(m.i) ? ' class="taken"' : ""}><th scope="row">${names[m.i]}</th><td>${site[4]} ${site[3]}</td><td>${signed(m.delta)}</td><td>${m.lower === null ? "–" : `${signed(m.lower)} to ${signed(m.upper)}`}</td>${natural ? `<td>${m.natural === null ? "–" : signed(m.natural, 1)}</td>` : ""}<td>${plain(m.text) || "–"}</td></tr>`;
    }).join("");
  }
  function all() { draw(); table(); }

  // Hands ---------------------------------------------------------------------
  const under = (event) => { const cell = event.target.closest("[data-m]"); return cell ? mutants[Number(cell.dataset.m)] : null; };
  at("grid").addEventListener("pointermove", (event) => { const m = under(event); if (m) point(m, event); else tip.hidden = true; });
  at("grid").addEventListener("pointerleave", () => { tip.hidden = true; });
  at("grid").addEventListener("click", (event) => { const m = under(event); if (m) { point(m, event); toggle(m.i); } });
  at("best").addEventListener("click", (event) => { const m = under(event); if (m) { point(m); toggle(m.i); } });
  at("grid").addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if ((event.key === "Enter" || event.key === " ") && cursor !== null) { event.preventDefault(); toggle(cursor); return; }
    if (!step) return;
    event.preventDefault();
    if (cursor === null) { point(mutants[0]); return; }
    let { site, letter } = mutants[cursor];
    for (let tries = 0; tries < 200; tries++) {
      site += step[0]; letter += step[1];
      if (site < 0 || letter < 0 || site >= data.sites.length || letter > 19) return;
      const next = byCell.get(site * 20 + letter);
      if (next && places.has(next.i)) { point(next); return; }
    }
  });
  for (const id of ["colour", "clean", "better", "cdrs"]) at(id).addEventListener("change", all);
  at("clear").addEventListener("click", () => { chosen.clear(); at("list").value = ""; all(); });
  at("fasta").addEventListener("click", () => {
    const role = { H: "heavy", L: "light" };
    const text = [...chosen].map((i) => {
      const [chain, place] = data.sites[mutants[i].site];
      return Object.entries(data.chains).map(([name, letters]) => {
        const changed = name === chain ? letters.slice(0, place - 1) + LETTERS[mutants[i].letter] + letters.slice(place) : letters;
        return `>${names[i]}|${role[name]}\n${changed}\n`;
      }).join("");
    }).join("");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    link.download = "chosen.fasta";
    if (text) link.click();
    URL.revokeObjectURL(link.href);
  });
  at("copy").addEventListener("click", () => { at("list").select(); if (navigator.clipboard) navigator.clipboard.writeText(at("list").value); else document.execCommand("copy"); });
  let before = 0;
  new ResizeObserver(() => { const now = at("grid").clientWidth; if (now !== before) { before = now; draw(); } }).observe(at("grid"));
  if (!data.sites.some(isCdr) || data.sites.every(isCdr)) at("cdrs").closest("label").hidden = true;
  all();
})();
