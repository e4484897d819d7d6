"""PyTorch's side of bench/gpu: a plain GPT-2, asked and answering one line of JSON at a time.

    {"do": "load", "folder": F}                  config.json and model.safetensors
    {"do": "logits", "ids": [[..]], "out": F}    raw float32 of [B, T, V]
    {"do": "time", "work": W, "runs": N, ..}     milliseconds a run, the device waited for at both ends

Answers are {"ms": ..}, {} or {"error": ".."}. Needs torch and nothing else; ends with its input.
"""
import ctypes
import glob
import json
import math
import os
import struct
import sys
import time

try:
    import torch
    import torch.nn.functional as F
    from torch import nn
except ImportError as e:
    print(json.dumps({"error": str(e)}), flush=True)
    sys.exit(0)

DEVICE = torch.device(sys.argv[1] if len(sys.argv) > 1 else "cuda")


def safetensors(path):
    """Name to tensor; float32 only, which is what the bench writes."""
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = bytearray(f.read())
    found = {}
    for name, entry in header.items():
        if name != "__metadata__":
            assert entry["dtype"] == "F32", name
            begin, end = entry["data_offsets"]
            flat = torch.frombuffer(data, dtype=torch.float32, count=(end - begin) // 4, offset=begin)
            found[name.removeprefix("transformer.")] = flat.reshape(entry["shape"]).to(DEVICE).clone()
    return found


def attend(q, k, v, causal):
    """[B, H, T, D]; fused where this PyTorch has it."""
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    if causal:
        T = q.shape[-2]
        scores = scores.masked_fill(torch.ones(T, T, dtype=torch.bool, device=q.device).triu(1), -math.inf)
    return scores.softmax(-1) @ v


class Linear(nn.Module):
    """y = x W + b, W as GPT-2's files have it: [in, out]."""

    def __init__(self, weights, name):
        super().__init__()
        self.weight = nn.Parameter(weights[name + ".weight"])
        self.bias = nn.Parameter(weights[name + ".bias"])

    def forward(self, x):
        return torch.addmm(self.bias, x.reshape(-1, x.shape[-1]), self.weight).reshape(*x.shape[:-1], -1)


class Norm(nn.Module):
    def __init__(self, weights, name, eps):
        super().__init__()
        self.weight = nn.Parameter(weights[name + ".weight"])
        self.bias = nn.Parameter(weights[name + ".bias"])
        self.eps = eps

    def forward(self, x):
        return F.layer_norm(x, x.shape[-1:], self.weight, self.bias, self.eps)


class Block(nn.Module):
    def __init__(self, weights, at, heads, eps):
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = Norm(weights, at + "ln_1", eps), Norm(weights, at + "ln_2", eps)
        self.c_attn, self.c_proj = Linear(weights, at + "attn.c_attn"), Linear(weights, at + "attn.c_proj")
        self.c_fc, self.c_out = Linear(weights, at + "mlp.c_fc"), Linear(weights, at + "mlp.c_proj")
        self.hook_z = nn.Identity()  # [B, T, H, D], for forward hooks

    def forward(self, x, cache=None, position=0):
        B, T, C = x.shape
        q, k, v = (p.reshape(B, T, self.heads, -1).transpose(1, 2) for p in self.c_attn(self.ln_1(x)).split(C, -1))
        if cache is not None:
            cache[0][:, :, position:position + T] = k
            cache[1][:, :, position:position + T] = v
            k, v = cache[0][:, :, :position + T], cache[1][:, :, :position + T]
        z = self.hook_z(attend(q, k, v, causal=T > 1).transpose(1, 2))
        x = x + self.c_proj(z.reshape(B, T, C))
        return x + self.c_out(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))


class Gpt2(nn.Module):
    def __init__(self, folder):
        super().__init__()
        with open(os.path.join(folder, "config.json")) as f:
            c = json.load(f)
        w = safetensors(os.path.join(folder, "model.safetensors"))
        self.heads, self.width = c["n_head"], c["n_embd"]
        self.wte, self.wpe = nn.Parameter(w["wte.weight"]), nn.Parameter(w["wpe.weight"])
        self.blocks = nn.ModuleList(
            Block(w, f"h.{i}.", c["n_head"], c["layer_norm_epsilon"]) for i in range(c["n_layer"]))
        self.ln_f = Norm(w, "ln_f", c["layer_norm_epsilon"])

    def forward(self, ids, logits=True, caches=None, position=0):
        T = ids.shape[1]
        x = F.embedding(ids, self.wte) + self.wpe[position:position + T]
        for i, block in enumerate(self.blocks):
            x = block(x, None if caches is None else caches[i], position)
        x = self.ln_f(x)
        return F.linear(x, self.wte) if logits else x


model = None
prepared = (None, None)  # the last work and how to run it once


def synchronize():
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


def precision(name):
    """Sets the products' precision, and returns the context that the work runs in."""
    tf32 = name == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.allow_tf32 = tf32
    return torch.autocast(DEVICE.type, dtype=torch.bfloat16, enabled=name == "bf16")


def ids_of(r):
    generator = torch.Generator().manual_seed(2)
    return torch.randint(model.wte.shape[0], (r["b"], r["t"]), generator=generator).to(DEVICE)


def compiled(r, function):
    if r["mode"] != "compiled":
        return function
    if not hasattr(torch, "compile"):
        raise RuntimeError("this PyTorch has no torch.compile")
    return torch.compile(function)


