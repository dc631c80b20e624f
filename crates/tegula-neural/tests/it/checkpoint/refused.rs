//! Files that no training can go on from, and disks that take none.

use super::*;
use tegula_core::Column;

/// Four epochs in a file.
fn begun(case: &Case) -> Memory {
    let memory = Memory::default();
    case.run(&json!({"n_epochs": 4, "checkpoint": FILE}), &Ctx::new(5).with_files(&memory)).unwrap();
    memory
}

fn says(case: &Case, changed: &Json, seed: u64, memory: &Memory) -> String {
    let before = memory.read(Path::new(FILE)).unwrap();
    let params = with(&json!({"n_epochs": 10, "checkpoint": FILE}), changed);
    let error = case.run(&params, &Ctx::new(seed).with_files(memory)).unwrap_err().to_string();
    assert_eq!(before, memory.read(Path::new(FILE)).unwrap(), "{error}");
    error
}

/// Asserts that every parameter either belongs to the training, and is compared, or is `free`.
fn compared(case: &Case, cases: &[(&str, Json)], free: &[&str]) {
    let memory = begun(case);
    for (name, value) in cases {
        let text = says(case, &json!({*name: value}), 5, &memory);
        assert!(text.contains(FILE) && text.contains(&format!("other {name} (")) && text.contains("removed"), "{text}");
    }
    for name in case.method.defaults().params().as_object().unwrap().keys() {
        let known = cases.iter().any(|c| c.0 == name) || free.contains(&name.as_str());
        assert!(known, "is `{name}` to be compared where a training goes on?");
    }
    let text = says(case, &json!({}), 6, &memory);
    assert!(text.contains("other seed (5, not 6)"), "{text}");
    let text = says(case, &json!({"n_epochs": 3}), 5, &memory);
    assert!(text.contains("`n_epochs`") && text.contains("at least 4: so many `run.safetensors` holds"), "{text}");
}

/// Parameters of both that choose data, which are compared themselves, or that come after the training.
const FREE: [&str; 12] = [
    "n_epochs",
    "layer",
    "use_rep",
    "use_highly_variable",
    "library_key",
    "spatial_key",
    "device",
    "load_weights",
    "save_weights",
    "checkpoint",
    "save_loss",
    "key_added",
];

#[test]
fn another_training_is_told_by_its_parameters() {
    let shaping = [
        ("hidden_dims", json!([24, 4])),
        ("lr", json!(0.01)),
        ("weight_decay", json!(0.0)),
        ("gradient_clipping", json!(1.0)),
        ("mode", json!("pyg")),
    ];
    let graph = ["rad_cutoff", "k_cutoff", "delaunay", "neighbors_key", "rad_cutoff_z", "library_order"];
    let tiles = ["num_batch_x", "num_batch_y", "early_stop", "early_stop_window"];
    let results = ["save_reconstruction", "reconstruction_genes", "save_spatial_net"];
    compared(&Case::stagate(&json!({})), &shaping, &[&FREE[..], &graph, &tiles, &results].concat());
    let shaping = [
        ("hidden_dim", json!(16)),
        ("n_layers", json!(2)),
        ("alpha", json!(0.2)),
        ("gcn_lambda", json!(0.5)),
        ("lambd", json!(0.1)),
        ("lr", json!(0.01)),
        ("drop_feature", json!(0.1)),
        ("drop_edge", json!(0.1)),
    ];
    compared(&Case::cast_mark(), &shaping, &[&FREE[..], &["graph", "n_clusters", "self_loops"]].concat());
}

