"""CAST Mark in PyTorch, as its authors train it (Tang et al. 2024): the peer of `tl.cast_mark`.

    python benches/peers/cast_mark.py a.h5ad b.h5ad --epochs 400 --seed 0 --threads 2 -o embedding.npy
    python benches/peers/cast_mark.py a.h5ad b.h5ad --dgl
    python benches/peers/cast_mark.py --small

Each file is a section: expression as it is to be used, and positions; sections share their first genes (`--genes`).
The graph is a product with a sparse matrix, or with `--dgl` that library's graph and layers, as the authors have them
(`dgl==2.1.0 torch==2.2.1 torchdata==0.7.1`). Prints one line of JSON: loss of the first and last epoch, seconds per
epoch (median; of the clock and of the processor), peak memory. `--small` prints loss and gradient of the tiny network
that the tests of the crate state. Needs torch, scipy and h5py.
"""

import argparse
import json
import math
import resource
import statistics
import time

import h5py
import numpy as np
import scipy.sparse as sp
import torch
from scipy.spatial import Delaunay


class Spread(torch.autograd.Function):
    """A sparse matrix times a dense one; the transpose on the way back."""

    @staticmethod
    def forward(ctx, a, a_t, x):
        ctx.a_t = a_t
        return a @ x

    @staticmethod
    def backward(ctx, grad):
        return None, None, ctx.a_t @ grad


class Mark(torch.nn.Module):
    """The encoder and the layers of GCNII, with DGL's start."""

    def __init__(self, n_genes, hidden, n_layers, alpha=0.1):
        super().__init__()
        self.encoder = torch.nn.Linear(n_genes, hidden)
        self.weights = torch.nn.ParameterList([torch.randn(hidden, hidden) for _ in range(n_layers)])
        self.biases = torch.nn.ParameterList([torch.zeros(hidden) for _ in range(n_layers)])
        self.alpha = alpha

    def forward(self, graph, x):
        a, a_t, norm = graph
        first = torch.relu(self.encoder(x))
        h = first
        for layer, (w, b) in enumerate(zip(self.weights, self.biases, strict=True), start=1):
            beta = math.log(1 / layer + 1)
            z = Spread.apply(a, a_t, h * norm) * norm * (1 - self.alpha) + first * self.alpha
            h = torch.relu(torch.addmm(z, z, w, beta=1 - beta, alpha=beta) + b)
        return h


class MarkDgl(torch.nn.Module):
    """The same with DGL's layers; `graph` is DGL's."""

    def __init__(self, n_genes, hidden, n_layers):
        from dgl.nn.pytorch import GCN2Conv

        super().__init__()
        self.encoder = torch.nn.Linear(n_genes, hidden)
        layers = range(1, n_layers + 1)
        self.layers = torch.nn.ModuleList([GCN2Conv(hidden, layer, allow_zero_in_degree=True) for layer in layers])

    def forward(self, graph, x):
        h = first = torch.relu(self.encoder(x))
        for layer in self.layers:
            h = torch.relu(layer(graph, h, first))
        return h


def graph_dgl(n, target, source, dtype, loops):
    """A graph both ways, DGL's."""
    import dgl

    a = dgl.graph((torch.from_numpy(source), torch.from_numpy(target)), num_nodes=n)
    return dgl.add_self_loop(a) if loops else a


def csr(a, dtype):
    """A scipy matrix as one of torch."""
    index = [torch.from_numpy(v.astype(np.int64)) for v in (a.indptr, a.indices)]
    return torch.sparse_csr_tensor(*index, torch.from_numpy(a.data).to(dtype), size=a.shape)


def graph(n, target, source, dtype, loops):
    """A graph both ways, and the root of the inverse degree."""
    if loops:
        own = np.arange(n)
        target, source = np.concatenate([target, own]), np.concatenate([source, own])
    a = sp.csr_matrix((np.ones(len(target), dtype=np.float32), (target, source)), shape=(n, n))
    degree = torch.from_numpy(np.maximum(np.asarray(a.sum(1)).ravel(), 1)).to(dtype)
    return csr(a, dtype), csr(a.T.tocsr(), dtype), degree.pow(-0.5)[:, None]


def standardise(h):
    return (h - h.mean(0)) / h.std(0).clamp(1e-12)


def loss_of(h1, h2, penalty):
    z1, z2, n = standardise(h1), standardise(h2), len(h1)
    c, c1, c2 = z1.T @ z2 / n, z1.T @ z1 / n, z2.T @ z2 / n
    one = torch.eye(len(c), dtype=c.dtype)
    return -torch.diagonal(c).sum() + penalty * ((one - c1).pow(2).sum() + (one - c2).pow(2).sum())


