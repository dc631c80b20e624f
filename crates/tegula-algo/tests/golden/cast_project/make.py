"""What CAST 0.4 (github.com/wanglab-broad/CAST, 3ebcf4f) projects between two made-up sections.

Run with: python make.py PATH_OF_A_CAST_CHECKOUT > cast.csv (scikit-learn 1.9, scipy, networkx)

Lines: `edge`, mean edge of the target. `match`, k, number in the target, then k times source, weight, cosine distance and
distance in the tissue, by source. `counts`, k, number in the target, projected counts.
"""

import sys
import types
from importlib import util
from unittest import mock

import networkx  # noqa: F401  (these look for what is stubbed below)
import numpy as np
import pandas  # noqa: F401
import scipy.stats  # noqa: F401
import sklearn.metrics  # noqa: F401

N, M, D, G, FOLD = 150, 120, 12, 6, 0.7


def numbers(n, m, seed):
    s, out = seed, []
    for _ in range(n):
        s = (s * 6364136223846793005 + 1442695040888963407) % 2**64
        out.append((s >> 33) % m)
    return np.array(out, float)


def load(name):
    spec = util.spec_from_file_location(f"CAST.{name}", f"{sys.argv[1]}/CAST/{name}.py")
    module = util.module_from_spec(spec)
    sys.modules[f"CAST.{name}"] = module
    spec.loader.exec_module(module)
    return module


ABSENT = ["torch", "matplotlib", "matplotlib.pyplot", "seaborn", "scanpy", "CAST.visualize"]
sys.modules.update({name: mock.MagicMock() for name in ABSENT})
sys.modules["CAST"] = package = types.ModuleType("CAST")
package.__path__ = []
load("utils")
cast = load("CAST_Projection")
cast.tqdm = lambda it: it
cast.print = lambda *_: None
for name in ABSENT:
    del sys.modules[name]

source, target = numbers(2 * N, 1000, 1).reshape(N, 2), numbers(2 * M, 1000, 2).reshape(M, 2)
z_source = numbers(N * D, 1000, 3).reshape(N, D) / 1000 - 0.5
z_target = numbers(M * D, 1000, 4).reshape(M, D) / 1000 - 0.5
counts = np.floor(numbers(N * G, 9, 5).reshape(N, G) / 3)
edge = cast.average_dist(target, strategy_t="delaunay")[0]
print("edge", f"{edge:.11g}", sep=",")
for k in [1, 3]:
    ind, weight, cdist, pdist, projected = cast.physical_dist_priority_project(
        z_target, z_source, target, source, counts, k2=k, pdist_thres=FOLD * edge
    )
    for i in range(M):
        by_source = np.argsort(ind[i])
        told = [(ind[i, j], weight[i, j], cdist[i, j], pdist[i, j]) for j in by_source]
        print("match", k, i, *(f"{x:.11g}" for one in told for x in one), sep=",")
    for i in range(0, M, 10):
        print("counts", k, i, *(f"{x:.11g}" for x in projected[i]), sep=",")
