//! Preprocessing: worked by hand, by property, on bad input, on any number of threads.

use std::sync::Mutex;

use proptest::prelude::*;
use tegula_algo::pp::{
    CalculateQcMetricsParams, FilterCellsParams, FilterGenesParams, Flavor, HighlyVariableGenesParams, Log1pParams,
    NormalizeTotalParams, highly_variable_genes, normalize_total,
};
use tegula_core::{AnnData, Column, Csr, Ctx, Dense, Error, Frame, Matrix, Progress, Step, Value, keys, run};

/// The counts of 4 observations, the third one empty, and 4 genes, the last one never seen.
const COUNTS: [f32; 16] = [1., 0., 3., 0., 0., 2., 0., 0., 0., 0., 0., 0., 4., 2., 2., 0.];

fn adata(n: usize, m: usize, x: &[f32], sparse: bool) -> AnnData {
    let dense = Dense::new(n, m, x.to_vec()).unwrap();
    let x: Matrix = if sparse { Csr::from_dense(&dense).into() } else { dense.into() };
    AnnData::new(Some(x), Frame::with_range_index(n), Frame::with_range_index(m)).unwrap()
}

fn names(n: usize) -> Vec<String> {
    (0..n).map(|j| format!("g{j}")).collect()
}

fn floats(column: Option<&Column>) -> Vec<f64> {
    column.and_then(Column::to_f64).expect("the column is there")
}

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Progress for Heard {
    fn warn(&self, message: &str) {
        self.0.lock().unwrap().push(message.to_owned());
    }
}

#[test]
fn filters_keep_what_lies_within_the_thresholds() {
    for sparse in [true, false] {
        let mut a = adata(4, 4, &COUNTS, sparse);
        let step = FilterGenesParams { min_cells: Some(2), max_counts: Some(4.0), ..Default::default() };
        run(&step, &mut a, &Ctx::default()).unwrap();
        assert_eq!(a.var().index(), ["1"], "gene 0 and 2 have 5 counts, gene 3 none");
        let mut a = adata(4, 4, &COUNTS, sparse);
        let step = FilterGenesParams { min_cells: Some(1), ..Default::default() };
        run(&step, &mut a, &Ctx::default()).unwrap();
        assert_eq!(floats(a.var().get("n_cells")), [2.0, 2.0, 2.0]);
        assert!(a.var().get("n_counts").is_none(), "only what was judged is written");
        run(&FilterCellsParams { min_genes: Some(2), ..Default::default() }, &mut a, &Ctx::default()).unwrap();
        assert_eq!(a.obs().index(), ["0", "3"]);
        assert_eq!(floats(a.obs().get("n_genes")), [2.0, 3.0]);
    }
}

#[test]
fn filters_can_mark_instead_of_dropping() {
    let mut a = adata(4, 4, &COUNTS, true);
    let step = FilterCellsParams { min_counts: Some(3.0), subset: false, ..Default::default() };
    run(&step, &mut a, &Ctx::default()).unwrap();
    assert_eq!(a.obs().get("pass_filter"), Some(&Column::Bool(vec![true, false, false, true])));
    assert_eq!(a.n_obs(), 4);
}

#[test]
fn dropping_everything_is_refused_and_changes_nothing() {
    let mut a = adata(4, 4, &COUNTS, true);
    let step = FilterGenesParams { min_cells: Some(9), ..Default::default() };
    let message = run(&step, &mut a, &Ctx::default()).unwrap_err().to_string();
    assert_eq!(message, "var: no gene passes the filter; loosen its thresholds");
    assert!(a.n_vars() == 4 && a.var().columns().is_empty() && a.uns().is_empty());
}

#[test]
fn normalising_reaches_the_median_of_what_is_not_empty() {
    for sparse in [true, false] {
        let mut a = adata(4, 4, &COUNTS, sparse);
        let heard = Heard::default();
        let step = NormalizeTotalParams { key_added: Some("s".into()), ..Default::default() };
        run(&step, &mut a, &Ctx::new(0).with_progress(&heard)).unwrap();
        let x = a.matrix(None).unwrap();
        let totals: Vec<f32> = (0..4).map(|i| x.row_values(i).iter().sum()).collect();
        assert_eq!(totals, [4.0, 4.0, 0.0, 4.0], "totals were 4, 2, 0, 8");
        assert_eq!(floats(a.obs().get("s")), [1.0, 0.5, 1.0, 2.0]);
        assert!(heard.0.lock().unwrap()[0].starts_with("1 of 4 observations are empty"));
    }
}

#[test]
fn a_layer_is_changed_and_x_is_not() {
    let mut a = adata(1, 2, &[1.0, 1.0], true);
    a.set_matrix(Some("counts"), a.matrix(None).unwrap().clone()).unwrap();
    let step = NormalizeTotalParams { layer: Some("counts".into()), target_sum: Some(10.0), ..Default::default() };
    run(&step, &mut a, &Ctx::default()).unwrap();
    assert_eq!(a.matrix(None).unwrap().values(), [1.0, 1.0]);
    assert_eq!(a.matrix(Some("counts")).unwrap().values(), [5.0, 5.0]);
}