def train(
    sections, *, epochs, seed, dgl=False, hidden=512, n_layers=9, lr=1e-3, penalty=1e-3, drop_feature=0.3, drop_edge=0.5
):
    """The embeddings, and the loss and the seconds of every epoch."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    of, join = (MarkDgl, graph_dgl) if dgl else (Mark, graph)
    model = of(sections[0][0].shape[1], hidden, n_layers)
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    losses, seconds = [], []
    for _ in range(epochs):
        start = time.perf_counter(), time.process_time()
        optimiser.zero_grad()
        for x, (target, source) in sections:
            views = []
            for _ in range(2):
                kept = rng.random(len(target)) >= drop_edge
                seen = x.clone()
                seen[:, torch.rand(x.shape[1]) < drop_feature] = 0
                views.append(model(join(len(x), target[kept], source[kept], x.dtype, True), seen))
            loss = loss_of(*views, penalty)
            loss.backward()
            optimiser.step()
        losses.append(loss.item())
        seconds.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    with torch.no_grad():
        z = [model(join(len(x), *edges, x.dtype, False), x).numpy() for x, edges in sections]
    return z, losses, seconds


def read(path, n_genes):
    """X, dense, and the edges of the Delaunay triangulation, both ways."""
    with h5py.File(path) as f:
        x = f["X"]
        if isinstance(x, h5py.Group):
            x = sp.csr_matrix((x["data"][:], x["indices"][:], x["indptr"][:]), shape=x.attrs["shape"]).toarray()
        x, coords = np.asarray(x, dtype=np.float32)[:, :n_genes], f["obsm/spatial"][:]
    corners = Delaunay(coords).simplices
    pairs = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
    pairs = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)
    return torch.from_numpy(x.copy()), (pairs[:, 0], pairs[:, 1])


def small():
    """Loss and gradient of a ring of 12 with chords, in double precision; each tensor's along sin(1), sin(2), ..."""
    n, genes, hidden, layers = 12, 6, 5, 3
    ring = np.arange(n)
    source = np.concatenate([(ring + s) % n for s in (1, n - 1, 5, n - 5)])
    g = graph(n, np.tile(ring, 4), source, torch.float64, True)
    model = Mark(genes, hidden, layers).double()

    def filled(f, *shape):
        return torch.from_numpy(f(np.arange(np.prod(shape)).reshape(shape).astype(float)))

    model.encoder.weight.data = filled(lambda k: 0.5 * np.sin(k + 1), genes, hidden).T.contiguous()
    model.encoder.bias.data = filled(lambda k: 0.1 * np.sin(k), hidden)
    for layer in range(layers):
        model.weights[layer].data = filled(lambda k, layer=layer: np.cos(k + layer + 1), hidden, hidden)
        model.biases[layer].data = filled(lambda k, layer=layer: 0.1 * np.sin(k + layer + 1), hidden)
    x = torch.from_numpy(np.add.outer(3.0 * ring, 5.0 * np.arange(genes)) % 7)
    views = []
    for gone in (1, 4):
        seen = x.clone()
        seen[:, gone] = 0
        views.append(model(g, seen))
    loss = loss_of(*views, 1e-3)
    loss.backward()

    def along(t):
        return float((t.flatten() * torch.sin(torch.arange(t.numel(), dtype=torch.float64) + 1)).sum())

    biases = torch.stack([model.encoder.bias.grad, *(b.grad for b in model.biases)])
    tensors = [model.encoder.weight.grad.T, biases, *(w.grad for w in model.weights)]
    print(json.dumps({"loss": float(loss), "gradient": [along(t) for t in tensors], "torch": torch.__version__}))


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("files", nargs="*")
    args.add_argument("--small", action="store_true")
    args.add_argument("--dgl", action="store_true")
    args.add_argument("--genes", type=int, default=None)
    args.add_argument("--epochs", type=int, default=400)
    args.add_argument("--seed", type=int, default=0)
    args.add_argument("--threads", type=int, default=2)
    args.add_argument("-o", "--output")
    args = args.parse_args()
    torch.set_num_threads(args.threads)
    if args.small:
        return small()
    sections = [read(path, args.genes) for path in args.files]
    z, losses, seconds = train(sections, epochs=args.epochs, seed=args.seed, dgl=args.dgl)
    if args.output:
        np.save(args.output, np.concatenate(z))
    clock, processor = zip(*seconds, strict=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps(
            {
                "observations": [len(x) for x, _ in sections],
                "first_loss": losses[0],
                "last_loss": losses[-1],
                "seconds_per_epoch": statistics.median(clock),
                "processor_seconds_per_epoch": statistics.median(processor),
                "peak_mib": peak,
                "torch": torch.__version__,
            }
        )
    )


if __name__ == "__main__":
    main()
