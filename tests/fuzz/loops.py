"""How the composed scripts loop: inside, outside, and to evaluate."""

from __future__ import annotations

from tests.fuzz.parts import Part, part

# The frame puts `fetch` and the rest of a step where <body> stands.
INNER_LOOPS: dict[str, Part] = {
    "for": part(4, inner="for {target} in {iterable}:\n    <body>"),
    "enumerate": part(
        2, inner="for i, {grouped} in enumerate({iterable}):\n    <body>", epoch_report="i"
    ),
    "enumerate_from": part(inner="for i, {grouped} in enumerate({iterable}, start=1):\n    <body>"),
    "zip": part(inner="for i, {grouped} in zip(range(3), {iterable}):\n    <body>"),
    "islice": part(inner="for {target} in itertools.islice({iterable}, 3):\n    <body>"),
    "ticker": part(
        classes="""
class Ticker:
    def __init__(self, items):
        self.items, self.count = items, 0

    def __iter__(self):
        for item in self.items:
            self.count += 1
            yield item
""",
        inner="bar = Ticker({iterable})\nfor {target} in bar:\n    <body>",
        epoch_report="bar.count",
    ),
    "while_next": part(
        inner="""
source = iter({iterable})
while True:
    try:
        {target} = next(source)
    except StopIteration:
        break
    <body>
"""
    ),
    "while_walrus": part(
        inner="""
source = iter({iterable})
while (item := next(source, None)) is not None:
    {target} = item
    <body>
"""
    ),
    "break": part(
        inner="""
for n, {grouped} in enumerate({iterable}):
    if n == 3:
        break
    <body>
""",
        epoch_report="n",
    ),
    "break_on_loss": part(
        inner="for {target} in {iterable}:\n    <body>\n    if loss.item() < 0.7:\n        break"
    ),
    "for_else": part(
        setup="full = 0",
        inner="""
for {target} in {iterable}:
    <body>
    if loss.item() > 2.5:
        break
else:
    full += 1
""",
        report="full",
    ),
    "continue": part(
        inner="""
for n, {grouped} in enumerate({iterable}):
    if (n + epoch) % 3 == 2:
        continue
    <body>
"""
    ),
    "micro": part(
        inner="""
for {target} in {iterable}:
    for micro_turn in range(2):
        <body>
"""
    ),
    "siblings": part(
        inner="""
for {target} in {iterable}:
    <body>
for again in range(2):
    xb, yb = inputs[again::6], targets[again::6]
    opt.zero_grad()
    side_loss = (net(xb) - yb).abs().mean()
    side_loss.backward()
    opt.step()
    # PROBE sibling: flor.log("side", [again, side_loss.item()])
""",
        epoch_report="side_loss.item()",
    ),
    "phases": part(
        inner="""
for phase in ("train", "tune"):
    for {target} in {iterable}:
        if phase == "tune":
            xb_scale = 0.5
        else:
            xb_scale = 1.0
        <body>
    # PROBE phase: flor.log("phase", [phase, xb_scale, loss.item()])
"""
    ),
    "listed": part(inner="for {target} in list({iterable}):\n    <body>"),
    "reversed": part(inner="for {target} in reversed(list({iterable})):\n    <body>"),
    "try_finally": part(
        setup="closed = 0",
        inner="""
for {target} in {iterable}:
    try:
        <body>
    finally:
        closed += 1
""",
        report="closed",
    ),
    "with": part(
        inner="""
with torch.enable_grad():
    for {target} in {iterable}:
        <body>
"""
    ),
    "none": part(epochless="yes", inner="for {target} in {iterable}:\n    break\n<body>"),
}

