// What the page asks the server for.

async function ask(what, parameters) {
  const words = new URLSearchParams(parameters);
  const answer = await fetch(`/answers/${what}.json?${words}`);
  if (!answer.ok) throw new Error(`the server answered ${answer.status} to ${what}`);
  return answer.json();
}

const each = (name, values) => values.map((value) => [name, value]);

export const askRuns = (seen) => ask("runs", seen ? [["seen", seen]] : []);
export const askNames = (runs) => ask("names", each("run", runs));
export const askCurves = (runs, names) => ask("curves", [...each("run", runs), ...each("name", names)]);
export const askComparison = (runs) => ask("comparison", each("run", runs));
