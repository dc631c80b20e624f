//! What the tests work on.

use std::path::PathBuf;

use tegula_core::{AnnData, Array, ArrayData, Column, Coords, Csr, Dense, Dict, Frame, Labels, Raw, Records, Value};

/// A file among the data that may not be copied into the project; `None`, said aloud, where it is absent.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("TEGULA_DATA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")), PathBuf::from);
    let file = root.join("data").join(path);
    if file.exists() {
        return Some(file);
    }
    println!("skipped: no data at {}", file.display());
    None
}

/// Everything an annotated matrix can hold, small.
pub(crate) fn full() -> AnnData {
    let csr = Csr::new(3, 4, vec![0, 2, 2, 4], vec![0, 3, 1, 2], vec![1.0, 2.5, 3.0, -4.0]).unwrap();
    let mut obs = Frame::new(["a", "b", "ä c"].map(String::from).into()).named(Some("barcode".into()));
    let mut add = |k: &str, c: Column| obs.insert(k, c).unwrap();
    add("f64", Column::Float(vec![1.5, f64::INFINITY, -0.0]));
    add("f32", Column::Float32(vec![1.5, 2.5, 3.5]));
    add("i64", Column::Int(vec![i64::MIN, 0, i64::MAX]));
    add("i32", Column::Int32(vec![-1, 0, 1]));
    add("flag", Column::Bool(vec![true, false, true]));
    add("text", Column::Str(vec![String::new(), "x".into(), "long ".repeat(40_000)]));
    let categories = vec!["low".into(), "high".into(), "none".into()];
    add("cat", Column::Labels(Labels::new(vec![1, -1, 0], categories, true).unwrap()));
    add("maybe_int", Column::NullableInt(vec![Some(3), None, Some(-3)]));
    add("maybe_flag", Column::NullableBool(vec![Some(true), Some(false), None]));
    let var = Frame::new((0..4).map(|i| format!("g{i}")).collect());
    let mut a = AnnData::new(Some(csr.clone().into()), obs.clone(), var.clone()).unwrap();
    a.set_matrix(Some("dense"), Dense::new(3, 4, (0..12).map(|i| i as f32).collect::<Vec<_>>()).unwrap()).unwrap();
    a.set_obsm("spatial", &Coords::new(2, vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]).unwrap()).unwrap();
    a.set_obsm("table", obs).unwrap();
    a.set_obsm("none", Array::new(vec![3, 0], ArrayData::F32(Vec::new().into())).unwrap()).unwrap();
    a.set_varm("PCs", Dense::zeros(4, 2)).unwrap();
    let graph = Csr::new(3, 3, vec![0, 1, 2, 2], vec![1, 0], vec![0.5, 0.5]).unwrap();
    a.set_obsp("connectivities", graph).unwrap();
    let mut inner = Dict::new();
    inner.insert("empty".into(), Value::Dict(Dict::new()));
    inner.insert("flag".into(), true.into());
    inner.insert("count".into(), Value::Int(-7));
    inner.insert("real".into(), 0.25.into());
    inner.insert("text".into(), "ünï".into());
    inner.insert("list".into(), Array::strings(vec!["p".into(), "q".into()]).into());
    inner.insert("no_list".into(), Array::strings(Vec::new()).into());
    inner.insert("flags".into(), Array::new(vec![2], ArrayData::Bool(vec![true, false])).unwrap().into());
    inner.insert("cube".into(), Array::new(vec![1, 2, 2], ArrayData::U8(vec![1, 2, 3, 4].into())).unwrap().into());
    inner.insert("u64".into(), Array::new(vec![1], ArrayData::U64(vec![u64::MAX].into())).unwrap().into());
    inner.insert("cats".into(), Value::Labels(Labels::from_strings(&["b", "a", "b"])));
    let mut ranked = Records::default();
    ranked.insert("T cells", ArrayData::Str(vec!["CD3E".into(), String::new(), "ünï".into()])).unwrap();
    ranked.insert("score", ArrayData::F32(vec![1.5, f32::NEG_INFINITY, -0.0].into())).unwrap();
    ranked.insert("p", ArrayData::F64(vec![1e-300, 0.5, 1.0].into())).unwrap();
    ranked.insert("flag", ArrayData::Bool(vec![true, false, true])).unwrap();
    ranked.insert("count", ArrayData::U64(vec![0, 1, u64::MAX].into())).unwrap();
    ranked.insert("small", ArrayData::U8(vec![0, 1, 255].into())).unwrap();
    inner.insert("ranked".into(), ranked.into());
    a.set_uns("tegula", inner);
    let raw = Raw { x: csr.into(), var, varm: Dict::new() };
    a.set_raw(Some(raw)).unwrap();
    a
}

/// Fails where two annotated matrices differ in anything.
pub(crate) fn assert_same(a: &AnnData, b: &AnnData) {
    assert_eq!(a.x(), b.x(), "X");
    assert_eq!(a.layers(), b.layers(), "layers");
    assert_eq!(a.obs(), b.obs(), "obs");
    assert_eq!(a.obs().columns().keys().collect::<Vec<_>>(), b.obs().columns().keys().collect::<Vec<_>>());
    assert_eq!(a.var(), b.var(), "var");
    assert_eq!(a.obsm(), b.obsm(), "obsm");
    assert_eq!(a.varm(), b.varm(), "varm");
    assert_eq!(a.obsp(), b.obsp(), "obsp");
    assert_eq!(a.varp(), b.varp(), "varp");
    assert_eq!(a.uns(), b.uns(), "uns");
    assert_eq!(a.raw(), b.raw(), "raw");
}