#[test]
fn values_are_changed_where_they_lie() {
    let mut a = adata(4, 4, &COUNTS, true);
    let before = a.matrix(None).unwrap().values().as_ptr();
    run(&NormalizeTotalParams::default(), &mut a, &Ctx::default()).unwrap();
    run(&Log1pParams::default(), &mut a, &Ctx::default()).unwrap();
    assert_eq!(a.matrix(None).unwrap().values().as_ptr(), before, "no copy of X");
}

#[test]
fn logging_twice_is_told() {
    let mut a = adata(1, 2, &[1.0, 0.0], true);
    let heard = Heard::default();
    let ctx = Ctx::new(0).with_progress(&heard);
    run(&Log1pParams::default(), &mut a, &ctx).unwrap();
    assert!(heard.0.lock().unwrap().is_empty() && a.uns().contains_key(keys::LOG1P));
    run(&Log1pParams::default(), &mut a, &ctx).unwrap();
    assert!(heard.0.lock().unwrap()[0].contains("logged before"));
}

#[test]
fn bad_numbers_are_named_and_the_data_stays() {
    for (bad, word) in [(f32::NAN, "NaN"), (f32::INFINITY, "infinite"), (-1.0, "negative")] {
        let mut a = adata(2, 2, &[1.0, 2.0, 3.0, bad], true);
        let step = NormalizeTotalParams::default();
        let e = run(&step, &mut a, &Ctx::default()).unwrap_err();
        assert!(matches!(e, Error::Data { .. }));
        assert!(e.to_string().contains(word) && e.to_string().contains("observation `1`, variable `1`"), "{e}");
        assert_eq!(a.matrix(None).unwrap().values()[..3], [1.0, 2.0, 3.0]);
    }
    let mut none = AnnData::new(None, Frame::with_range_index(1), Frame::with_range_index(1)).unwrap();
    assert!(run(&Log1pParams::default(), &mut none, &Ctx::default()).is_err(), "no X");
    let mut empty = adata(0, 0, &[], true);
    assert!(run(&HighlyVariableGenesParams::default(), &mut empty, &Ctx::default()).is_err());
    run(&NormalizeTotalParams::default(), &mut empty, &Ctx::default()).unwrap();
}

#[test]
fn impossible_parameters_are_refused() {
    let bad = FilterGenesParams { min_cells: Some(3), max_cells: Some(2), ..Default::default() };
    assert_eq!(
        bad.validate().unwrap_err().to_string(),
        "`min_cells` of `pp.filter_genes` is 3; it must be at most max_cells (2)"
    );
    assert!(NormalizeTotalParams { target_sum: Some(0.0), ..Default::default() }.validate().is_err());
    assert!(Log1pParams { base: Some(1.0), ..Default::default() }.validate().is_err());
    assert!(HighlyVariableGenesParams { n_top_genes: Some(0), ..Default::default() }.validate().is_err());
    assert!(CalculateQcMetricsParams { percent_top: vec![0], ..Default::default() }.validate().is_err());
}

#[test]
fn qc_columns_have_the_names_and_numbers_of_scanpy() {
    let mut a = adata(4, 4, &COUNTS, true);
    a.set_var("mt", Column::Bool(vec![true, false, false, true])).unwrap();
    let heard = Heard::default();
    let step =
        CalculateQcMetricsParams { qc_vars: vec!["mt".into()], percent_top: vec![1, 2, 50], ..Default::default() };
    run(&step, &mut a, &Ctx::new(0).with_progress(&heard)).unwrap();
    assert_eq!(floats(a.obs().get("n_genes_by_counts")), [2.0, 1.0, 0.0, 3.0]);
    assert_eq!(floats(a.obs().get("total_counts")), [4.0, 2.0, 0.0, 8.0]);
    assert_eq!(floats(a.obs().get("log1p_total_counts"))[0], 5f64.ln());
    let top = floats(a.obs().get("pct_counts_in_top_2_genes"));
    assert!(top[0] == 100.0 && top[2].is_nan() && top[3] == 75.0);
    assert_eq!(floats(a.obs().get("pct_counts_mt"))[3], 50.0);
    assert_eq!(floats(a.var().get("pct_dropout_by_counts")), [50.0, 50.0, 50.0, 100.0]);
    assert_eq!(floats(a.var().get("mean_counts")), [1.25, 1.0, 1.25, 0.0]);
    assert!(a.obs().get("pct_counts_in_top_50_genes").is_none());
    assert!(heard.0.lock().unwrap()[0].contains("top 50 is left out"));
    let written = step.writes();
    assert!(written.iter().filter(|s| s.key() != Some("pct_counts_in_top_50_genes")).all(|s| a.has(s)));
}

