// Curves of the chosen names, a chart a name, the chosen runs in each.

import { byId, element } from "./words.js";

const DASHES = ["solid", "dash", "dot", "dashdot"];
const NUMBERS = { NaN: NaN, Infinity: Infinity, "-Infinity": -Infinity };
// Named one by one: among those that Plotly has by itself is one that sends the data away.
const BUTTONS = [["toImage"], ["zoom2d", "pan2d"], ["zoomIn2d", "zoomOut2d", "autoScale2d", "resetScale2d"]];
const SETTINGS = { responsive: true, displaylogo: false, modeBarButtons: BUTTONS };

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const numbers = (curve) => curve.numbers.map((one) => (typeof one === "string" ? NUMBERS[one] : one));

// The running mean that TensorBoard shows, freed of its bias to nought at the beginning.
export function smoothed(values, weight) {
  let last = 0;
  let count = 0;
  return values.map((value) => {
    if (!Number.isFinite(value)) return value;
    last = last * weight + (1 - weight) * value;
    count += 1;
    return last / (1 - weight ** count);
  });
}

function label(run, curve) {
  const rank = curve.rank ? ` rank ${curve.rank}` : "";
  const process = curve.process ? ` process ${curve.process}` : "";
  const origin = curve.mark ? ` · ${curve.mark}` : curve.replayed ? " · replayed" : "";
  return run.label + rank + process + origin;
}

function lines(run, curve, settings, look) {
  const unit = settings.axis === "turn" ? curve.unit : 1;
  const y = numbers(curve);
  const shared = {
    type: "scatter", x: curve.steps.map((step) => step / unit), customdata: curve.where,
    name: label(run, curve), legendgroup: `${run.run}${curve.rank}${curve.process}${curve.mark}`,
  };
  const hover = "%{y:.6g}  at %{customdata}<extra>%{fullData.name}</extra>";
  if (curve.mark)
    return [{ ...shared, y, mode: "markers", hovertemplate: hover,
      marker: { symbol: "x-thin", size: 9, line: { width: 2, color: look.color } }, opacity: 0.8 }];
  const mode = y.length < 60 ? "lines+markers" : "lines";
  const marker = { size: 5, symbol: curve.replayed ? "circle-open" : "circle", color: look.color };
  const line = { color: look.color, dash: look.dash, width: 2 };
  if (!settings.smooth) return [{ ...shared, y, mode, line, marker, hovertemplate: hover }];
  return [
    { ...shared, y, mode: "lines", line: { ...line, width: 1 }, opacity: 0.25, showlegend: false, hoverinfo: "skip" },
    { ...shared, y: smoothed(y, settings.smooth), mode: "lines", line, marker,
      hovertemplate: `${hover.replace("<extra>", " (smoothed)<extra>")}` },
  ];
}

function axisTitle(curves, settings) {
  const loops = [...new Set(curves.map((curve) => curve.loop).filter(Boolean))];
  if (settings.axis === "turn") return loops.join(" or ") || "iteration";
  const words = [...new Set(curves.map((curve) => curve.words))];
  if (words.length > 1) return "step";
  return loops.includes(words[0]) ? words[0] : `step: ${words[0]}`;
}

// Over few powers of ten, ticks at 1, 2 and 5 of each; over many, those that Plotly chooses.
function decades(curves) {
  const found = curves.flatMap(numbers).filter((one) => Number.isFinite(one) && one > 0);
  const most = found.reduce((a, b) => Math.max(a, b), 0);
  const least = found.reduce((a, b) => Math.min(a, b), Infinity);
  return Math.log10(most / least);
}

function layout(name, curves, settings) {
  const axis = { gridcolor: colour("--line"), zerolinecolor: colour("--line"), linecolor: colour("--quiet"),
    automargin: true };
  return {
    uirevision: `${name}${settings.axis}${settings.log}`,
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: colour("--text"), size: 14, family: "system-ui, DejaVu Sans, sans-serif" },
    title: { text: name.replaceAll("<", "&lt;"), font: { size: 17 }, x: 0.02, xanchor: "left" },
    margin: { l: 66, r: 18, t: 46, b: 54 },
    xaxis: { ...axis, title: { text: axisTitle(curves, settings), standoff: 10 } },
    yaxis: { ...axis, title: { text: name.replaceAll("<", "&lt;"), standoff: 8 },
      type: settings.log ? "log" : "linear", exponentformat: "power",
      dtick: settings.log && decades(curves) < 3 ? "D2" : undefined },
    showlegend: true,
    legend: { orientation: "h", x: 0, y: -0.2, yanchor: "top", font: { size: 13 } },
    hovermode: "closest",
    modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("--quiet"), activecolor: colour("--text") },
    hoverlabel: { bgcolor: colour("--raised"), bordercolor: colour("--line"), font: { color: colour("--text") } },
  };
}

// What the lines alone do not say: values that are no facts, gaps, and curves that were thinned out.
function remarks(curves, settings) {
  const sum = (of) => curves.reduce((total, curve) => total + of(curve), 0);
  const found = [];
  for (const mark of ["diverged", "unverified"]) {
    const count = sum((curve) => (curve.mark === mark ? curve.total : 0));
    if (count) found.push([`${count} ${mark}: shown as ×, no facts`, "mark"]);
  }
  const differing = sum((curve) => curve.differing);
  if (differing) found.push([`${differing} recorded that a replay did not come to`, "mark"]);
  const odd = sum((curve) => numbers(curve).filter((one) => !Number.isFinite(one)).length);
  if (odd) found.push([`${odd} NaN or infinite: gaps in the line`, "mark"]);
  const hidden = settings.log ? sum((curve) => numbers(curve).filter((one) => one <= 0).length) : 0;
  if (hidden) found.push([`${hidden} not above 0: not on a log scale`, "mark"]);
  const thin = sum((curve) => (curve.total > curve.steps.length ? curve.total : 0));
  if (thin) found.push([`of ${thin} values the least and the most of each stretch are drawn`, ""]);
  return found.map(([text, kind]) => element("span", { class: kind }, text));
}

export class Charts {
  constructor(colours) {
    this.colours = colours;
    this.figures = new Map();
  }

  draw(runs, names, curves, settings) {
    for (const [name, figure] of this.figures)
      if (!names.includes(name)) { Plotly.purge(figure.plot); figure.whole.remove(); this.figures.delete(name); }
    // All stand in their places before the first is drawn: a chart takes the width that it finds.
    const figures = names.map((name) => this.figures.get(name) ?? this.made(name));
    byId("charts").replaceChildren(...figures.map((figure) => figure.whole));
    names.forEach((name, at) =>
      this.chart(figures[at], name, runs, curves.filter((curve) => curve.name === name), settings));
  }

  chart(figure, name, runs, curves, settings) {
    const traces = curves.flatMap((curve) => {
      const at = runs.findIndex((run) => run.run === curve.run);
      if (at < 0) return [];
      const dash = DASHES[Math.floor(at / 8) % DASHES.length];
      return lines(runs[at], curve, settings, { color: this.colours(curve.run), dash });
    });
    Plotly.react(figure.plot, traces, layout(name, curves, settings), SETTINGS)
      .then(() => Plotly.Plots.resize(figure.plot));
    const said = curves.length ? remarks(curves, settings) : [element("span", {}, "no numbers of that name")];
    figure.caption.replaceChildren(...said.flatMap((one) => [one, " "]));
  }

  made(name) {
    const plot = element("div", { class: "plot" });
    const caption = element("figcaption");
    const figure = { plot, caption, whole: element("figure", { "aria-label": name }, plot, caption) };
    this.figures.set(name, figure);
    return figure;
  }
}
