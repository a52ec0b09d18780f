// The chosen runs side by side: how they ran, arguments, tags, and the last value of each name.

import { byId, duration, element, percent, plain, time } from "./words.js";

const FACTS = {
  status: (run) => run.status,
  started: (run) => time(run.started),
  took: (run) => duration(run.seconds),
  iterations: (run) => String(run.iterations),
  overhead: (run) => percent(run.overhead),
  version: (run) => (run.version ?? "").slice(0, 12),
  "not captured": (run) => String(run.not_captured),
  replays: (run) => run.replays.map((one) => one.status).join(", "),
};
// These differ from run to run whatever was changed.
const ALWAYS_DIFFER = new Set(["started", "took", "overhead"]);

const text = (value) => (value === undefined || value === null ? "" : plain(value));

function groups(runs) {
  const union = (of) => [...new Set(runs.flatMap((run) => Object.keys(of(run))))].sort();
  const rows = (of) => union(of).map((name) => [name, runs.map((run) => element("span", {}, text(of(run)[name])))]);
  return [
    ["run", Object.entries(FACTS).map(([name, of]) => [name, runs.map((run) => element("span", {}, of(run)))])],
    ["arguments", rows((run) => run.arguments)],
    ["tags", rows((run) => run.tags)],
    ["environment", rows((run) => run.environment)],
    ["last values", union((run) => run.last).map((name) => [name, runs.map((run) => lastValue(run.last[name]))])],
  ];
}

function lastValue(last) {
  if (!last) return element("span");
  const where = last.position.map((at) => `${at.loop} ${at.index}`).join(", ") || "outside the loops";
  const shown = element("span", { title: `${where}, ${last.origin}` }, text(last.value));
  const differs = last.trusted && last.mark === "diverged";
  if (last.trusted && !differs) return shown;
  const mark = differs ? "a replay differs" : last.mark;
  return element("span", {}, shown, " ", element("span", { class: "mark" }, mark));
}

export function drawComparison(runs, colours, onlyDiffering) {
  const head = runs.map((run) =>
    element("th", {}, element("span", { class: "swatch", style: `background: ${colours(run.run)}` }), run.label));
  const found = [element("thead", {}, element("tr", {}, element("th"), ...head))];
  const body = element("tbody");
  for (const [title, rows] of groups(runs)) {
    const shown = rows.map(([name, cells]) => ({
      name, cells, differs: new Set(cells.map((cell) => cell.textContent)).size > 1,
    })).filter((row) => row.differs || !onlyDiffering || runs.length < 2);
    if (!shown.length) continue;
    body.append(element("tr", { class: "group" }, element("th", { colspan: runs.length + 1 }, title)));
    for (const row of shown) {
      const loud = row.differs && runs.length > 1 && !ALWAYS_DIFFER.has(row.name);
      body.append(element("tr", { class: loud ? "differs" : null },
        element("th", { scope: "row" }, row.name), ...row.cells.map((cell) => element("td", {}, cell))));
    }
  }
  byId("compared").replaceChildren(...found, body);
}