def forward_work(r):
    ids, work = ids_of(r), r["work"]
    logits = work == "forward"
    kept, hooks = {}, []
    for i, block in enumerate(model.blocks):
        if work == "forward hook_z":
            hooks.append(block.hook_z.register_forward_hook(lambda _, __, z, i=i: kept.__setitem__(i, z)))
        if work == "forward hook_result":
            weight = block.c_proj.weight.view(model.heads, -1, model.width)
            hooks.append(block.hook_z.register_forward_hook(
                lambda _, __, z, i=i, weight=weight: kept.__setitem__(i, torch.einsum("bthd,hdc->bthc", z, weight))))
    run = compiled(r, model)

    def once():
        with torch.no_grad(), precision(r["precision"]):
            run(ids, logits)
    return once, lambda: [h.remove() for h in hooks]


def loss_of(run, ids):
    logits = run(ids)
    return F.cross_entropy(logits[:, :-1].reshape(-1, logits.shape[-1]).float(), ids[:, 1:].reshape(-1))


def backward_work(r):
    ids, run = ids_of(r), compiled(r, model)

    def once():
        for p in model.parameters():
            p.grad = None
        with precision(r["precision"]):
            loss = loss_of(run, ids)
        loss.backward()
    return once, lambda: None


def step_work(r):
    ids, run = ids_of(r), compiled(r, model)
    before = [p.detach().clone() for p in model.parameters()]
    fused = {"fused": True} if DEVICE.type == "cuda" else {}
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.1, **fused)

    def once():
        optimizer.zero_grad(set_to_none=True)
        with precision(r["precision"]):
            loss = loss_of(run, ids)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    def after():
        with torch.no_grad():
            for p, b in zip(model.parameters(), before):
                p.copy_(b)
                p.grad = None
    return once, after


def decode_work(r):
    ids, added = ids_of(r), r["added"]
    kind = torch.bfloat16 if r["precision"] == "bf16" else torch.float32
    shape = (ids.shape[0], model.heads, ids.shape[1] + added, model.width // model.heads)
    caches = [(torch.zeros(shape, dtype=kind, device=DEVICE), torch.zeros(shape, dtype=kind, device=DEVICE))
              for _ in model.blocks]

    def once():
        with torch.no_grad(), precision(r["precision"]):
            hidden = model(ids, False, caches, 0)[:, -1:]
            for i in range(added):
                token = F.linear(hidden, model.wte).argmax(-1)
                if i + 1 < added:
                    hidden = model(token, False, caches, ids.shape[1] + i)
            token.tolist()
    return once, lambda: None


def matmul_work(r):
    form, M, N, K = r["form"], r["m"], r["n"], r["k"]
    x = torch.rand((K, M) if form == "G" else (M, K), device=DEVICE) * 2 - 1
    w = torch.rand((N, K) if form == "T" else (K, N), device=DEVICE) * 2 - 1
    y = torch.zeros(M, N, device=DEVICE)
    a, b = (x.t() if form == "G" else x), (w.t() if form == "T" else w)

    def once():
        with torch.no_grad(), precision(r["precision"]):
            if r["precision"] == "bf16":
                a @ b  # with autocast's rounding of both operands, which a model pays too
            elif form == "G":
                y.addmm_(a, b)
            else:
                torch.mm(a, b, out=y)
    return once, lambda: None


def tiny_work(r):
    x = torch.zeros(32, device=DEVICE)

    def once():
        x.add_(1)
        if r["work"] == "tiny waited":
            synchronize()
    return once, lambda: None


def work_of(r):
    name = r["work"]
    return {"backward": backward_work, "step": step_work, "decode": decode_work, "matmul": matmul_work,
            "tiny": tiny_work, "tiny waited": tiny_work}.get(name, forward_work)(r)


def answer(r):
    global model, prepared
    if r["do"] == "load":
        model = Gpt2(r["folder"])
        return {}
    if r["do"] == "logits":
        with torch.no_grad(), precision("fp32"):
            logits = model(torch.tensor(r["ids"], device=DEVICE)).float().cpu().contiguous()
        with open(r["out"], "wb") as f:
            f.write(ctypes.string_at(logits.data_ptr(), 4 * logits.numel()))
        return {}
    key = json.dumps({k: v for k, v in r.items() if k != "runs"}, sort_keys=True)
    if prepared[0] != key:
        if prepared[1]:
            prepared[1][1]()
            prepared = (None, None)
        prepared = (key, work_of(r))
    once = prepared[1][0]
    synchronize()
    start = time.perf_counter()
    for _ in range(r["runs"]):
        once()
    synchronize()
    return {"ms": (time.perf_counter() - start) * 1000 / r["runs"]}


def library_folders():
    site = os.path.dirname(os.path.dirname(torch.__file__))
    return sorted({os.path.dirname(f) for f in glob.glob(os.path.join(site, "nvidia", "**", "libcublas.so.*"), recursive=True)}
                  | {os.path.dirname(f) for f in glob.glob(os.path.join(site, "torch", "lib", "libcublas.so.*"))})


def main():
    if DEVICE.type == "cuda" and not torch.cuda.is_available():
        print(json.dumps({"error": "this PyTorch sees no CUDA device"}), flush=True)
        return
    if DEVICE.type == "cpu":
        torch.set_num_threads(os.cpu_count() or 1)
    version = torch.__version__ + (f" (CUDA {torch.version.cuda})" if torch.version.cuda else "")
    print(json.dumps({"torch": version, "library_folders": library_folders()}), flush=True)
    # Libraries that print must not spoil the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line))
        except Exception as e:  # told to the bench, which names it in the row
            reply = {"error": f"{type(e).__name__}: {e}".splitlines()[0][:200]}
        print(json.dumps(reply), file=answers, flush=True)


main()
