//! Tests of the hall: every registered step, recipes, the pipeline.

mod determinism;
mod pipeline;
mod recipe;
mod tissue;
