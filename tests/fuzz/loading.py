"""Where the batches of the composed scripts come from, and how they are changed on the way."""

from __future__ import annotations

from tests.fuzz.parts import Part, part

# `iterable` is what the inner loop goes over; `target` receives an item, `fetch` makes `xb, yb` of it.
_PAIR = {"target": "xb, yb"}

LOADERS: dict[str, Part] = {
    "slices": part(
        words={"iterable": "range(0, 24, 6)", "target": "at"},
        fetch="xb, yb = inputs[at:at + 6], targets[at:at + 6]",
    ),
    "shuffle": part(
        3,
        setup="loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(inputs, targets), batch_size=6, shuffle=True)",
        words={"iterable": "loader", **_PAIR},
    ),
    "own_generator": part(
        setup="order_gen = torch.Generator().manual_seed(4)\nloader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(inputs, targets), batch_size=7, shuffle=True, drop_last=True, generator=order_gen)",
        words={"iterable": "loader", **_PAIR},
    ),
    "weighted": part(
        setup="sampler = torch.utils.data.WeightedRandomSampler(torch.linspace(0.1, 1, 24), 20)\nloader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(inputs, targets), batch_size=5, sampler=sampler)",
        words={"iterable": "loader", **_PAIR},
    ),
    "own_sampler": part(
        classes="""
class Turning(torch.utils.data.Sampler):
    def __init__(self, count):
        self.count, self.turn = count, 0

    def __iter__(self):
        self.turn += 1
        order = np.random.permutation(self.count).tolist()
        return iter(order[self.turn:] + order[:self.turn])

    def __len__(self):
        return self.count
""",
        setup="sampler = Turning(24)\nloader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(inputs, targets), batch_size=6, sampler=sampler)",
        words={"iterable": "loader", **_PAIR},
        report="sampler.turn",
    ),
    "batch_sampler": part(
        classes="""
class Lengths:
    def __iter__(self):
        rows = torch.randperm(24).tolist()
        while rows:
            size = random.randint(4, 7)
            size += len(rows) == size + 1
            yield rows[:size]
            rows = rows[size:]
""",
        setup="loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(inputs, targets), batch_sampler=Lengths())",
        words={"iterable": "loader", **_PAIR},
    ),
    "dataset_class": part(
        classes="""
class Jittered(torch.utils.data.Dataset):
    def __init__(self, inputs, targets):
        self.inputs, self.targets, self.reads = inputs, targets, 0

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, row):
        self.reads += 1
        # PROBE dataset: flor.log("row", [row, self.reads])
        return self.inputs[row] + random.gauss(0, 0.05) + torch.rand(6) * 0.1, self.targets[row]
""",
        setup="dataset = Jittered(inputs, targets)\nloader = torch.utils.data.DataLoader(dataset, batch_size=6, shuffle=True)",
        words={"iterable": "loader", **_PAIR},
        report="dataset.reads",
    ),
    "iterable_dataset": part(
        classes="""
class Stream(torch.utils.data.IterableDataset):
    def __init__(self, inputs, targets):
        self.inputs, self.targets, self.passes = inputs, targets, 0

    def __iter__(self):
        self.passes += 1
        for row in np.random.permutation(24):
            yield self.inputs[row] * self.passes**0.1, self.targets[row]
""",
        setup="dataset = Stream(inputs, targets)\nloader = torch.utils.data.DataLoader(dataset, batch_size=6)",
        words={"iterable": "loader", **_PAIR},
        report="dataset.passes",
    ),
    "collate": part(
        defs="""
def joined(rows):
    keep = rows[: max(1, len(rows) - random.randint(0, 1))]
    return torch.stack([a for a, _ in keep]), torch.stack([b for _, b in keep])
""",
        setup="loader = torch.utils.data.DataLoader(list(zip(inputs, targets)), 6, shuffle=True, collate_fn=joined)",
        words={"iterable": "loader", **_PAIR},
    ),
    "dictionaries": part(
        setup='loader = torch.utils.data.DataLoader([{"x": a, "y": b} for a, b in zip(inputs, targets)], 6, shuffle=True)',
        words={"iterable": "loader", "target": "batch"},
        fetch='xb, yb = batch["x"], batch["y"]',
    ),
    "torch_permutation": part(
        epoch_start="order = torch.randperm(24)",
        words={"iterable": "order.split(6)", "target": "rows"},
        fetch="xb, yb = inputs[rows], targets[rows]",
    ),
    "numpy_permutation": part(
        epoch_start="order = np.random.permutation(24)",
        words={"iterable": "range(0, 24, 8)", "target": "at"},
        fetch="rows = torch.from_numpy(order[at:at + 8])\nxb, yb = inputs[rows], targets[rows]",
    ),
    "python_shuffle": part(
        setup="order = list(range(24))",
        epoch_start="random.shuffle(order)",
        words={"iterable": "range(0, 24, 8)", "target": "at"},
        fetch="rows = order[at:at + 8]\nxb, yb = inputs[rows], targets[rows]",
    ),
    "private_permutation": part(
        setup="orders = np.random.Generator(np.random.PCG64(2))",
        words={"iterable": "np.array_split(orders.permutation(24), 4)", "target": "rows"},
        fetch="xb, yb = inputs[torch.from_numpy(rows)], targets[torch.from_numpy(rows)]",
    ),
    "batches": part(
        setup="batches = [(inputs[n::4].clone(), targets[n::4].clone()) for n in range(4)]",
        epoch_start="random.shuffle(batches)",
        words={"iterable": "batches", **_PAIR},
    ),
    "generator": part(
        defs="""
def batches_of(inputs, targets, size):
    order = torch.randperm(len(inputs))
    for at in range(0, len(order), size):
        rows = order[at:at + size]
        # PROBE generator: flor.log("rows", rows.tolist())
        yield inputs[rows], targets[rows]
""",
        words={"iterable": "batches_of(inputs, targets, 6)", **_PAIR},
    ),
    "held": part(
        0.7,
        defs="""
def endless(inputs, targets):
    turn = 0
    while True:
        turn += 1
        for rows in torch.randperm(24).split(7):
            yield inputs[rows] + 0.01 * turn, targets[rows]
""",
        setup="stream = endless(inputs, targets)",
        words={"iterable": "range(4)", "target": "at"},
        fetch="xb, yb = next(stream)",
    ),
    "held_loader": part(
        0.7,
        setup="loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(inputs, targets), batch_size=7, shuffle=True)\nstream = iter(loader)",
        words={"iterable": "range(3)", "target": "at"},
        fetch="""
try:
    xb, yb = next(stream)
except StopIteration:
    stream = iter(loader)
    xb, yb = next(stream)
""",
    ),
    "cycle": part(
        0.5,
        setup="stream = itertools.cycle([(inputs[n::5], targets[n::5]) for n in range(5)])",
        words={"iterable": "range(3)", "target": "at"},
        fetch="xb, yb = next(stream)",
    ),
    "prefetch": part(
        defs="""
def draw(inputs, targets):
    rows = torch.randint(0, 24, (5,))
    return inputs[rows], targets[rows]
""",
        setup="following = draw(inputs, targets)",
        words={"iterable": "range(4)", "target": "at"},
        fetch="xb, yb = following\nfollowing = draw(inputs, targets)",
    ),
    "two_loaders": part(
        setup="first = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(inputs, targets), 6, shuffle=True)\nsecond = torch.utils.data.DataLoader(inputs, 6, shuffle=True)",
        words={"iterable": "zip(first, second)", "target": "(xb, yb), other"},
        fetch="xb = xb + 0.1 * other",
    ),
    "workers": part(
        0.03,
        setup="loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(inputs, targets), batch_size=8, shuffle=True, num_workers=2)",
        words={"iterable": "loader", **_PAIR},
    ),
    "persistent_workers": part(
        0.03,
        setup="loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(inputs, targets), batch_size=8, shuffle=True, num_workers=2, persistent_workers=True)",
        words={"iterable": "loader", **_PAIR},
    ),
    "random_split": part(
        setup="kept, left_out = torch.utils.data.random_split(torch.utils.data.TensorDataset(inputs, targets), [20, 4])\nloader = torch.utils.data.DataLoader(kept, 5, sampler=torch.utils.data.RandomSampler(kept, replacement=True, num_samples=15))",
        words={"iterable": "loader", **_PAIR},
    ),
    "growing": part(
        setup="pool = list(range(6))",
        epoch_start="pool.extend(random.sample(range(6, 24), 3))",
        words={"iterable": "[pool[n::3] for n in range(3)]", "target": "rows"},
        fetch="xb, yb = inputs[rows], targets[rows]",
    ),
    "curriculum": part(
        words={"iterable": "range(min(epoch + 1, 3))", "target": "at"},
        fetch="rows = torch.randint(0, 8 * (at + 1), (5,))\nxb, yb = inputs[rows], targets[rows]",
    ),
}