#[test]
fn another_training_is_told_by_its_data() {
    let case = Case::stagate(&json!({}));
    let memory = begun(&case);
    let other = |change: &dyn Fn(&mut AnnData), changed: Json, expected: &str| {
        let mut case = Case::stagate(&json!({}));
        change(&mut case.data);
        let text = says(&case, &changed, 5, &memory);
        assert!(text.contains(expected), "{text}");
    };
    other(&|a| a.keep_var(&(1..40).collect::<Vec<_>>()), json!({}), "400 × 39");
    other(&|a| a.keep_obs(&(0..399).collect::<Vec<_>>()), json!({}), "399 × 40");
    other(&|_| (), json!({"k_cutoff": 6}), "graph (2000 edges, ");
    other(&|_| (), json!({"num_batch_x": 2}), "tiles (0, ");
    case.run(&json!({"n_epochs": 1, "save_weights": "w"}), &Ctx::new(5).with_files(&memory)).unwrap();
    other(&|_| (), json!({"load_weights": "w"}), "first weights (random, not ");
    let value = |a: &mut AnnData| {
        let mut x = a.take_matrix(None).unwrap();
        x.values_mut()[7] += 1.0;
        a.set_x(x).unwrap();
    };
    other(&value, json!({}), "expression (400 × 40");
    let mut case = Case::cast_mark();
    let memory = begun(&case);
    let section = (0..400).map(|i| if i < 200 { "a" } else { "b" }.to_owned()).collect();
    case.data.set_obs("section", Column::Str(section)).unwrap();
    let text = says(&case, &json!({}), 5, &memory);
    assert!(text.contains("sections (2, "), "{text}");
}

#[test]
fn files_cut_off_or_spoiled_are_refused() {
    let case = Case::stagate(&json!({"hidden_dims": [4, 2]}));
    let good = begun(&case).read(Path::new(FILE)).unwrap();
    let refused = |bytes: &[u8]| {
        let memory = Memory::default();
        memory.write(Path::new(FILE), bytes).unwrap();
        says(&case, &json!({}), 5, &memory).contains(FILE)
    };
    for part in 0..20 {
        assert!(refused(&good[..good.len() * part / 20]), "{part}");
    }
    for at in (0..good.len()).step_by(61) {
        let mut spoiled = good.clone();
        spoiled[at] ^= 1;
        assert!(refused(&spoiled), "{at}");
    }
    let memory = Memory::default();
    memory.write(Path::new(FILE), &good[..good.len() / 2]).unwrap();
    let text = says(&case, &json!({}), 5, &memory);
    assert!(text.contains("no training can go on from it; name another file as checkpoint, or remove it"), "{text}");
    let ctx = Ctx::new(5).with_files(&memory);
    case.run(&json!({"n_epochs": 1, "save_weights": "w"}), &ctx).unwrap();
    let text = case.run(&json!({"n_epochs": 2, "checkpoint": "w"}), &ctx).unwrap_err().to_string();
    assert!(text.contains("`w` at `losses`: is not there; no training can go on from it"), "{text}");
}

/// A disk that takes so many files.
struct Full(Memory, AtomicUsize);

impl Files for Full {
    fn read(&self, path: &Path) -> Result<Vec<u8>> {
        self.0.read(path)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let room = self.1.fetch_update(Relaxed, Relaxed, |room| room.checked_sub(1));
        let full = |_| Error::io(path, std::io::ErrorKind::StorageFull.into());
        room.map_err(full).and_then(|_| self.0.write(path, bytes))
    }
}

#[test]
fn a_disk_that_takes_nothing_is_told_before_the_training_and_a_full_one_harms_it_not() {
    let case = Case::cast_mark();
    let params = json!({"n_epochs": 4, "checkpoint": FILE});
    let after = After::new(100, Some(Signal::Stop));
    let none = Full(Memory::default(), 0.into());
    let error = case.run(&params, &Ctx::new(5).with_files(&none).with_progress(&after)).unwrap_err();
    assert!(matches!(error, Error::Io { .. }) && after.seen.load(Relaxed) == 0, "{error}");
    let one = Full(Memory::default(), 1.into());
    let (adata, _) = case.run(&params, &Ctx::new(5).with_files(&one).with_progress(&after)).unwrap();
    let heard = after.heard.lock().unwrap().join("\n");
    assert!(heard.contains("the training goes on, its checkpoint is still that of epoch 0"), "{heard}");
    assert_eq!(adata.obsm(), case.run(&json!({"n_epochs": 4}), &Ctx::new(5)).unwrap().0.obsm());
}

#[test]
fn a_checkpoint_is_a_file_of_its_own() {
    let case = Case::stagate(&json!({"checkpoint": FILE}));
    let says = |params| case.run(&params, &Ctx::new(0)).unwrap_err().to_string();
    let text = says(json!({"n_epochs": 0, "load_weights": "w"}));
    assert!(text.contains("left out with n_epochs 0"), "{text}");
    let text = says(json!({"save_weights": FILE}));
    assert!(text.contains("another file than that of the weights"), "{text}");
    assert!(says(json!({})).contains("files are out of reach"));
}