OUTER_LOOPS: dict[str, Part] = {
    "range": part(5, outer="for epoch in range(4):\n    <epoch>"),
    "enumerate": part(outer='for epoch, label in enumerate("abcd"):\n    <epoch>', report="label"),
    "zip": part(outer="for epoch, share in zip(range(4), np.linspace(0, 1, 4)):\n    <epoch>"),
    "while_condition": part(
        setup="epoch = -1", outer="while epoch < 3:\n    epoch += 1\n    <epoch>"
    ),
    "while_true": part(
        setup="epoch = -1",
        outer="while True:\n    epoch += 1\n    if epoch == 4:\n        break\n    <epoch>",
    ),
    "while_flag": part(
        setup="epoch, done = -1, False",
        outer="while not done:\n    epoch += 1\n    done = epoch == 3\n    <epoch>",
    ),
    "for_else": part(
        setup="whole = False",
        outer="for epoch in range(4):\n    <epoch>\nelse:\n    whole = True",
        after="print('whole', whole)",
    ),
    "ticker": part(
        defs="def announced(items):\n    for item in items:\n        yield item\n",
        outer="for epoch in announced(range(4)):\n    <epoch>",
    ),
    "folds": part(
        words={"mains": "1", "turns": "fold"},
        outer="""
for fold in range(2):
    for epoch in range(3):
        <epoch>
    # PROBE fold: flor.log("fold", [fold, sum(p.norm().item() for p in net.parameters())])
    print("fold", fold, sum(p.sum().item() for p in net.parameters()))
""",
    ),
    "warm_up": part(
        words={"mains": "2"},
        outer="""
for warm in range(3):
    opt.zero_grad()
    warm_loss = net(inputs[warm::4]).pow(2).mean()
    warm_loss.backward()
    opt.step()
    # PROBE warm: flor.log("warm", warm_loss.item())
for epoch in range(3):
    <epoch>
""",
    ),
    "then_tuned": part(
        words={"mains": "2"},
        outer="""
for epoch in range(3):
    <epoch>
for tuned in range(2):
    opt.zero_grad()
    tuned_loss = (net(inputs[tuned::3]) - targets[tuned::3]).abs().mean()
    tuned_loss.backward()
    opt.step()
    # PROBE tuned: flor.log("tuned", [tuned, tuned_loss.item()])
    print("tuned", tuned, tuned_loss.item())
""",
    ),
    "patience": part(
        setup="best_loss, waited = float('inf'), 0",
        outer="""
for epoch in range(5):
    <epoch>
    if loss.item() < best_loss:
        best_loss, waited = loss.item(), 0
    else:
        waited += 1
        if waited == 1:
            print("stop", epoch)
            break
""",
        after="print('best', best_loss, waited)",
    ),
    "pairs": part(
        outer="for epoch, rate_factor in [(0, 1.0), (1, 0.5), (2, 0.25)]:\n    for g in opt.param_groups:\n        g['lr'] *= rate_factor\n    <epoch>",
    ),
    "map": part(outer="for epoch in map(int, '0123'):\n    <epoch>"),
}

EVALUATIONS: dict[str, Part] = {
    "none": part(2),
    "plain": part(
        2,
        evaluation="""
net.eval()
with torch.no_grad():
    score = (net(inputs) - targets).pow(2).mean().item()
net.train()
""",
        report="score",
    ),
    "loop": part(
        2,
        evaluation="""
net.eval()
total = 0.0
for part_of in range(3):
    with torch.no_grad():
        out = net(inputs[part_of::3])
        total += (out - targets[part_of::3]).abs().sum().item()
    # PROBE evaluation: flor.log("partial", [part_of, total])
net.train()
""",
        report="total",
    ),
    "loader": part(
        setup="test_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(inputs, targets), 12, shuffle=True)",
        evaluation="""
net.eval()
scores = []
with torch.no_grad():
    for tx, ty in test_loader:
        scores.append((net(tx) - ty).abs().mean().item())
        # PROBE evaluation: flor.log("score", scores[-1])
net.train()
""",
        report="scores[-1]",
    ),
    "decorated": part(
        defs="""
@torch.no_grad()
def evaluated(net, inputs, targets):
    was = net.training
    net.eval()
    value = (net(inputs) - targets).pow(2).mean().item()
    # PROBE evaluation: flor.log("evaluated", value)
    net.train(was)
    return value
""",
        evaluation="score = evaluated(net, inputs, targets)",
        report="score",
    ),
    "left_in_eval": part(evaluation="net.train(epoch % 2 == 0)"),
    "sampled": part(
        evaluation="""
rows = torch.randint(0, 24, (6,))
with torch.no_grad():
    sampled = net(inputs[rows]).mean().item()
""",
        report="sampled",
    ),
    "sometimes": part(
        setup="score = None",
        evaluation="if epoch % 2 == 1:\n    with torch.no_grad():\n        score = net(inputs).sum().item() + random.random()",
        report="score",
    ),
}