AUGMENTATIONS: dict[str, Part] = {
    "none": part(2),
    "torch": part(augment="xb = xb + 0.1 * torch.randn(xb.shape)"),
    "numpy": part(
        augment="xb = xb * torch.tensor(np.random.uniform(0.9, 1.1, (len(xb), 1)), dtype=torch.float32)"
    ),
    "python": part(augment="if random.random() < 0.5:\n    xb = xb.flip(0)\n    yb = yb.flip(0)"),
    "private_numpy": part(
        setup="noise = np.random.default_rng(5)",
        augment="xb = xb + torch.tensor(noise.normal(0, 0.1, tuple(xb.shape)), dtype=torch.float32)",
    ),
    "private_torch": part(
        setup="noise_gen = torch.Generator().manual_seed(9)",
        augment="xb = xb + 0.1 * torch.randn(xb.shape, generator=noise_gen)",
    ),
    "private_python": part(
        setup="dice = random.Random(7)",
        augment="xb = xb * dice.choice([0.9, 1.0, 1.1]) + dice.gauss(0, 0.01)",
    ),
    "old_numpy": part(
        setup="old_dice = np.random.RandomState(3)",
        augment="xb = xb * float(old_dice.normal(1, 0.1))",
    ),
    "function": part(
        defs="""
def augmented(x):
    shift = random.uniform(-0.1, 0.1)
    # PROBE function: flor.log("shift", shift)
    return torch.roll(x, int(np.random.randint(0, 3)), 0) + shift
""",
        augment="xb = augmented(xb)",
    ),
    "in_place": part(augment="inputs[:3] += 0.01\nxb = xb + inputs[0]"),
    "mask": part(
        setup="mask = torch.ones(6)",
        augment="mask = torch.bernoulli(torch.full((6,), 0.8))\nxb = xb * mask",
        report="mask.sum().item()",
    ),
    "random_skip": part(augment="if torch.rand(()) < 0.2:\n    continue", weight=0.7),
}
