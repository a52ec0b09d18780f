"""The networks that benchmarks train: an MLP of 5 M parameters, a ResNet-50 of 25 M, a GPT of 110 M."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional


class Mlp(nn.Module):
    """Four layers; float32[batch, 64] to float32[batch, 10]."""

    def __init__(self, width: int = 1536) -> None:
        super().__init__()
        widths = (64, width, width, width)
        layers: list[nn.Module] = []
        for inward, outward in pairwise(widths):
            layers += [nn.Linear(inward, outward), nn.GELU()]
        self.layers = nn.Sequential(*layers, nn.Linear(width, 10))

    def forward(self, images: Tensor) -> Tensor:
        """Logits of each class."""
        return self.layers(images)


class Bottleneck(nn.Module):
    """Three convolutions beside a shortcut, as in He et al., "Deep residual learning", figure 5."""

    def __init__(self, inward: int, middle: int, stride: int = 1) -> None:
        super().__init__()
        outward = 4 * middle
        self.body = nn.Sequential(
            nn.Conv2d(inward, middle, 1, bias=False),
            nn.BatchNorm2d(middle),
            nn.ReLU(),
            nn.Conv2d(middle, middle, 3, stride, 1, bias=False),
            nn.BatchNorm2d(middle),
            nn.ReLU(),
            nn.Conv2d(middle, outward, 1, bias=False),
            nn.BatchNorm2d(outward),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inward != outward:
            convolution = nn.Conv2d(inward, outward, 1, stride, bias=False)
            self.shortcut = nn.Sequential(convolution, nn.BatchNorm2d(outward))

    def forward(self, images: Tensor) -> Tensor:
        """The sum of both ways."""
        return functional.relu(self.body(images) + self.shortcut(images))


class ResNet50(nn.Module):
    """Sixteen bottlenecks; float32[batch, 3, height, width] to float32[batch, classes]."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(3, 64, 7, 2, 3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
        ]
        inward = 64
        for middle, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
            for block in range(blocks):
                layers.append(Bottleneck(inward, middle, 1 if block else stride))
                inward = 4 * middle
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(inward, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of each class."""
        return self.head(self.body(images).mean((2, 3)))


def frozen_resnet() -> ResNet50:
    """A ResNet-50 of which only the head is trained: with AdamW, a tenth of the whole state."""
    net = ResNet50(classes=400)
    for parameter in net.body.parameters():
        parameter.requires_grad = False
    return net


class Block(nn.Module):
    """Attention and a feed-forward part, each behind a norm and beside a shortcut."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)
        self.before_feed = nn.LayerNorm(width)
        self.feed = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """float32[batch, length, width], as it comes in."""
        batch, length, width = tokens.shape
        parts = self.queries_keys_values(self.before_attention(tokens))
        split = parts.view(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(*split, is_causal=True)
        tokens = tokens + self.mix(seen.transpose(1, 2).reshape(batch, length, width))
        return tokens + self.feed(self.before_feed(tokens))


class Gpt(nn.Module):
    """Twelve blocks, the head tied to the embedding; int64[batch, length] to logits of the next."""

    def __init__(self, words: int = 32768, width: int = 768, blocks: int = 12) -> None:
        super().__init__()
        self.words = nn.Embedding(words, width)
        self.places = nn.Embedding(1024, width)
        self.blocks = nn.Sequential(*(Block(width, 12) for _ in range(blocks)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, words, bias=False)
        nn.init.normal_(self.words.weight, std=0.02)
        self.head.weight = self.words.weight

    def forward(self, tokens: Tensor) -> Tensor:
        """float32[batch, length, words]."""
        places = torch.arange(tokens.shape[1])
        return self.head(self.norm(self.blocks(self.words(tokens) + self.places(places))))
