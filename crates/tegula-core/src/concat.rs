//! Several annotated matrices, one below the other.

use indexmap::{IndexMap, IndexSet};
use rayon::prelude::*;

use crate::{
    AnnData, Array, ArrayData, Column, Csr, Dense, Error, Frame, Labels, Matrix, Result, Value, sum_duplicates,
};

/// One annotated matrix of the observations of all parts (at least two, each with a name), part after part.
///
/// Kept are the variables that all parts have, in the order of the first; `X`, the layers, the columns of `obs` and the
/// arrays of `obsm` that all have, in a form all share; columns of `var` that are the same in all. Graphs, `uns` and
/// `raw` are left behind. `obs[label]` tells the part of each observation; where a name of an observation occurs twice,
/// all get the name of their part behind a hyphen.
///
/// # Errors
/// [`Error::Data`] where parts have the same name, a variable occurs twice in one, or none is shared by all.
///
/// ```
/// use tegula_core::{AnnData, Dense, Frame, concat};
/// let part = |genes: [&str; 2], values: [f32; 2]| {
///     let var = Frame::new(genes.map(str::to_owned).to_vec());
///     AnnData::new(Some(Dense::new(1, 2, values.to_vec())?.into()), Frame::with_range_index(1), var)
/// };
/// let (left, right) = (part(["Gad1", "Sst"], [1.0, 2.0])?, part(["Sst", "Vip"], [3.0, 4.0])?);
/// let both = concat(&[("left", &left), ("right", &right)], "section")?;
/// assert_eq!((both.var().index(), both.matrix(None)?.values()), (&["Sst".to_owned()][..], &[2.0, 3.0][..]));
/// assert_eq!(both.obs().index(), ["0-left", "0-right"]);
/// assert_eq!(both.labels("section")?.get(1), Some("right"));
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn concat(parts: &[(&str, &AnnData)], label: &str) -> Result<AnnData> {
    let names: IndexSet<&str> = parts.iter().map(|p| p.0).collect();
    if names.len() < parts.len().max(2) {
        return Err(Error::data("parts to join", "give at least two, each with another name"));
    }
    let genes = shared_variables(parts)?;
    let places: Vec<Vec<Option<u32>>> = parts.iter().map(|p| places(p.1, &genes)).collect();
    let mut joined = AnnData::new(None, observations(parts), variables(parts, &genes))?;

    let stacked = |of: &dyn Fn(&AnnData) -> Option<Matrix>| {
        let each: Option<Vec<Matrix>> = parts.iter().map(|p| of(p.1)).collect();
        each.map(|each| stack(&each, &places, genes.len()))
    };
    if let Some(x) = stacked(&|part| part.x().cloned()) {
        joined.set_x(x)?;
    }
    for name in parts[0].1.layers().keys() {
        if let Some(layer) = stacked(&|part| part.layers().get(name).cloned()) {
            joined.set_matrix(Some(name), layer)?;
        }
    }
    for name in parts[0].1.obs().columns().keys() {
        let each: Option<Vec<&Column>> = parts.iter().map(|p| p.1.obs().get(name)).collect();
        if let Some(column) = each.and_then(|each| below(&each)) {
            joined.set_obs(name, column)?;
        }
    }
    for name in parts[0].1.obsm().keys() {
        let each: Option<Vec<&Value>> = parts.iter().map(|p| p.1.obsm().get(name)).collect();
        if let Some(array) = each.and_then(|each| rows_of(&each)) {
            joined.set_obsm(name, array)?;
        }
    }
    let codes = parts.iter().enumerate().flat_map(|(k, p)| std::iter::repeat_n(k as i32, p.1.n_obs())).collect();
    joined.set_obs(label, Labels::new(codes, names.iter().map(ToString::to_string).collect(), false)?)?;
    Ok(joined)
}

/// The variables of the first part that all others have too.
fn shared_variables<'a>(parts: &[(&str, &'a AnnData)]) -> Result<IndexSet<&'a str>> {
    let mut shared: Option<IndexSet<&str>> = None;
    for (name, part) in parts {
        let mut here = IndexSet::new();
        if let Some(twice) = part.var().index().iter().find(|gene| !here.insert(gene.as_str())) {
            let reason = format!("variable `{twice}` occurs twice; make the names unique first");
            return Err(Error::data(format!("`{name}`"), reason));
        }
        shared = Some(match shared {
            None => here,
            Some(shared) => shared.into_iter().filter(|gene| here.contains(gene)).collect(),
        });
    }
    let shared = shared.unwrap_or_default();
    if shared.is_empty() {
        let first = |part: &AnnData| part.var().index().first().cloned().unwrap_or_default();
        let begins: Vec<String> = parts.iter().map(|p| format!("`{}` begins with `{}`", p.0, first(p.1))).collect();
        return Err(Error::data("variables", format!("none is shared by all: {}", begins.join(", "))));
    }
    Ok(shared)
}

