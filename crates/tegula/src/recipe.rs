//! Recipes: a list of steps as a TOML file, to be run again on any data.
//!
//! ```
//! use tegula::recipe::Recipe;
//! let text = "seed = 7\n[[step]]\nrun = \"pp.log1p\"\n";
//! let recipe = Recipe::parse(text, "example")?;
//! assert_eq!((recipe.seed, recipe.steps[0].id.as_str()), (7, "pp.log1p"));
//! # Ok::<(), tegula::Error>(())
//! ```

use serde_json::{Map, Value as Json};

use tegula_core::{AnnData, Ctx, Error, Outcome, Result};

use crate::registry;

/// A list of steps and the seed to run them with.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Recipe {
    /// The seed of all randomness.
    pub seed: u64,
    /// The steps in order.
    pub steps: Vec<StepCall>,
}

/// A method and its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct StepCall {
    /// Id of the method.
    pub id: String,
    /// Its parameters; what is left out takes its default.
    pub params: Map<String, Json>,
}

impl Recipe {
    /// Adds a step.
    pub fn push(&mut self, id: &str, params: &Json) {
        let params = params.as_object().cloned().unwrap_or_default();
        self.steps.push(StepCall { id: id.to_owned(), params });
    }

    /// A recipe from TOML; `at` names the file in messages. Every step is checked before anything runs.
    ///
    /// # Errors
    /// [`Error::Config`] for broken TOML, an unknown method or parameter; [`Error::Param`] for a bad value.
    pub fn parse(text: &str, at: &str) -> Result<Self> {
        let table: toml::Table = text.parse().map_err(|e| Error::config(format!("recipe `{at}`"), e))?;
        let json = serde_json::to_value(&table).map_err(|e| Error::config(format!("recipe `{at}`"), e))?;
        let bad = |reason: String| Error::config(format!("recipe `{at}`"), reason);
        if let Some(key) = table.keys().find(|k| !["seed", "step", "tegula"].contains(&k.as_str())) {
            return Err(bad(format!("unknown key `{key}`; a recipe has `seed` and `[[step]]` tables")));
        }
        let seed = match &json["seed"] {
            Json::Null => 0,
            s => s.as_u64().ok_or_else(|| bad(format!("`seed` is {s}; it must be a whole number, 0 or more")))?,
        };
        let mut recipe = Self { seed, steps: Vec::new() };
        for (k, step) in json["step"].as_array().into_iter().flatten().enumerate() {
            let mut params = step.as_object().cloned().unwrap_or_default();
            let Some(Json::String(id)) = params.remove("run") else {
                return Err(bad(format!("step {} has no `run = \"tl.…\"`", k + 1)));
            };
            let id = registry::find(&id)?.id().to_owned();
            recipe.steps.push(StepCall { id, params });
        }
        recipe.check()?;
        Ok(recipe)
    }

    /// The steps that made `adata`, from `uns["tegula"]`.
    ///
    /// # Errors
    /// [`Error::Missing`] where Tegula has not run on it.
    pub fn from_history(adata: &AnnData) -> Result<Self> {
        let runs = tegula_core::history(adata);
        if runs.is_empty() {
            let slot = tegula_core::Slot::uns(tegula_core::keys::TEGULA);
            return Err(adata.missing(&slot, "no step of tegula has run on this file yet"));
        }
        let mut recipe = Self { seed: runs[0].1, steps: Vec::new() };
        for (id, _, params) in runs {
            recipe.push(&id, &params);
        }
        Ok(recipe)
    }

    /// Checks every step's parameters without running anything.
    ///
    /// # Errors
    /// See [`Recipe::parse`].
    pub fn check(&self) -> Result<()> {
        self.steps.iter().try_for_each(|s| registry::find(&s.id)?.step(Json::Object(s.params.clone())).map(|_| ()))
    }

    /// Runs every step in order; `done` hears of each one as it ends. Returns how many ran: a stop asked for by the user
    /// (see [`Ctx::goes_on`]) ends the run after the current step, which is no error.
    ///
    /// # Errors
    /// The first step's error that stands in the way.
    pub fn run(&self, adata: &mut AnnData, ctx: &Ctx<'_>, mut done: impl FnMut(&StepCall, &Outcome)) -> Result<usize> {
        let ctx = ctx.with_seed(self.seed);
        for (k, call) in self.steps.iter().enumerate() {
            if !ctx.goes_on()? {
                return Ok(k);
            }
            let step = registry::find(&call.id)?.step(Json::Object(call.params.clone()))?;
            let outcome = step.run(adata, &ctx)?;
            done(call, &outcome);
        }
        Ok(self.steps.len())
    }

    /// The recipe as TOML.
    pub fn to_toml(&self) -> String {
        let mut text = format!("tegula = \"{}\"\nseed = {}\n", env!("CARGO_PKG_VERSION"), self.seed);
        for step in &self.steps {
            text.push_str("\n[[step]]\n");
            let mut table = toml::Table::new();
            table.insert("run".into(), step.id.clone().into());
            // By name: a file's provenance does not keep the order in which a method declares its parameters.
            let mut named: Vec<_> = step.params.iter().collect();
            named.sort_by_key(|p| p.0);
            for (key, value) in named {
                if let Some(value) = to_toml(value) {
                    table.insert(key.clone(), value);
                }
            }
            text.push_str(&table.to_string());
        }
        text
    }
}

/// JSON to TOML; `null` is left out, since it means the default.
fn to_toml(json: &Json) -> Option<toml::Value> {
    Some(match json {
        Json::Null => return None,
        Json::Bool(b) => (*b).into(),
        Json::Number(n) => n.as_i64().map_or_else(|| n.as_f64().unwrap_or(f64::NAN).into(), toml::Value::from),
        Json::String(s) => s.clone().into(),
        Json::Array(v) => toml::Value::Array(v.iter().filter_map(to_toml).collect()),
        Json::Object(o) => toml::Value::Table(o.iter().filter_map(|(k, v)| Some((k.clone(), to_toml(v)?))).collect()),
    })
}
