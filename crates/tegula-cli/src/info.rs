//! `tegula info`: what a file holds.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ArgMatches;
use serde_json::{Map, Value as Json, json};
use tegula::core::{Column, Dict, Frame, Matrix, Value};
use tegula::{AnnData, io};

use crate::{Door, print, print_json};

/// Shows what a file holds.
pub(crate) fn info(m: &ArgMatches, door: &Door) -> anyhow::Result<ExitCode> {
    let adata = door.read(m.get_one::<PathBuf>("input").expect("required"))?;
    let facts = describe(&adata);
    if m.get_flag("json") {
        print_json(&facts)?;
    } else {
        print(&page(&facts))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(adata: &AnnData) -> Json {
    let slots = |d: &Dict| d.iter().map(|(k, v)| (k.clone(), json!(kind(v)))).collect::<Map<_, _>>();
    let columns = |f: &Frame| f.columns().iter().map(|(k, c)| (k.clone(), json!(column(c)))).collect::<Map<_, _>>();
    let layers = adata.layers().iter().map(|(k, m)| (k.clone(), json!(matrix(m)))).collect::<Map<_, _>>();
    json!({
        "n_obs": adata.n_obs(),
        "n_vars": adata.n_vars(),
        "X": adata.x().map_or_else(|| "none".to_owned(), matrix),
        "layers": layers,
        "raw": adata.raw().map(|r| matrix(&r.x)),
        "obs": columns(adata.obs()),
        "var": columns(adata.var()),
        "obsm": slots(adata.obsm()),
        "varm": slots(adata.varm()),
        "obsp": slots(adata.obsp()),
        "varp": slots(adata.varp()),
        "uns": slots(adata.uns()),
        "other": io::not_understood(adata).into_iter().map(|p| (p, json!("not understood; carried over as it is"))).collect::<Map<_, _>>(),
    })
}

fn matrix(m: &Matrix) -> String {
    let (low, high) = m.values().iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)));
    let range = if m.values().is_empty() { String::new() } else { format!(", values {low} to {high}") };
    let whole = if m.values().iter().all(|v| v.fract() == 0.0) { ", whole numbers" } else { "" };
    let shape = format!("{} × {}", m.n_rows(), m.n_cols());
    match m {
        Matrix::Dense(_) => format!("{shape} dense{range}{whole}"),
        Matrix::Csr(c) => {
            let share = 100.0 * c.nnz() as f64 / ((c.n_rows() * c.n_cols()).max(1) as f64);
            format!("{shape} sparse, {} stored ({share:.1} %){range}{whole}", c.nnz())
        }
    }
}

fn column(c: &Column) -> String {
    match c {
        Column::Labels(l) => {
            const SHOWN: usize = 8;
            let names = l.categories();
            let more = if names.len() > SHOWN { ", …" } else { "" };
            let list = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
            format!("{} categories: {list}{more}", names.len())
        }
        other => other.kind().to_owned(),
    }
}

fn kind(v: &Value) -> String {
    match v {
        Value::Array(_) => format!("array {}", v.shape_text()),
        Value::Csr(m) => format!("sparse {}, {} stored", v.shape_text(), m.nnz()),
        Value::Frame(f) => {
            format!("table {}: {}", v.shape_text(), f.columns().keys().cloned().collect::<Vec<_>>().join(", "))
        }
        Value::Records(r) => {
            format!("records {}: {}", v.shape_text(), r.fields().keys().cloned().collect::<Vec<_>>().join(", "))
        }
        Value::Labels(_) => format!("categories {}", v.shape_text()),
        Value::Dict(d) => format!("map: {}", d.keys().cloned().collect::<Vec<_>>().join(", ")),
        other => other.to_json().to_string(),
    }
}

fn page(facts: &Json) -> String {
    let mut text = format!("{} observations × {} variables\n", facts["n_obs"], facts["n_vars"]);
    let _ = writeln!(text, "X      {}", facts["X"].as_str().unwrap_or_default());
    if let Some(raw) = facts["raw"].as_str() {
        let _ = writeln!(text, "raw    {raw}");
    }
    for attr in ["layers", "obs", "var", "obsm", "varm", "obsp", "varp", "uns", "other"] {
        for (k, (name, what)) in facts[attr].as_object().into_iter().flatten().enumerate() {
            let head = if k == 0 { attr } else { "" };
            let _ = writeln!(text, "{head:6} {name:24} {}", what.as_str().unwrap_or_default());
        }
    }
    text
}
