// Which page is shown; each lives in a module of its own.

import { say } from "/page/parts.js";
import { keepKey } from "/page/service.js";

const PAGES = { pair: "/page/pair.js", assay: "/page/assay.js", scan: "/page/scan.js", table: "/page/table.js", jobs: "/page/jobs.js" };

async function show() {
  const [name, ...parameters] = location.hash.slice(1).split("/");
  const chosen = name in PAGES ? name : "pair";
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${chosen}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  say("");
  const main = document.querySelector("#main");
  const { render } = await import(PAGES[chosen]);
  main.replaceChildren();
  await render(main, parameters.map(decodeURIComponent));
}

document.querySelector("#key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  keepKey(document.querySelector("#key").value.trim());
  document.querySelector(".key").open = false;
  say("The key is kept until this tab is closed.");
  show();
});
addEventListener("hashchange", show);
show();
