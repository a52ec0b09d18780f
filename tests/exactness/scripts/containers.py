"""deque, Counter, defaultdict, OrderedDict, set and heap carried over the boundary."""
# EXPECT outer: 3
# EXPECT inner: 18

import collections
import hashlib
import heapq

import torch

torch.manual_seed(113)
x = torch.randn(30, 3)
labels = torch.randint(0, 3, (30,))
net = torch.nn.Linear(3, 3)
optimizer = torch.optim.SGD(net.parameters(), lr=0.3)

window = collections.deque(maxlen=4)
seen = collections.Counter()
by_label = collections.defaultdict(list)
newest = collections.OrderedDict()
drawn = set()
hardest = []


def note(loss, rows):
    window.append(loss)
    seen.update(labels[rows].tolist())
    by_label[int(labels[rows[0]])].append(loss)
    newest[int(rows[0])] = loss
    newest.move_to_end(int(rows[0]), last=False)
    drawn.update(rows.tolist())
    heapq.heappush(hardest, (-loss, int(rows[0])))


for epoch in range(3):
    for i in range(5):
        rows = torch.randint(0, 30, (4,))
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(x[rows]), labels[rows])
        loss = loss * (1 + sum(window) / 10)
        loss.backward()
        optimizer.step()
        note(loss.item(), rows)
        # PROBE inner: flor.log("oldest", [window[0], next(iter(newest)), seen.most_common(1)[0][1]])
    # PROBE outer: flor.log("containers", [window.maxlen, sorted(seen.items()), sorted(drawn)])
    # PROBE outer: flor.log("lists", [by_label[label] for label in sorted(by_label)])
    print(epoch, list(window), list(newest)[:3], hardest[0])

print(sorted(by_label), by_label.default_factory.__name__, len(drawn))
print("sha256", hashlib.sha256(net.weight.detach().numpy().tobytes()).hexdigest())
