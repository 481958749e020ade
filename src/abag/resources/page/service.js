// The service as functions. Every failure is an Error whose text a person can act on, and all that
// the service says is put into the words of the page here.

import { inPageWords, toldIn } from "/page/words.js";

const KEY = "abag-key";

export function keepKey(key) {
  if (key) sessionStorage.setItem(KEY, key);
  else sessionStorage.removeItem(KEY);
}

function headers(more = {}) {
  const key = sessionStorage.getItem(KEY);
  return key ? { ...more, Authorization: `Bearer ${key}` } : more;
}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: headers(options.headers) });
  } catch {
    throw new Error("The service does not answer. Is it running? Your work is kept; try again.");
  }
  if (answer.ok) return answer;
  const problem = await json(answer).catch(() => ({}));
  if (answer.status === 401) throw new Error("This service asks for a key: open “Key” above.");
  throw Object.assign(new Error(problem.detail || `The service answered ${answer.status}.`), { status: answer.status });
}

const json = async (answer) => JSON.parse(await answer.text(), toldIn);

export const getJson = async (path) => json(await ask(path));
export const getText = async (path) => (await ask(path)).text();
export const getBlob = async (path) => (await ask(path)).blob();

export async function send(path, content, accept = "application/json") {
  const answer = await ask(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: accept },
    body: JSON.stringify(content ?? {}),
  });
  return accept === "application/json" ? json(answer) : inPageWords(await answer.text());
}

export async function upload(file) {
  const name = file.name.replace(/[^A-Za-z0-9 ._()+-]/g, "_").replace(/^[^A-Za-z0-9]+/, "") || "file";
  const answer = await ask(`/v1/files?name=${encodeURIComponent(name.slice(-100))}`, {
    method: "POST",
    headers: { "Content-Type": "application/octet-stream" },
    body: file,
  });
  return (await answer.json()).id;
}

export const startJob = (kind, request) => send(`/v1/jobs/${kind}`, request);
export const cancelJob = (id) => send(`/v1/jobs/${id}/cancel`);
export const deleteJob = (id) => ask(`/v1/jobs/${id}`, { method: "DELETE" });

// Follow a job until it is over. What the page showed is told anew after a reload.
export async function follow(id, tell, gone = () => false) {
  for (;;) {
    const job = await getJson(`/v1/jobs/${id}`).catch((error) => ({ error }));
    if (gone()) return null;
    if (job.error?.status === 404) throw job.error;
    if (!job.error) {
      tell(job);
      if (!["queued", "running"].includes(job.state)) return job;
    }
    await new Promise((resolve) => setTimeout(resolve, job.error ? 3000 : 700));
  }
}

export async function save(path, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await getBlob(path));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
