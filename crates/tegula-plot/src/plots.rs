//! The plots by name, for doors that walk a list.

use std::marker::PhantomData;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use tegula_core::{AnnData, Ctx, Error, Result};

use crate::{
    AlignParams, CastProjectPlotParams, DisplacementParams, EmbeddingParams, Figure, LinksParams, SpasneScreenParams,
    SpatialParams, SweepParams,
};

/// A registered plot, whatever its parameters: [`tegula_core::Method`] for figures.
pub trait Plot: Sync {
    /// The id, as `pl.spatial`.
    fn id(&self) -> &'static str;
    /// One line for lists and `--help`.
    fn summary(&self) -> &'static str;
    /// JSON schema of the parameters: names, types, defaults, descriptions.
    fn schema(&self) -> Schema;
    /// The figure for parameters as JSON; what is left out takes its default.
    ///
    /// # Errors
    /// [`Error::Config`] for an unknown name or a wrong type; else whatever the plot says.
    fn draw(&self, params: Json, adata: &AnnData, ctx: &Ctx<'_>) -> Result<Figure>;
}

/// A plot's parameters, which know how to draw it: [`tegula_core::Step`] for figures.
pub trait Drawing: DeserializeOwned + JsonSchema {
    /// The id, as `pl.spatial`.
    const ID: &'static str;
    /// One line for lists and `--help`.
    const SUMMARY: &'static str;

    /// The figure.
    ///
    /// # Errors
    /// What stands in the way, named.
    fn figure(&self, adata: &AnnData, ctx: &Ctx<'_>) -> Result<Figure>;
}

/// Every plot there is.
///
/// ```
/// let ids: Vec<_> = tegula_plot::PLOTS.iter().map(|p| p.id()).collect();
/// assert_eq!(ids[..4], ["pl.spatial", "pl.embedding", "pl.sweep", "pl.spasne_screen"]);
/// assert_eq!(ids[4..], ["pl.align", "pl.displacement", "pl.links", "pl.cast_project"]);
/// ```
pub const PLOTS: &[&dyn Plot] = &[
    &Entry::<SpatialParams>(PhantomData),
    &Entry::<EmbeddingParams>(PhantomData),
    &Entry::<SweepParams>(PhantomData),
    &Entry::<SpasneScreenParams>(PhantomData),
    &Entry::<AlignParams>(PhantomData),
    &Entry::<DisplacementParams>(PhantomData),
    &Entry::<LinksParams>(PhantomData),
    &Entry::<CastProjectPlotParams>(PhantomData),
];

/// The plot of that id.
///
/// ```
/// assert!(tegula_plot::plot("pl.spatial").is_some());
/// ```
pub fn plot(id: &str) -> Option<&'static dyn Plot> {
    PLOTS.iter().find(|p| p.id() == id).copied()
}

struct Entry<P>(PhantomData<fn() -> P>);

impl<P: Drawing> Plot for Entry<P> {
    fn id(&self) -> &'static str {
        P::ID
    }

    fn summary(&self) -> &'static str {
        P::SUMMARY
    }

    fn schema(&self) -> Schema {
        let settings = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
        settings.into_generator().into_root_schema_for::<P>()
    }

    fn draw(&self, params: Json, adata: &AnnData, ctx: &Ctx<'_>) -> Result<Figure> {
        let params: P = serde_json::from_value(params).map_err(|e| Error::config(format!("`{}`", self.id()), e))?;
        params.figure(adata, ctx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_plot_has_a_documented_schema() {
        for plot in PLOTS {
            let schema = plot.schema();
            let fields = schema.as_value()["properties"].as_object().unwrap();
            assert!(fields.values().all(|f| f["description"].is_string()), "{}", plot.id());
            assert!(plot.id().starts_with("pl.") && plot.summary().ends_with('.'));
        }
    }

    #[test]
    fn an_unknown_option_is_named() {
        let e = plot("pl.spatial").unwrap().draw(json!({"colour": "x"}), &AnnData::default(), &Ctx::default());
        let text = e.unwrap_err().to_string();
        assert!(text.starts_with("`pl.spatial`: unknown field `colour`"), "{text}");
    }
}