/// Where each variable of a part goes.
fn places(part: &AnnData, genes: &IndexSet<&str>) -> Vec<Option<u32>> {
    part.var().index().iter().map(|gene| genes.get_index_of(gene.as_str()).map(|j| j as u32)).collect()
}

/// The names of all observations, with the name of their part where one occurs twice.
fn observations(parts: &[(&str, &AnnData)]) -> Frame {
    let all = || parts.iter().flat_map(|(part, a)| a.obs().index().iter().map(move |name| (name, part)));
    let distinct: IndexSet<&str> = all().map(|e| e.0.as_str()).collect();
    let unique = distinct.len() == all().count();
    let name = |(name, part): (&String, &&str)| if unique { name.clone() } else { format!("{name}-{part}") };
    Frame::new(all().map(name).collect())
}

/// The shared variables with the columns that are the same in all parts.
fn variables(parts: &[(&str, &AnnData)], genes: &IndexSet<&str>) -> Frame {
    let rows = |part: &AnnData| -> Vec<usize> {
        let at: IndexMap<&str, usize> = part.var().index().iter().enumerate().map(|(j, g)| (g.as_str(), j)).collect();
        genes.iter().map(|gene| at[gene]).collect()
    };
    let each: Vec<Frame> = parts.iter().map(|p| p.1.var().select(&rows(p.1))).collect();
    let mut var = each[0].clone();
    for (name, column) in each[0].columns() {
        if each[1..].iter().any(|other| other.get(name) != Some(column)) {
            var.remove(name);
        }
    }
    var
}

/// Matrices below each other, their columns put where they belong; dense only where all are.
fn stack(each: &[Matrix], places: &[Vec<Option<u32>>], n_cols: usize) -> Matrix {
    let n_rows = each.iter().map(Matrix::n_rows).sum();
    let rows: Vec<(usize, usize)> =
        each.iter().enumerate().flat_map(|(p, m)| (0..m.n_rows()).map(move |i| (p, i))).collect();
    if each.iter().all(|m| matches!(m, Matrix::Dense(_))) {
        let mut dense = Dense::zeros(n_rows, n_cols);
        dense.data_mut().par_chunks_mut(n_cols).zip(&rows).for_each(|(to, &(p, i))| {
            each[p].for_row(i, |j, v| {
                if let Some(j) = places[p][j] {
                    to[j as usize] = v;
                }
            });
        });
        return dense.into();
    }
    // What a matrix with room for zeros holds of them is not kept.
    let entries = |(p, i): (usize, usize), f: &mut dyn FnMut(u32, f32)| {
        let dense = matches!(each[p], Matrix::Dense(_));
        each[p].for_row(i, |j, v| match places[p][j] {
            Some(j) if !(dense && v == 0.0) => f(j, v),
            _ => {}
        });
    };
    let count = |i: usize| {
        let mut n = 0;
        entries(rows[i], &mut |_, _| n += 1);
        n
    };
    Csr::build(n_rows, n_cols, count, |i, columns, values| {
        let mut row = Vec::with_capacity(columns.len());
        entries(rows[i], &mut |j, v| row.push((j, v)));
        sum_duplicates(&mut row);
        row.into_iter().zip(columns.iter_mut().zip(values)).for_each(|(e, to)| (*to.0, *to.1) = e);
    })
    .into()
}

/// Columns below each other: of one kind as they are, numbers of several as floats, else categories; `None` where they
/// have no form in common.
fn below(each: &[&Column]) -> Option<Column> {
    macro_rules! same {
        ($($kind:ident),*) => {
            $(if each.iter().all(|c| matches!(c, Column::$kind(_))) {
                return Some(Column::$kind(each.iter().flat_map(|c| match c {
                    Column::$kind(v) => v.clone(),
                    _ => Vec::new(),
                }).collect()));
            })*
        };
    }
    same!(Float, Float32, Int, Int32, Bool, Str, NullableInt, NullableBool, NullableStr);
    if let Some(numbers) = each.iter().map(|c| c.to_f64()).collect::<Option<Vec<_>>>() {
        return Some(Column::Float(numbers.concat()));
    }
    let each: Vec<Labels> = each.iter().map(|c| c.to_labels()).collect::<Option<_>>()?;
    let categories: IndexSet<&String> = each.iter().flat_map(Labels::categories).collect();
    let code =
        |l: &Labels, i: usize| l.get(i).and_then(|c| categories.get_index_of(&c.to_owned())).map_or(-1, |c| c as i32);
    let codes = each.iter().flat_map(|l| (0..l.len()).map(|i| code(l, i)).collect::<Vec<_>>()).collect();
    Labels::new(codes, categories.into_iter().cloned().collect(), false).ok().map(Column::Labels)
}

