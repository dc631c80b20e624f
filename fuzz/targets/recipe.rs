//! Recipes.

#![no_main]

use tegula::recipe::Recipe;

libfuzzer_sys::fuzz_target!(|text: &str| {
    // What is understood says itself again.
    if let Ok(recipe) = Recipe::parse(text, "recipe.toml") {
        assert!(Recipe::parse(&recipe.to_toml(), "recipe.toml").is_ok());
    }
});
