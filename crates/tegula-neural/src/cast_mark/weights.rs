//! Weights to and from files, with the names of the genes they belong to.

use std::path::Path;

use tegula_core::{Error, Result, Step};

use super::CastMarkParams;
use super::net::{Weights, Widths};
use crate::genes::places;
use crate::rows::Rows;
use crate::safetensors::{Tensor, Tensors};

/// The encoder's tensors, named and shaped as the reference's in PyTorch: hidden × genes, and the bias.
const ENCODER: [&str; 2] = ["backbone.encoder.layer.weight", "backbone.encoder.layer.bias"];

/// The names of a layer's weights and bias.
fn layer(l: usize) -> [String; 2] {
    ["weight1", "bias"].map(|what| format!("backbone.convs.{l}.{what}"))
}

/// The bytes of a file with these weights.
pub(super) fn bytes(weights: &Weights<f32>, genes: &[String], params: &CastMarkParams) -> Result<Vec<u8>> {
    let Widths { genes: n, hidden, layers } = weights.widths;
    let bias = |l: usize| weights.biases.row(l)[..hidden].to_vec();
    let square = |m: &Rows<f32>| (0..hidden).flat_map(|i| m.row(i)[..hidden].to_vec()).collect::<Vec<f32>>();
    let first = (0..hidden).flat_map(|h| (0..n).map(move |g| weights.first.row(g)[h])).collect();
    let [weight, b] = ENCODER.map(String::from);
    let mut tensors = vec![
        Tensor { name: weight, shape: vec![hidden, n], values: first },
        Tensor { name: b, shape: vec![hidden], values: bias(0) },
    ];
    for l in 0..layers {
        let [weight, b] = layer(l);
        tensors.push(Tensor { name: weight, shape: vec![hidden, hidden], values: square(&weights.layers[l]) });
        tensors.push(Tensor { name: b, shape: vec![hidden], values: bias(l + 1) });
    }
    let json = |e: serde_json::Error| Error::data("weights", format!("cannot be described: {e}"));
    let texts = [
        ("method", CastMarkParams::ID.to_owned()),
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("genes", serde_json::to_string(genes).map_err(json)?),
        ("params", serde_json::to_string(params).map_err(json)?),
    ];
    Ok(Tensors { tensors, texts: texts.map(|(k, v)| (k.to_owned(), v)).into() }.bytes())
}

/// The weights of a file for these genes, whatever their order there.
pub(super) fn read(bytes: &[u8], path: &Path, genes: &[String], params: &CastMarkParams) -> Result<Weights<f32>> {
    let file = Tensors::read(bytes, path)?;
    let find = |name: &str| {
        let missing = || Error::format(path, name, "is not there; name a file that tl.cast_mark wrote");
        file.tensor(name).ok_or_else(missing)
    };
    let first = find(ENCODER[0])?;
    let &[hidden, n] = &first.shape[..] else {
        return Err(Error::format(path, ENCODER[0], "is not a matrix; name a file that tl.cast_mark wrote"));
    };
    let layers = (0..file.tensors.len()).take_while(|&l| file.tensor(&layer(l)[0]).is_some()).count();
    let must = |what: usize| format!("{what}: that of the weights in `{}`", path.display());
    for (name, value, found) in [("hidden_dim", params.hidden_dim, hidden), ("n_layers", params.n_layers, layers)] {
        if value != found {
            return Err(CastMarkParams::refuse(name, value, &must(found)));
        }
    }
    if file.tensors.iter().flat_map(|t| &t.values).any(|v| !v.is_finite()) {
        return Err(Error::format(path, "", "holds weights that are not finite; train again"));
    }
    let place = places(&file, n, path, genes)?;
    let mut weights = Weights::zeros(Widths { genes: genes.len(), hidden, layers });
    for (j, &k) in place.iter().enumerate() {
        let values = first.values.iter().skip(k).step_by(n);
        weights.first.row_mut(j).iter_mut().zip(values).for_each(|(to, &v)| *to = v);
    }
    let fitting = |name: &str, len: usize| {
        let tensor = find(name)?;
        let wrong = || Error::format(path, name, "does not fit the other layers; the file is damaged");
        if tensor.values.len() == len { Ok(&tensor.values[..]) } else { Err(wrong()) }
    };
    weights.biases.row_mut(0)[..hidden].copy_from_slice(fitting(ENCODER[1], hidden)?);
    for l in 0..layers {
        let [weight, bias] = layer(l);
        for (i, row) in fitting(&weight, hidden * hidden)?.chunks_exact(hidden.max(1)).enumerate() {
            weights.layers[l].row_mut(i)[..hidden].copy_from_slice(row);
        }
        weights.biases.row_mut(l + 1)[..hidden].copy_from_slice(fitting(&bias, hidden)?);
    }
    Ok(weights)
}
