// The table of runs: filters, order, and which of them are chosen.

import { byId, command, duration, element, percent, plain, time } from "./words.js";

const SHOWN = 200;  // rows that are drawn; a browser takes seconds for ten thousand
const COLUMNS = [
  { title: "run", of: (run) => run.label, key: (run) => run.started },
  { title: "id", of: (run) => run.run.split("-").pop() },
  { title: "status", of: (run) => run.status, kind: (run) => run.status },
  { title: "started", of: (run) => time(run.started), key: (run) => run.started },
  { title: "took", of: (run) => duration(run.seconds), key: (run) => run.seconds ?? -1, number: true },
  { title: "iterations", of: (run) => String(run.iterations), key: (run) => run.iterations, number: true },
  { title: "checkpoints", of: (run) => String(run.checkpoints), key: (run) => run.checkpoints, number: true },
  { title: "overhead", of: (run) => percent(run.overhead), key: (run) => run.overhead ?? -1, number: true },
];
const COMMAND = { title: "command", of: (run) => command(run.command), kind: () => "command" };

export class Runs {
  constructor(colours, changed) {
    this.colours = colours;
    this.changed = changed;
    this.runs = [];
    this.chosen = [];  // ids, in the order in which they were chosen
    this.order = { title: "started", down: true };
    for (const id of ["filter", "status", "project"]) byId(id).addEventListener("input", () => this.draw());
    byId("none").addEventListener("click", () => this.choose([]));
  }

  take(runs) {
    this.runs = runs;
    const known = new Set(runs.map((run) => run.run));
    this.chosen = this.chosen.filter((id) => known.has(id));
    this.offer("status", runs.map((run) => run.status));
    this.offer("project", runs.map((run) => run.project));
    this.draw();
  }

  choose(ids) {
    this.chosen = ids;
    this.draw();
    this.changed();
  }

  toggle(id) {
    const without = this.chosen.filter((other) => other !== id);
    this.choose(without.length < this.chosen.length ? without : [...this.chosen, id]);
  }

  offer(id, values) {
    const list = byId(id);
    const there = new Set([...list.options].map((option) => option.value));
    for (const value of [...new Set(values)].sort())
      if (!there.has(value)) list.append(element("option", { value }, value));
  }

  // Each word is to be found in the run, or is NAME=VALUE of an argument.
  holds(run) {
    if (byId("status").value && run.status !== byId("status").value) return false;
    if (byId("project").value && run.project !== byId("project").value) return false;
    const told = Object.entries(run.arguments).map(([name, value]) => `${name}=${plain(value)}`);
    const text = [run.label, run.run, run.status, ...run.command, ...told].join(" ").toLowerCase();
    return byId("filter").value.toLowerCase().split(/\s+/).every((word) => {
      const [name, value] = word.split("=");
      if (value && name in run.arguments) return plain(run.arguments[name]).toLowerCase() === value;
      return text.includes(word);
    });
  }

  columns() {
    const names = [...new Set(this.runs.flatMap((run) => Object.keys(run.arguments)))].slice(0, 8);
    const ofArguments = names.map((name) => ({
      title: name,
      of: (run) => (name in run.arguments ? plain(run.arguments[name]) : ""),
      key: (run) => run.arguments[name] ?? "",
      number: this.runs.some((run) => typeof run.arguments[name] === "number"),
    }));
    return [...COLUMNS, ...ofArguments, COMMAND];
  }

  draw() {
    const columns = this.columns();
    const sorted = columns.find((column) => column.title === this.order.title) ?? columns[3];
    const key = sorted.key ?? sorted.of;
    const sign = this.order.down ? -1 : 1;
    const found = this.runs.filter((run) => this.holds(run));
    found.sort((a, b) => sign * (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
    byId("table").tHead.replaceChildren(element("tr", {}, ...columns.map((column) => this.title(column))));
    byId("table").tBodies[0].replaceChildren(
      ...found.slice(0, SHOWN).map((run) => this.row(run, columns)),
    );
    const more = found.length > SHOWN ? `, the first ${SHOWN} shown: filter to see others` : "";
    byId("counted").textContent = `${found.length} of ${this.runs.length}${more}`;
  }

  title(column) {
    const arrow = column.title === this.order.title ? (this.order.down ? " ▾" : " ▴") : "";
    const clicked = () => {
      const again = column.title === this.order.title;
      this.order = { title: column.title, down: again ? !this.order.down : true };
      this.draw();
    };
    return element("th", { class: column.number ? "number" : null, onclick: clicked }, column.title + arrow);
  }

  row(run, columns) {
    const isChosen = this.chosen.includes(run.run);
    const cells = columns.map((column) => {
      const classes = [column.number ? "number" : "", column.kind ? column.kind(run) : ""].join(" ");
      return element("td", { class: classes, title: column === COMMAND ? column.of(run) : null }, column.of(run));
    });
    const colour = isChosen ? this.colours(run.run) : "transparent";
    cells[0].prepend(
      element("input", { type: "checkbox", checked: isChosen, "aria-label": `choose ${run.label}` }), " ",
      element("span", { class: "swatch", style: `background: ${colour}` }),
    );
    return element("tr", { class: isChosen ? "chosen" : null, onclick: () => this.toggle(run.run) }, ...cells);
  }
}
