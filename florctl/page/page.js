// The page: what is chosen, what is asked for, and when it is drawn anew.

import { askComparison, askCurves, askNames, askRuns } from "./asking.js";
import { Charts } from "./charts.js";
import { drawComparison } from "./comparison.js";
import { Runs } from "./runs.js";
import { byId, element } from "./words.js";

const AGAIN_MS = 2000;
const AT_FIRST = 5;  // runs that are chosen, and charts that are drawn, where nobody has chosen
// Apart also for eyes that do not tell red from green: those of Okabe and Ito, but for their yellow,
// which is too pale, and with a blue that shows on dark ground.
const COLOURS = ["#1f83cc", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#8c6bb1", "#7f7f7f"];

let all = [];
let stamp = null;
let names = [];      // that are drawn
let curves = [];
let compared = [];
let asking = 0;      // answers to older questions are not drawn

const given = new Map();
function colours(id) {
  if (!given.has(id)) {
    const used = runs.chosen.filter((other) => given.has(other)).map((other) => given.get(other));
    const free = COLOURS.findIndex((_, at) => !used.includes(at));
    given.set(id, free < 0 ? given.size % COLOURS.length : free);
  }
  return COLOURS[given.get(id)];
}

const charts = new Charts(colours);
const runs = new Runs(colours, () => { forgetColours(); keep(); renew(); });

function forgetColours() {
  for (const id of given.keys()) if (!runs.chosen.includes(id)) given.delete(id);
}

const chosen = () => runs.chosen.map((id) => all.find((run) => run.run === id)).filter(Boolean);
const settings = () => ({
  axis: byId("axis").value, log: byId("log").checked, smooth: Number(byId("smooth").value),
});

function draw() {
  charts.draw(chosen(), names, curves, settings());
  drawComparison(compared, colours, byId("differing").checked);
}

// What is chosen stands in the address, so that it can be kept and passed on.
function keep() {
  const words = new URLSearchParams([...runs.chosen.map((id) => ["run", id]), ...names.map((name) => ["name", name])]);
  const { axis, log, smooth } = settings();
  for (const [name, value] of Object.entries({ axis, log, smooth })) words.set(name, value);
  history.replaceState(null, "", `#${words}`);
}

function kept() {
  const words = new URLSearchParams(location.hash.slice(1));
  byId("axis").value = words.get("axis") ?? "step";
  byId("log").checked = words.get("log") === "true";
  byId("smooth").value = words.get("smooth") ?? 0;
  tellSmoothing();
  return { runs: words.getAll("run"), names: words.getAll("name") };
}

function tellSmoothing() {
  const weight = Number(byId("smooth").value);
  byId("smoothed").textContent = weight ? weight.toFixed(2) : "off";
}

function offerNames(there) {
  names = names.filter((name) => there.includes(name));
  byId("names").replaceChildren(...there.map((name) =>
    element("button", { type: "button", "aria-pressed": String(names.includes(name)),
      onclick: () => { toggleName(name); } }, name)));
}

function toggleName(name) {
  names = names.includes(name) ? names.filter((other) => other !== name) : [...names, name];
  for (const button of byId("names").children)
    button.setAttribute("aria-pressed", String(names.includes(button.textContent)));
  keep();
  renew();
}

async function renew() {
  try {
    await askAndDraw();
  } catch (error) {
    tellTrouble(error);
  }
}

function tellTrouble(error) {
  byId("trouble").hidden = false;
  byId("trouble").textContent = `This is as it was: ${error.message}. Is flor ui still running?`;
}

// Ask for what is shown, and draw it.
async function askAndDraw() {
  const mine = ++asking;
  const ids = runs.chosen;
  byId("curves").hidden = byId("comparison").hidden = !ids.length;
  if (!ids.length) { names = []; return; }
  const found = (await askNames(ids)).names;
  if (!names.length) names = await firstNames(ids, found);
  const [drawn, side] = await Promise.all([askCurves(ids, names), askComparison(ids)]);
  if (mine !== asking) return;
  offerNames(found);
  curves = drawn.curves;
  compared = side.runs;
  draw();
}

// Names with several numbers make curves; losses come first.
async function firstNames(ids, there) {
  const tried = (await askCurves(ids.slice(0, 2), there.slice(0, 40))).curves;
  const long = there.filter((name) => tried.some((curve) => curve.name === name && curve.total > 1));
  const rank = (name) => (/loss/i.test(name) ? 0 : /acc|val|score|error/i.test(name) ? 1 : 2);
  return long.sort((a, b) => rank(a) - rank(b)).slice(0, AT_FIRST - 1);
}

function firstRuns(asked, remembered) {
  const known = new Set(all.map((run) => run.run));
  if (remembered.some((id) => known.has(id))) return remembered.filter((id) => known.has(id));
  if (asked.length) return asked;
  return all.filter((run) => run.name === all[0].name).slice(0, AT_FIRST).map((run) => run.run);
}

async function look() {
  try {
    const answer = await askRuns(stamp);
    byId("trouble").hidden = true;
    if (answer.runs) take(answer);
  } catch (error) {
    tellTrouble(error);
  }
  setTimeout(look, document.hidden ? 5 * AGAIN_MS : AGAIN_MS);
}

function take(answer) {
  const isFirst = !all.length;
  stamp = answer.stamp;
  all = answer.runs;
  byId("home").textContent = answer.home;
  byId("empty").hidden = all.length > 0;
  byId("runs").hidden = !all.length;
  const going = all.filter((run) => run.status === "running").length;
  byId("live").textContent = going ? `${going} running` : "";
  byId("live").className = going ? "on" : "";
  if (isFirst && all.length) {
    const remembered = kept();
    names = remembered.names;
    runs.chosen = firstRuns(answer.asked, remembered.runs);
  }
  runs.take(all);
  document.body.dataset.ready = "runs";
  renew().then(() => { document.body.dataset.ready = "all"; });
}

for (const id of ["axis", "log", "smooth", "differing"])
  byId(id).addEventListener("input", () => { tellSmoothing(); keep(); draw(); });
byId("theme").addEventListener("click", () => {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem("flor-theme", root.dataset.theme);
  draw();
});
look();
