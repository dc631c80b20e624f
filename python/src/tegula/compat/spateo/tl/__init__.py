"""Tools under spateo's names: ``st.tl``."""

from ._cluster import kmeans_clustering, mclust_py, pca_spateo, scc, smooth
from ._network import CAST, pySTAGATE

__all__ = ["CAST", "kmeans_clustering", "mclust_py", "pca_spateo", "pySTAGATE", "scc", "smooth"]
