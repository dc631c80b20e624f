//! Every string key that Tegula writes or looks for, once. The field's own names: scanpy, squidpy, spateo.

/// `obsm`: positions in the tissue.
pub const SPATIAL: &str = "spatial";
/// Pairs of columns of `obs` that hold positions, best first.
pub const PLACES: [[&str; 2]; 9] = [
    ["x", "y"],
    ["X", "Y"],
    ["x_centroid", "y_centroid"],
    ["center_x", "center_y"],
    ["CenterX_global_px", "CenterY_global_px"],
    ["x_pixel", "y_pixel"],
    ["pxl_col_in_fullres", "pxl_row_in_fullres"],
    ["array_col", "array_row"],
    // What `obsm["spatial"]` is called where it is written as a table.
    ["spatial-0", "spatial-1"],
];
/// `obsm`: principal components of each observation.
pub const X_PCA: &str = "X_pca";
/// `varm`: loadings of each variable.
pub const PCS: &str = "PCs";
/// `uns`: variances of the components.
pub const PCA: &str = "pca";
/// `obsm`: diffusion components.
pub const X_DIFFMAP: &str = "X_diffmap";
/// `uns`: eigenvalues of the diffusion components.
pub const DIFFMAP_EVALS: &str = "diffmap_evals";
/// `uns`: number of the observation that pseudotime starts from.
pub const IROOT: &str = "iroot";
/// `obsp`: weights of the expression graph.
pub const CONNECTIVITIES: &str = "connectivities";
/// `obsp`: lengths of the expression graph's edges.
pub const DISTANCES: &str = "distances";
/// `uns`: how the expression graph was made.
pub const NEIGHBORS: &str = "neighbors";
/// `obsp`: weights of the spatial graph.
pub const SPATIAL_CONNECTIVITIES: &str = "spatial_connectivities";
/// `obsp`: lengths of the spatial graph's edges.
pub const SPATIAL_DISTANCES: &str = "spatial_distances";
/// `uns`: how the spatial graph was made.
pub const SPATIAL_NEIGHBORS: &str = "spatial_neighbors";
/// `var`: chosen by `pp.highly_variable_genes`.
pub const HIGHLY_VARIABLE: &str = "highly_variable";
/// `uns`: provenance of every step that Tegula ran.
pub const TEGULA: &str = "tegula";
/// `uns`: set by `pp.log1p`, as scanpy sets it.
pub const LOG1P: &str = "log1p";