#[test]
fn a_column_that_is_no_flag_cannot_be_a_qc_group() {
    let mut a = adata(1, 2, &[1.0, 2.0], true);
    let step = CalculateQcMetricsParams { qc_vars: vec!["mt".into()], ..Default::default() };
    assert!(matches!(run(&step, &mut a, &Ctx::default()), Err(Error::Missing { .. })));
    a.set_var("mt", Column::Int(vec![1, 2])).unwrap();
    let message = run(&step, &mut a, &Ctx::default()).unwrap_err().to_string();
    assert_eq!(message, "var[\"mt\"]: is int64, not flags; name a column of true and false");
}

#[test]
fn the_most_variable_gene_comes_first() {
    // Gene 0 varies wildly, the others hardly, all about the same mean; gene 5 is constant.
    let x: Vec<f32> = (0..40u16)
        .flat_map(|i| {
            let wild = if i % 2 == 0 { 0.1 } else { 2.9 };
            let calm = move |k: u16| 1.8 + 0.01 * f32::from((i * k) % 7);
            [wild, calm(1), calm(2), calm(3), calm(4), 1.8]
        })
        .collect();
    let mut a = adata(40, 6, &x, false);
    let step = HighlyVariableGenesParams { n_top_genes: Some(2), n_bins: 1, ..Default::default() };
    run(&step, &mut a, &Ctx::default()).unwrap();
    assert_eq!(floats(a.var().get("highly_variable_rank"))[0], 0.0);
    assert_eq!(floats(a.var().get(keys::HIGHLY_VARIABLE)).iter().sum::<f64>(), 2.0);
    assert_eq!(a.uns()["hvg"].as_dict().unwrap()["flavor"], Value::from("seurat"));
    let step = HighlyVariableGenesParams { subset: true, ..step };
    run(&step, &mut a, &Ctx::default()).unwrap();
    assert_eq!(a.n_vars(), 2);
}

#[test]
fn the_base_of_the_logarithm_is_honoured() {
    let x: Vec<f32> = (0..30).map(|i| ((i * i) % 11) as f32).collect();
    let found = |base: Option<f64>| {
        let mut a = adata(6, 5, &x, true);
        run(&Log1pParams { base, layer: None }, &mut a, &Ctx::default()).unwrap();
        run(&HighlyVariableGenesParams { n_top_genes: Some(3), ..Default::default() }, &mut a, &Ctx::default())
            .unwrap();
        floats(a.var().get("dispersions"))
    };
    for (a, b) in found(None).iter().zip(found(Some(2.0))) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let x: Vec<f32> = (0..3000 * 20u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 29) as f32).collect();
    let work = || {
        let mut m: Matrix = Csr::from_dense(&Dense::new(3000, 20, x.clone()).unwrap()).into();
        normalize_total(&mut m, None);
        tegula_algo::pp::log1p(&mut m, None);
        let found = |flavor| {
            let params = HighlyVariableGenesParams { flavor, n_top_genes: Some(5), ..Default::default() };
            format!("{:?}", highly_variable_genes(&m, &params, None, None, &names(20)).unwrap())
        };
        let flavors = [Flavor::Seurat, Flavor::CellRanger, Flavor::SeuratV3, Flavor::PearsonResiduals];
        let tables = flavors.map(found);
        (m, tables)
    };
    let on = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap().install(work);
    assert_eq!(on(1), on(2));
    assert_eq!(on(1), on(8));
}

proptest! {
    #[test]
    fn sparse_and_dense_agree(x in proptest::collection::vec(prop_oneof![Just(0f32), 1f32..9f32], 42)) {
        let params = HighlyVariableGenesParams { n_top_genes: Some(3), n_bins: 2, ..Default::default() };
        let of = |sparse| {
            let a = adata(6, 7, &x, sparse);
            let mut m = a.matrix(None).unwrap().clone();
            normalize_total(&mut m, None);
            highly_variable_genes(&m, &params, None, None, &names(7)).unwrap().get(keys::HIGHLY_VARIABLE).cloned()
        };
        prop_assert_eq!(of(true), of(false));
    }

    #[test]
    fn permuting_observations_permutes_the_normalised(
        x in proptest::collection::vec(prop_oneof![Just(0f32), 1f32..9f32], 20), shift in 0usize..5
    ) {
        let m: Matrix = Dense::new(5, 4, x).unwrap().into();
        let order: Vec<usize> = (0..5).map(|i| (i + shift) % 5).collect();
        let (mut a, mut b) = (m.clone(), m.select_rows(&order));
        normalize_total(&mut a, None);
        normalize_total(&mut b, None);
        prop_assert_eq!(a.select_rows(&order), b);
    }
}
