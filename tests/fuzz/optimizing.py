"""How the composed scripts take a step: optimizers, what goes around them, and schedulers."""

from __future__ import annotations

from tests.fuzz.parts import Part, part

OPTIMIZERS: dict[str, Part] = {
    "sgd": part(setup="opt = torch.optim.SGD(net.parameters(), lr=0.05)"),
    "momentum": part(
        setup="opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, nesterov=True)"
    ),
    "adam": part(2, setup="opt = torch.optim.Adam(net.parameters(), lr=0.01, amsgrad=True)"),
    "adamw": part(setup="opt = torch.optim.AdamW(net.parameters(), lr=0.01, weight_decay=0.1)"),
    "rmsprop": part(setup="opt = torch.optim.RMSprop(net.parameters(), lr=0.01, momentum=0.5)"),
    "adagrad": part(setup="opt = torch.optim.Adagrad(net.parameters(), lr=0.05, lr_decay=0.01)"),
    "adadelta": part(0.5, setup="opt = torch.optim.Adadelta(net.parameters())"),
    "nadam": part(0.5, setup="opt = torch.optim.NAdam(net.parameters())"),
    "rprop": part(0.5, setup="opt = torch.optim.Rprop(net.parameters(), lr=0.01)"),
    "asgd": part(0.5, setup="opt = torch.optim.ASGD(net.parameters(), lr=0.01, t0=3)"),
    "two_groups": part(
        setup="""
weights = [p for p in net.parameters() if p.dim() > 1]
others = [p for p in net.parameters() if p.dim() <= 1]
opt = torch.optim.SGD([{"params": weights, "weight_decay": 0.01}, {"params": others, "lr": 0.1}], lr=0.05, momentum=0.5)
"""
    ),
    "own_class": part(
        classes="""
class Lion(torch.optim.Optimizer):
    def __init__(self, params, lr=0.01, beta=0.9):
        super().__init__(params, {"lr": lr, "beta": beta})
        self.turns = 0

    @torch.no_grad()
    def step(self, closure=None):
        self.turns += 1
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                slot = self.state[p]
                if not slot:
                    slot["mean"] = torch.zeros_like(p)
                slot["mean"].mul_(group["beta"]).add_(p.grad, alpha=1 - group["beta"])
                p.add_(slot["mean"].sign(), alpha=-group["lr"] / self.turns**0.5)
""",
        setup="opt = Lion(net.parameters())",
    ),
    "late_group": part(
        setup="opt = torch.optim.Adam(list(net.parameters())[:1], lr=0.01)",
        epoch_start="if epoch == 1 and len(opt.param_groups) == 1:\n    opt.add_param_group({'params': list(net.parameters())[1:]})",
    ),
    "rebuilt": part(
        setup="opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)",
        epoch_start="if epoch == 2:\n    opt = torch.optim.Adam(net.parameters(), lr=0.01)",
    ),
}

