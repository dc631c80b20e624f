"""STAGATE in PyTorch Geometric, as its authors train it (Dong & Zhang 2022): the peer of `tl.stagate`.

    python benches/peers/stagate.py tissue.h5ad --radius 150 --epochs 1000 --seed 0 --threads 2 -o embedding.npy

The file holds normalised, logged expression (highly variable genes only, if that is wanted) and positions. Prints one
line of JSON: edges, loss of the first and last epoch, seconds per epoch (median), peak memory. Needs torch,
torch_geometric, scipy and h5py; torch_sparse is not needed.
"""

import argparse
import json
import resource
import statistics
import time

import h5py
import numpy as np
import scipy.sparse as sp
import torch
import torch.nn.functional as F
from scipy.spatial import cKDTree
from torch_geometric.nn.conv import MessagePassing
from torch_geometric.utils import softmax


class Attention(MessagePassing):
    """One attention layer: messages weighted by a softmax of sigmoids, or by weights that are given."""

    def __init__(self, n_in, n_out):
        super().__init__(aggr="add", node_dim=0)
        self.weight = torch.nn.Parameter(torch.empty(n_in, n_out))
        self.source = torch.nn.Parameter(torch.empty(1, 1, n_out))
        self.target = torch.nn.Parameter(torch.empty(1, 1, n_out))
        for p in (self.weight, self.source, self.target):
            torch.nn.init.xavier_normal_(p, gain=1.414)
        self.scores = None

    def forward(self, x, edges=None, scores=None):
        x = x @ self.weight
        if edges is None:
            return x
        x = x.view(-1, 1, x.shape[1])
        if scores is None:
            scores = ((x * self.source).sum(-1), (x * self.target).sum(-1))
            self.scores = scores
        return self.propagate(edges, x=(x, x), alpha=scores).mean(1)

    def message(self, x_j, alpha_j, alpha_i, index, ptr, size_i):
        return x_j * softmax(torch.sigmoid(alpha_j + alpha_i), index, ptr, size_i).unsqueeze(-1)


class Stagate(torch.nn.Module):
    """The auto-encoder; the decoder's weights are the encoder's storage, with gradients and moments of their own."""

    def __init__(self, n_genes, hidden, latent):
        super().__init__()
        self.conv1, self.conv2 = Attention(n_genes, hidden), Attention(hidden, latent)
        self.conv3, self.conv4 = Attention(latent, hidden), Attention(hidden, n_genes)

    def forward(self, x, edges):
        h1 = F.elu(self.conv1(x, edges))
        z = self.conv2(h1)
        self.conv3.weight.data = self.conv2.weight.data.t()
        self.conv4.weight.data = self.conv1.weight.data.t()
        h3 = F.elu(self.conv3(z, edges, self.conv1.scores))
        return z, self.conv4(h3)


def within(coords, radius):
    """Pairs within a radius, both ways, and every observation with itself."""
    pairs = cKDTree(coords).query_pairs(radius, output_type="ndarray")
    own = np.arange(len(coords))
    edges = np.concatenate([pairs, pairs[:, ::-1], np.stack([own, own], 1)])
    return torch.from_numpy(edges[np.lexsort((edges[:, 1], edges[:, 0]))].T.copy())


def train(x, edges, *, epochs, seed, hidden=(512, 30), lr=1e-3, weight_decay=1e-4, clip=5.0):
    """The embedding, the loss and the seconds of every epoch."""
    torch.manual_seed(seed)
    model = Stagate(x.shape[1], *hidden)
    optimiser = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=weight_decay)
    losses, seconds = [], []
    for _ in range(epochs):
        start = time.perf_counter()
        optimiser.zero_grad()
        _, out = model(x, edges)
        loss = F.mse_loss(x, out)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimiser.step()
        losses.append(float(loss.detach()))
        seconds.append(time.perf_counter() - start)
    with torch.no_grad():
        z, _ = model(x, edges)
    return z.numpy(), losses, seconds


def read(path):
    """X, dense, and the positions."""
    with h5py.File(path) as f:
        x = f["X"]
        if isinstance(x, h5py.Group):
            x = sp.csr_matrix((x["data"][:], x["indices"][:], x["indptr"][:]), shape=x.attrs["shape"]).toarray()
        return torch.from_numpy(np.asarray(x, dtype=np.float32)), f["obsm/spatial"][:].astype(np.float64)


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("file")
    args.add_argument("--radius", type=float, required=True)
    args.add_argument("--epochs", type=int, default=1000)
    args.add_argument("--seed", type=int, default=0)
    args.add_argument("--threads", type=int, default=2)
    args.add_argument("-o", "--output")
    args = args.parse_args()
    torch.set_num_threads(args.threads)
    x, coords = read(args.file)
    edges = within(coords, args.radius)
    z, losses, seconds = train(x, edges, epochs=args.epochs, seed=args.seed)
    if args.output:
        np.save(args.output, z)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps(
            {
                "edges": edges.shape[1],
                "first_loss": losses[0],
                "last_loss": losses[-1],
                "seconds_per_epoch": statistics.median(seconds),
                "peak_mib": peak,
                "torch": torch.__version__,
            }
        )
    )


if __name__ == "__main__":
    main()
