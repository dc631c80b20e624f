//! What a method is: a struct of parameters that knows its name, its slots and how to run.

use std::fmt::Debug;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::{AnnData, Ctx, Dict, Error, Need, Result, Slot, Value, keys};

/// A method as its parameters: the one thing to write (besides the pure function) for a new method.
///
/// Command-line flags, Python signature, recipe keys, JSON schema, reference page and provenance all come from the
/// struct that implements this. Its doc comment is the method's page.
pub trait Step:
    Debug + Clone + Default + PartialEq + Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static
{
    /// The id, as `tl.leiden`.
    const ID: &'static str;
    /// One line for lists and `--help`.
    const SUMMARY: &'static str;
    /// Other ids that users of the field look for, as `pp.hvg`.
    const ALIASES: &'static [&'static str] = &[];

    /// The slots it looks at, with these parameters. One that may be absent is listed too.
    fn reads(&self) -> Vec<Slot>;

    /// The slots it sets, with these parameters.
    fn writes(&self) -> Vec<Slot>;

    /// Checks the parameters by themselves, before any data is looked at.
    ///
    /// # Errors
    /// [`Error::Param`] for the first one that is out of range.
    fn validate(&self) -> Result<()>;

    /// The memory it will take beside the data, where that may be more than a machine has.
    fn needs(&self, _adata: &AnnData) -> Need {
        Need::default()
    }

    /// Fetches its slots, computes, stores its slots; returns what is worth telling (`n_clusters`, `quality`, …).
    ///
    /// # Errors
    /// Whatever stands in the way: nothing is stored then.
    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome>;

    /// A [`Error::Param`] of this method.
    fn refuse(name: &str, value: impl std::fmt::Display, must: &str) -> Error {
        Error::param(Self::ID, name, value, must)
    }
}

/// What a step has to tell about its run.
pub type Outcome = Dict;

/// A registered method, whatever its parameters.
pub trait Method: Sync {
    /// The id, as `tl.leiden`.
    fn id(&self) -> &'static str;
    /// One line for lists and `--help`.
    fn summary(&self) -> &'static str;
    /// Other ids it answers to.
    fn aliases(&self) -> &'static [&'static str];
    /// JSON schema of the parameters: names, types, defaults, descriptions.
    fn schema(&self) -> Schema;
    /// A step with the default parameters, unchecked: for lists and pages, since some methods need to be told more.
    fn defaults(&self) -> Box<dyn BoundStep>;
    /// A step from parameters as JSON; what is left out takes its default, and one value will do for a list of one.
    ///
    /// # Errors
    /// [`Error::Config`] for an unknown name or a wrong type; [`Error::Param`] for a value out of range.
    fn step(&self, params: Json) -> Result<Box<dyn BoundStep>>;
}

/// A method with its parameters, ready to run.
pub trait BoundStep: Send + Sync {
    /// The id of its method.
    fn id(&self) -> &'static str;
    /// The parameters, defaults included.
    fn params(&self) -> Json;
    /// The slots it looks at.
    fn reads(&self) -> Vec<Slot>;
    /// The slots it sets.
    fn writes(&self) -> Vec<Slot>;
    /// Runs, and writes down in `uns["tegula"]` what was run.
    ///
    /// # Errors
    /// See [`Step::apply`].
    fn run(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome>;
}

/// The registry's entry of a method: `&entry::<LeidenParams>()`.
pub struct Entry<P>(PhantomData<fn() -> P>);

/// The registry's entry of a method.
pub const fn entry<P: Step>() -> Entry<P> {
    Entry(PhantomData)
}

impl<P: Step> Method for Entry<P> {
    fn id(&self) -> &'static str {
        P::ID
    }

    fn summary(&self) -> &'static str {
        P::SUMMARY
    }

    fn aliases(&self) -> &'static [&'static str] {
        P::ALIASES
    }

    fn schema(&self) -> Schema {
        let settings = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
        SchemaGenerator::new(settings).into_root_schema_for::<P>()
    }

    fn defaults(&self) -> Box<dyn BoundStep> {
        Box::new(Bound(P::default()))
    }

    fn step(&self, params: Json) -> Result<Box<dyn BoundStep>> {
        let params = listed(params, self.schema().as_value());
        let step: P = serde_json::from_value(params).map_err(|e| Error::config(format!("`{}`", P::ID), e))?;
        step.validate()?;
        Ok(Box::new(Bound(step)))
    }
}

/// The parameters with a list of one where a single value stands for a list.
fn listed(mut params: Json, schema: &Json) -> Json {
    for (name, value) in params.as_object_mut().into_iter().flatten() {
        let takes = &schema["properties"][name]["type"];
        let list = takes == "array" || takes.as_array().is_some_and(|types| types.iter().any(|t| t == "array"));
        if list && !value.is_array() && !value.is_null() {
            *value = Json::Array(vec![value.take()]);
        }
    }
    params
}

struct Bound<P>(P);

impl<P: Step> BoundStep for Bound<P> {
    fn id(&self) -> &'static str {
        P::ID
    }

    fn params(&self) -> Json {
        serde_json::to_value(&self.0).unwrap_or(Json::Null)
    }

    fn reads(&self) -> Vec<Slot> {
        self.0.reads()
    }

    fn writes(&self) -> Vec<Slot> {
        self.0.writes()
    }

    fn run(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        run(&self.0, adata, ctx)
    }
}