STEPS: dict[str, Part] = {
    "plain": part(
        3,
        step="""
opt.zero_grad()
loss = {loss}
loss.backward()
opt.step()
""",
    ),
    "clip": part(
        step="""
opt.zero_grad(set_to_none=False)
loss = {loss}
loss.backward()
norm = torch.nn.utils.clip_grad_norm_(net.parameters(), 0.5)
# PROBE inner: flor.log("grad_norm", norm.item())
opt.step()
""",
    ),
    "accumulate": part(
        setup="micro = 0",
        step="""
loss = {loss}
(loss / 3).backward()
micro += 1
if micro % 3 == 0:
    opt.step()
    opt.zero_grad()
""",
        report="micro",
    ),
    "closure": part(
        step="""
def closure():
    opt.zero_grad()
    value = {loss}
    value.backward()
    return value

loss = opt.step(closure)
loss = {loss} if loss is None else loss
"""
    ),
    "scaler": part(
        setup='scaler = torch.amp.GradScaler("cpu", init_scale=256.0, growth_interval=3)',
        step="""
opt.zero_grad()
with torch.autocast("cpu", dtype=torch.bfloat16):
    loss = {loss}
scaler.scale(loss).backward()
scaler.unscale_(opt)
torch.nn.utils.clip_grad_value_(net.parameters(), 0.5)
scaler.step(opt)
scaler.update()
""",
        report="scaler.get_scale()",
    ),
    "bf16": part(
        step="""
opt.zero_grad()
with torch.autocast("cpu", dtype=torch.bfloat16):
    loss = {loss}
loss.backward()
opt.step()
"""
    ),
    "by_hand": part(
        setup="velocity = [torch.zeros_like(p) for p in net.parameters()]\nrate = 0.05",
        step="""
loss = {loss}
loss.backward()
with torch.no_grad():
    for p, v in zip(net.parameters(), velocity):
        if p.grad is not None:
            v.mul_(0.8).add_(p.grad)
            p -= rate * v
            p.grad = None
""",
        epoch_end="rate *= 0.9",
        report="rate",
    ),
    "per_layer": part(
        setup="opts = {name: torch.optim.SGD([p], lr=0.05, momentum=0.5) for name, p in net.named_parameters()}",
        step="""
loss = {loss}
loss.backward()
for one in opts.values():
    one.step()
    one.zero_grad()
""",
    ),
    "lbfgs": part(
        setup="lbfgs = torch.optim.LBFGS(net.parameters(), lr=0.1, max_iter=3, history_size=4)",
        step="""
def evaluate():
    lbfgs.zero_grad()
    value = {loss}
    value.backward()
    return value

loss = lbfgs.step(evaluate)
""",
    ),
    "adversary": part(
        setup="""
critic = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.LeakyReLU(), torch.nn.Linear(4, 1))
critic_opt = torch.optim.RMSprop(critic.parameters(), lr=0.01)
""",
        step="""
critic_opt.zero_grad()
critic_loss = critic(net(xb).detach()).mean() - critic(yb).mean()
critic_loss.backward()
critic_opt.step()
opt.zero_grad()
loss = {loss} - 0.1 * critic(net(xb)).mean()
loss.backward()
opt.step()
# PROBE inner: flor.log("critic", [critic_loss.item(), loss.item()])
""",
    ),
    "skip_large": part(
        setup="skipped = 0",
        step="""
loss = {loss}
opt.zero_grad()
loss.backward()
if loss.item() < 1.2:
    opt.step()
else:
    skipped += 1
""",
        report="skipped",
    ),
    "functional": part(
        step="""
loss = {loss}
grads = torch.autograd.grad(loss, [p for p in net.parameters() if p.requires_grad])
for p, g in zip([p for p in net.parameters() if p.requires_grad], grads):
    p.grad = g if p.grad is None else 0.1 * p.grad + g
opt.step()
"""
    ),
}

SCHEDULERS: dict[str, Part] = {
    "none": part(2),
    "step": part(
        setup="sched = torch.optim.lr_scheduler.StepLR(opt, 2, 0.5)", epoch_end="sched.step()"
    ),
    "cosine": part(
        setup="sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 4)",
        epoch_end="sched.step()",
        report="sched.get_last_lr()",
    ),
    "one_cycle": part(
        setup="sched = torch.optim.lr_scheduler.OneCycleLR(opt, 0.1, total_steps=200, cycle_momentum=False)",
        after_step="sched.step()",
        report='opt.param_groups[0]["lr"]',
    ),
    "plateau": part(
        setup="sched = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, patience=0)",
        epoch_end="sched.step(loss.item())",
        report='opt.param_groups[0]["lr"]',
    ),
    "lambda": part(
        setup="""
decay = {"base": 0.9, "asked": 0}

def scale_of(turn):
    decay["asked"] += 1
    return decay["base"] ** turn

sched = torch.optim.lr_scheduler.LambdaLR(opt, scale_of)
""",
        epoch_end="sched.step()",
        report='decay["asked"], opt.param_groups[0]["lr"]',
    ),
    "lambda_short": part(
        setup="sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda turn: 1 / (1 + turn))",
        epoch_end="sched.step()",
        report='opt.param_groups[0]["lr"]',
    ),
    "chained": part(
        setup="""
sched = torch.optim.lr_scheduler.SequentialLR(opt, [
    torch.optim.lr_scheduler.LinearLR(opt, 0.3, total_iters=2),
    torch.optim.lr_scheduler.ExponentialLR(opt, 0.8),
], milestones=[2])
""",
        epoch_end="sched.step()",
        report='opt.param_groups[0]["lr"]',
    ),
    "alias": part(
        setup="group = opt.param_groups[0]",
        epoch_end='group["lr"] *= 0.8',
        report='opt.param_groups[0]["lr"]',
    ),
    "warm_up": part(
        setup="turns = 0",
        epoch_start="turns += 1\nfor g in opt.param_groups:\n    g['lr'] = 0.02 * min(turns, 3)",
        report='opt.param_groups[0]["lr"]',
    ),
    "list": part(
        setup="scheds = [torch.optim.lr_scheduler.ExponentialLR(opt, g) for g in (0.9, 0.95)]",
        epoch_end="for one in scheds:\n    one.step()",
        report='opt.param_groups[0]["lr"]',
    ),
}
