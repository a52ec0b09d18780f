"""What only looks, and what may change something."""

from __future__ import annotations

import ast

import pytest

from florlib.source.purity import is_pure


@pytest.mark.parametrize(
    "source",
    [
        "print(loss)",
        "flor.log('loss', loss.item())",
        "gn = sum(p.grad.norm() ** 2 for p in net.parameters()) ** 0.5",
        "logger.info('%s', len(losses))",
        "writer.add_scalar('a', float(x), epoch)",
        "if gn > 3:\n    print('big', gn)",
        "for n, p in net.named_parameters():\n    flor.log(n, p.detach().float().mean().item())",
        "with torch.no_grad():\n    flor.log('m', torch.stack(xs).std())",
        "acc = (out.argmax(1) == y).float().mean()",
        "x = math.sqrt(np.mean(a))",
    ],
)
def test_looking(source: str) -> None:
    assert is_pure(ast.parse(source).body[0])


@pytest.mark.parametrize(
    "source",
    [
        "net.eval()",
        "net.train()",
        "loss.backward()",
        "scheduler.step()",
        "out.mul_(2)",
        "print(net(x))",
        "torch.randn(3)",
        "random.random()",
        "np.random.rand()",
        "F.dropout(x)",
        "a.b = 1",
        "a[0] = 1",
        "del a",
        "xs.append(1)",
        "next(it)",
        "for x in loader: print(x)",
        "print([x for x in test_loader])",
        "print(*batches)",
        "first = list(loader)",
        "net.cpu()",
        "self.model.to('cpu')",
        "torch.mean(x, out=y)",
        "open('f', 'w')",
        "assert x",
    ],
)
def test_touching(source: str) -> None:
    assert not is_pure(ast.parse(source).body[0])
