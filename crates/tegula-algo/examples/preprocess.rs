//! Times preprocessing, median and best of some rounds in milliseconds: `preprocess FOLDER COLUMNS [ROUNDS]`.
//!
//! The folder holds raw counts by rows as `indptr` (`u64`), `indices` (`u32`) and `values` (`f32`), little-endian, as
//! `tofile` of NumPy writes them.

#![allow(clippy::print_stdout, reason = "what it finds is what it is for")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tegula_algo::pp::{Flavor, HighlyVariableGenesParams, Log1pParams, NormalizeTotalParams};
use tegula_core::{AnnData, Buf, Csr, Ctx, Frame, run};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let columns: usize = args[1].parse().unwrap();
    let rounds: usize = args.get(2).map_or(15, |r| r.parse().unwrap());
    let read = |name: &str| std::fs::read(Path::new(&args[0]).join(name)).unwrap();
    let indptr: Vec<usize> =
        read("indptr").chunks_exact(8).map(|b| u64::from_le_bytes(b.try_into().unwrap()) as usize).collect();
    let indices: Vec<u32> =
        read("indices").chunks_exact(4).map(|b| u32::from_le_bytes(b.try_into().unwrap())).collect();
    let values: Arc<Vec<f32>> =
        Arc::new(read("values").chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect());
    let n = indptr.len() - 1;
    let counts = Csr::new(n, columns, indptr, indices, values.to_vec()).unwrap();
    let empty = AnnData::new(None, Frame::with_range_index(n), Frame::with_range_index(columns)).unwrap();
    let with = |x: Csr| {
        let mut adata = empty.clone();
        adata.set_x(x).unwrap();
        adata
    };
    let own = || with(counts.with_values(values.to_vec()));
    let lent = || with(counts.with_values(Buf::Foreign(values.clone())));
    let ctx = Ctx::default();
    let hvg = |flavor| HighlyVariableGenesParams { flavor, n_top_genes: Some(2000), ..Default::default() };
    let mut logged = own();
    run(&NormalizeTotalParams::default(), &mut logged, &ctx).unwrap();
    run(&Log1pParams::default(), &mut logged, &ctx).unwrap();

    let report = |name: &str, make: &dyn Fn() -> AnnData, f: &dyn Fn(&mut AnnData)| {
        let one = |_| {
            let mut adata = make();
            let (start, cpu) = (Instant::now(), cpu_ms());
            f(&mut adata);
            (start.elapsed().as_secs_f64() * 1e3, cpu_ms() - cpu)
        };
        let (mut wall, mut cpu): (Vec<f64>, Vec<f64>) = (0..rounds).map(one).unzip();
        wall.sort_by(f64::total_cmp);
        cpu.sort_by(f64::total_cmp);
        println!("{name:28} wall {:7.2} (best {:.2}), CPU {:7.2}", wall[rounds / 2], wall[0], cpu[rounds / 2]);
    };
    report("normalize_total", &own, &|a| drop(run(&NormalizeTotalParams::default(), a, &ctx).unwrap()));
    report("normalize_total, values lent", &lent, &|a| drop(run(&NormalizeTotalParams::default(), a, &ctx).unwrap()));
    report("log1p", &own, &|a| drop(run(&Log1pParams::default(), a, &ctx).unwrap()));
    report("log1p, values lent", &lent, &|a| drop(run(&Log1pParams::default(), a, &ctx).unwrap()));
    for (name, flavor) in [("seurat", Flavor::Seurat), ("cell_ranger", Flavor::CellRanger)] {
        report(name, &|| logged.clone(), &|a| drop(run(&hvg(flavor), a, &ctx).unwrap()));
    }
    report("seurat_v3", &own, &|a| drop(run(&hvg(Flavor::SeuratV3), a, &ctx).unwrap()));
}

/// CPU time of all threads so far, as Linux tells it; 0 elsewhere.
fn cpu_ms() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let of = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("schedstat")).ok();
    tasks.filter_map(of).filter_map(|s| s.split(' ').next()?.parse::<f64>().ok()).sum::<f64>() / 1e6
}