/// Arrays of `obsm` below each other; `None` where they are not equally wide.
fn rows_of(each: &[&Value]) -> Option<Value> {
    let narrow = |v: &&&Value| matches!(v, Value::Array(a) if matches!(a.data(), ArrayData::F32(_)));
    if each.iter().filter(narrow).count() == each.len() {
        let each: Vec<Dense> = each.iter().map(|v| v.to_dense()).collect::<Option<_>>()?;
        let (n, d) = (each.iter().map(Dense::n_rows).sum(), each[0].n_cols());
        let data = each.iter().flat_map(|m| m.data().to_vec()).collect::<Vec<f32>>();
        return each.iter().all(|m| m.n_cols() == d).then(|| Dense::new(n, d, data).ok().map(Value::from))?;
    }
    let each: Vec<(usize, Vec<f64>)> = each.iter().map(|v| v.to_f64_rows()).collect::<Option<_>>()?;
    let d = each[0].0;
    let data: Vec<f64> = each.iter().flat_map(|e| e.1.clone()).collect();
    let shape = vec![data.len() / d.max(1), d];
    each.iter().all(|e| e.0 == d).then(|| Array::new(shape, ArrayData::F64(data.into())).ok().map(Value::Array))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(genes: &[&str], x: Matrix, kind: &str) -> AnnData {
        let n = x.n_rows();
        let var = Frame::new(genes.iter().map(ToString::to_string).collect());
        let mut part = AnnData::new(Some(x), Frame::with_range_index(n), var).unwrap();
        part.set_obs("kind", Labels::from_strings(&vec![kind; n])).unwrap();
        part.set_obs("depth", Column::Int(vec![3; n])).unwrap();
        part.set_obsm("spatial", Array::new(vec![n, 2], ArrayData::F64(vec![0.5; 2 * n].into())).unwrap()).unwrap();
        part
    }

    #[test]
    fn what_all_have_is_joined_in_the_order_of_the_first() {
        let left = Csr::new(2, 3, vec![0, 2, 3], vec![0, 2, 1], vec![1.0, 2.0, 3.0]).unwrap();
        let right = Dense::new(1, 3, vec![5.0, 0.0, 7.0]).unwrap();
        let mut a = part(&["x", "y", "z"], left.into(), "old");
        let b = part(&["z", "q", "x"], right.into(), "new");
        a.set_obs("only here", Column::Bool(vec![true, false])).unwrap();
        let both = concat(&[("a", &a), ("b", &b)], "section").unwrap();
        let Matrix::Csr(x) = both.matrix(None).unwrap() else { panic!("one of them was sparse") };
        assert_eq!(both.var().index(), ["x", "z"]);
        assert_eq!(x.to_dense().data()[..], [1.0, 2.0, 0.0, 0.0, 7.0, 5.0]);
        assert_eq!(both.labels("kind").unwrap().categories(), ["old", "new"]);
        assert_eq!(both.obs().get("depth"), Some(&Column::Int(vec![3; 3])));
        assert!(both.obs().get("only here").is_none());
        assert_eq!(both.coords("spatial").unwrap().len(), 3);
    }

    #[test]
    fn parts_that_cannot_be_joined_are_told_apart() {
        let a = part(&["x", "y"], Dense::zeros(1, 2).into(), "a");
        let says = |b: &AnnData, name: &str| concat(&[("a", &a), (name, b)], "section").unwrap_err().to_string();
        let other = part(&["ENSG1", "ENSG2"], Dense::zeros(1, 2).into(), "b");
        assert!(says(&other, "b").contains("`b` begins with `ENSG1`"), "{}", says(&other, "b"));
        assert!(says(&part(&["x", "x"], Dense::zeros(1, 2).into(), "b"), "b").contains("`x` occurs twice"));
        assert!(says(&a, "a").contains("another name"));
    }
}
