//! Recipes: text to steps and back.

use tegula::core::Ctx;
use tegula::recipe::Recipe;

use crate::tissue::tissue;

const TEXT: &str = r#"
seed = 3
[[step]]
run = "pp.normalize"
target_sum = 1000.0
[[step]]
run = "pp.log1p"
[[step]]
run = "pp.pca"
n_comps = 5
"#;

#[test]
fn what_ran_can_be_read_back_and_run_again_to_the_same_bits() {
    let recipe = Recipe::parse(TEXT, "test").unwrap();
    let mut first = tissue(12, 30);
    recipe.run(&mut first, &Ctx::new(0), |_, _| ()).unwrap();
    let again = Recipe::parse(&Recipe::from_history(&first).unwrap().to_toml(), "again").unwrap();
    assert_eq!(again.seed, 3);
    let mut second = tissue(12, 30);
    again.run(&mut second, &Ctx::new(0), |_, _| ()).unwrap();
    assert_eq!(first.obsm()["X_pca"], second.obsm()["X_pca"]);
    assert_eq!(first.x(), second.x());
}

#[test]
fn a_wrong_recipe_is_refused_before_anything_runs() {
    let says = |text: &str| Recipe::parse(text, "r.toml").unwrap_err().to_string();
    assert!(says("[[step]]\nrun = \"tl.leidn\"").contains("did you mean `tl.leiden`"));
    assert!(says("[[step]]\nrun = \"tl.leiden\"\nresolutoin = 1").contains("resolutoin"));
    assert!(says("[[step]]\nn = 1").contains("step 1 has no `run"));
    assert!(says("seed = -1").contains("0 or more"));
    assert!(says("sead = 1").contains("unknown key `sead`"));
    assert!(says("[[step]").contains("recipe `r.toml`"));
}