/// Validates and runs a step, and writes down in `uns["tegula"]` what was run.
///
/// # Errors
/// See [`Step::validate`] and [`Step::apply`]; [`Error::Memory`] where there is no room for it.
pub fn run<P: Step>(step: &P, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
    step.validate()?;
    ctx.make_room(P::ID, step.needs(adata))?;
    let outcome = step.apply(adata, ctx)?;
    let params = serde_json::to_value(step).unwrap_or(Json::Null);
    record(adata, P::ID, &params, ctx.seed(), &outcome);
    Ok(outcome)
}

/// Writes one run into `uns["tegula"]`, under the id of the method; a second run of the same method goes to `id#2`, ….
fn record(adata: &mut AnnData, id: &str, params: &Json, seed: u64, outcome: &Outcome) {
    let mut history = match adata.take(&Slot::uns(keys::TEGULA)) {
        Some(Value::Dict(d)) => d,
        _ => Dict::new(),
    };
    let of_id = |k: &&String| k.as_str() == id || k.strip_prefix(id).is_some_and(|r| r.starts_with('#'));
    let nth = history.keys().filter(of_id).count() + 1;
    let name = if nth == 1 { id.to_owned() } else { format!("{id}#{nth}") };
    let run = Dict::from([
        ("step".to_owned(), Value::from(history.len())),
        ("params".to_owned(), Value::from_json(params)),
        ("seed".to_owned(), Value::Int(seed as i64)),
        ("version".to_owned(), Value::from(env!("CARGO_PKG_VERSION"))),
        ("outcome".to_owned(), Value::Dict(outcome.clone())),
    ]);
    history.insert(name, Value::Dict(run));
    adata.set_uns(keys::TEGULA, history);
}

/// The steps that `uns["tegula"]` tells of, in the order they ran: `(id, seed, params)`.
pub fn history(adata: &AnnData) -> Vec<(String, u64, Json)> {
    let Some(Value::Dict(d)) = adata.uns().get(keys::TEGULA) else { return Vec::new() };
    let mut runs: Vec<(i64, String, u64, Json)> = d
        .iter()
        .filter_map(|(name, run)| {
            let run = run.as_dict()?;
            let number = |k: &str| run.get(k).and_then(Value::as_f64).map(|x| x as i64);
            let id = name.split('#').next().unwrap_or(name).to_owned();
            let params = run.get("params").map_or(Json::Null, Value::to_json);
            Some((number("step")?, id, number("seed").unwrap_or(0) as u64, params))
        })
        .collect();
    runs.sort_by_key(|r| r.0);
    runs.into_iter().map(|(_, id, seed, params)| (id, seed, params)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Column, Frame};
    use serde::Deserialize;

    /// Counts to `n`.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(default, deny_unknown_fields)]
    struct CountParams {
        /// How far.
        n: usize,
        /// By which steps.
        by: Vec<usize>,
    }

    impl Default for CountParams {
        fn default() -> Self {
            Self { n: 3, by: vec![1] }
        }
    }

    impl Step for CountParams {
        const ID: &'static str = "tl.count";
        const SUMMARY: &'static str = "Counts.";

        fn reads(&self) -> Vec<Slot> {
            vec![]
        }

        fn writes(&self) -> Vec<Slot> {
            vec![Slot::obs("n")]
        }

        fn validate(&self) -> Result<()> {
            if self.n == 0 { Err(Self::refuse("n", self.n, "at least 1")) } else { Ok(()) }
        }

        fn apply(&self, adata: &mut AnnData, _: &Ctx<'_>) -> Result<Outcome> {
            adata.set_obs("n", Column::Int(vec![self.n as i64; adata.n_obs()]))?;
            Ok(Dict::from([("n".to_owned(), Value::from(self.n))]))
        }
    }

    #[test]
    fn a_method_parses_refuses_and_remembers() {
        let method: &dyn Method = &entry::<CountParams>();
        assert!(matches!(method.step(serde_json::json!({"m": 1})), Err(Error::Config { .. })));
        assert!(matches!(method.step(serde_json::json!({"n": 0})), Err(Error::Param { .. })));
        let by = |by: Json| method.step(serde_json::json!({ "by": by })).map(|step| step.params()["by"].clone());
        assert_eq!(by(2.into()).unwrap(), serde_json::json!([2]), "one value will do for a list of one");
        assert!(by("two".into()).is_err());
        let mut adata = AnnData::new(None, Frame::with_range_index(2), Frame::default()).unwrap();
        for n in [5, 6] {
            method.step(serde_json::json!({ "n": n })).unwrap().run(&mut adata, &Ctx::new(9)).unwrap();
        }
        let expected = |n| ("tl.count".to_owned(), 9, serde_json::json!({ "n": n, "by": [1] }));
        assert_eq!(history(&adata), vec![expected(5), expected(6)]);
    }

    #[test]
    fn the_schema_carries_docs_and_defaults() {
        let schema = entry::<CountParams>().schema();
        let n = &schema.as_value()["properties"]["n"];
        assert_eq!((n["default"].clone(), n["description"].clone()), (3.into(), "How far.".into()));
    }
}
