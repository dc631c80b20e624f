//! Weights to and from files, with the names of the genes they belong to.

use std::path::Path;

use tegula_core::{Error, Result};

use super::StagateParams;
use super::net::{Weights, Widths};
use crate::genes::places;
use crate::rows::Rows;
use crate::safetensors::{Tensor, Tensors};

/// The names of the tensors, those of the reference in PyTorch.
const NAMES: [&str; 4] = ["conv1.lin_src", "conv1.att_src", "conv1.att_dst", "conv2.lin_src"];

/// The bytes of a file with these weights.
pub(super) fn bytes(weights: &Weights<f32>, genes: &[String], params: &StagateParams) -> Result<Vec<u8>> {
    let Widths { genes: n, hidden, latent } = weights.widths;
    let values = |m: &Rows<f32>, rows: std::ops::Range<usize>, width: usize| {
        rows.flat_map(|i| m.row(i)[..width].to_vec()).collect::<Vec<f32>>()
    };
    let [first, source, target, second] = NAMES.map(String::from);
    let tensors = vec![
        Tensor { name: first, shape: vec![n, hidden], values: values(&weights.first, 0..n, hidden) },
        Tensor { name: source, shape: vec![1, 1, hidden], values: values(&weights.attention, 0..1, hidden) },
        Tensor { name: target, shape: vec![1, 1, hidden], values: values(&weights.attention, 1..2, hidden) },
        Tensor { name: second, shape: vec![hidden, latent], values: values(&weights.second, 0..hidden, latent) },
    ];
    let json = |e: serde_json::Error| Error::data("weights", format!("cannot be described: {e}"));
    let texts = [
        ("method", "tl.stagate".to_owned()),
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("genes", serde_json::to_string(genes).map_err(json)?),
        ("params", serde_json::to_string(params).map_err(json)?),
    ];
    Ok(Tensors { tensors, texts: texts.map(|(k, v)| (k.to_owned(), v)).into() }.bytes())
}

/// The weights of a file for these genes, whatever their order there.
pub(super) fn read(bytes: &[u8], path: &Path, genes: &[String], hidden_dims: &[usize]) -> Result<Weights<f32>> {
    let file = Tensors::read(bytes, path)?;
    let wrong = |at: &str, reason: String| Error::format(path, at, reason);
    let mut found = Vec::new();
    for name in NAMES {
        let missing = || wrong(name, "is not there; name a file that tl.stagate wrote".into());
        found.push(file.tensor(name).ok_or_else(missing)?);
    }
    let &[first, source, target, second] = &found[..] else { unreachable!("one tensor for each name") };
    let (&[n, hidden], &[rows, latent]) = (&first.shape[..], &second.shape[..]) else {
        return Err(wrong(NAMES[0], "is not a matrix; name a file that tl.stagate wrote".into()));
    };
    if rows != hidden || source.values.len() != hidden || target.values.len() != hidden {
        return Err(wrong(NAMES[3], "does not fit the other layers; the file is damaged".into()));
    }
    if [hidden, latent] != hidden_dims {
        let must = format!("{hidden},{latent}: those of the weights in `{}`", path.display());
        return Err(Error::param("tl.stagate", "hidden_dims", format!("{hidden_dims:?}"), must));
    }
    if found.iter().flat_map(|t| &t.values).any(|v| !v.is_finite()) {
        return Err(wrong("", "holds weights that are not finite; train again".into()));
    }
    let place = places(&file, n, path, genes)?;
    let mut weights = Weights::zeros(Widths { genes: genes.len(), hidden, latent });
    for (i, &k) in place.iter().enumerate() {
        weights.first.row_mut(i)[..hidden].copy_from_slice(&first.values[k * hidden..(k + 1) * hidden]);
    }
    for (end, tensor) in [source, target].into_iter().enumerate() {
        weights.attention.row_mut(end)[..hidden].copy_from_slice(&tensor.values);
    }
    for h in 0..hidden {
        weights.second.row_mut(h)[..latent].copy_from_slice(&second.values[h * latent..(h + 1) * latent]);
    }
    Ok(weights)
}
