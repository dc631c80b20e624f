"""What harmonypy 0.0.10 makes of a made-up embedding, from given centres and with cells updated in their order.

Three times twelve rounds, whatever is gained: where to stop hangs on the last digits.

Run with: python make.py > harmonypy.csv
"""

import harmonypy
import numpy as np
import pandas as pd

N, D, K = 240, 6, 8


def numbers(n, m, seed):
    s, out = seed, []
    for _ in range(n):
        s = (s * 6364136223846793005 + 1442695040888963407) % 2**64
        out.append((s >> 33) % m)
    return np.array(out, float)


def tissue():
    """Four groups, three batches that are shifted and stretched, two donors across them."""
    noise = numbers(N * D, 1000, 5).reshape(N, D) / 1000 - 0.5
    batch, donor, group = np.arange(N) % 3, np.arange(N) // 7 % 2, np.arange(N) // 60
    z = noise.copy()
    for i in range(N):
        z[i, group[i]] += 3
        z[i, 4] += 1.5 * batch[i] - 1.5
        z[i, 5] += donor[i]
    return z, pd.DataFrame({"batch": batch.astype(str), "donor": donor.astype(str)})


np.random.shuffle = lambda order: None
z, meta = tissue()
centres = z[np.arange(K) * 30 + 1]
centres = centres / np.linalg.norm(centres, axis=1)[:, None]
rows = []
for keys, theta in [(["batch"], [2]), (["batch", "donor"], [1, 3])]:
    found = harmonypy.run_harmony(
        z,
        meta,
        keys,
        theta=theta,
        nclust=K,
        cluster_fn=lambda data, k: centres.copy(),
        max_iter_harmony=3,
        max_iter_kmeans=12,
        epsilon_cluster=0,
        epsilon_harmony=-1,
        verbose=False,
    )
    print(len(keys), "objective", *(repr(float(x)) for x in found.objective_harmony), sep=",")
    print(len(keys), "rounds", *(r + 1 for r in found.kmeans_rounds), sep=",")
    for i in range(0, N, 7):
        print(len(keys), i, *(repr(float(x)) for x in found.Z_corr[:, i]), sep=",")
