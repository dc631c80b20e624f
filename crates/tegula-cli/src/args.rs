//! The command line, one definition for parsing, help, completions and man pages. The flags of a method come from the
//! registry; nothing about a method is written here.

use std::path::PathBuf;

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::{Map, Value as Json};

use tegula::algo::simulate::SimulateParams;
use tegula::core::Method;
use tegula::field::{self, Field, Kind};
use tegula::plot::PLOTS;
use tegula::{Result, memory, registry};

use crate::{reading, writing};

/// The whole command.
pub(crate) fn command() -> Command {
    Command::new("tegula")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Spatial transcriptomics: from a raw file to domains, maps, alignments and figures.")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .args([
            Arg::new("threads")
                .long("threads")
                .short('t')
                .value_name("N")
                .global(true)
                .value_parser(value_parser!(u32).range(1..=4096))
                .help("Number of threads; all cores by default. The result does not depend on it"),
            Arg::new("max-memory")
                .long("max-memory")
                .value_name("SIZE")
                .global(true)
                .value_parser(|text: &str| memory::parse(text).map_err(|e| e.to_string()))
                .help("Refuses a step that needs more memory, as 8G; by default one that needs more than there is"),
            Arg::new("seed")
                .long("seed")
                .value_name("N")
                .global(true)
                .value_parser(value_parser!(u64))
                .help("Seed of all randomness; 0 by default"),
            Arg::new("quiet")
                .long("quiet")
                .short('q')
                .global(true)
                .action(ArgAction::SetTrue)
                .help("No progress and no notes; errors and warnings only"),
        ])
        .subcommand(run())
        .subcommand(align())
        .subcommand(Command::new("info").about("Shows what a file holds").arg(input()).arg(json("Prints it as JSON")))
        .subcommand(convert())
        .subcommand(concat())
        .subcommand(room("pp", "Preprocessing: one step on a file"))
        .subcommand(room("tl", "Tools: one analysis on a file"))
        .subcommand(plots())
        .subcommand(metrics())
        .subcommand(simulate())
        .subcommand(
            Command::new("recipe")
                .about("Prints the steps that made a file, as a recipe for `tegula run --recipe`")
                .arg(input()),
        )
        .subcommand(
            Command::new("methods")
                .about("Lists every method with its one-line summary")
                .arg(Arg::new("method").value_name("METHOD").help("Shows one method's page, as `tl.scc`"))
                .arg(json("Prints ids, summaries, aliases and parameter schemas as JSON")),
        )
        .subcommand(
            Command::new("completions")
                .about("Prints a completion script for a shell")
                .arg(Arg::new("shell").required(true).value_parser(value_parser!(clap_complete::Shell))),
        )
        .subcommand(
            Command::new("man")
                .about("Prints the man page, or writes one per command into a folder")
                .arg(Arg::new("dir").long("dir").value_name("DIR").value_parser(value_parser!(PathBuf))),
        )
}

fn input() -> Arg {
    Arg::new("input")
        .value_name("INPUT")
        .required(true)
        .value_parser(value_parser!(PathBuf))
        .help("The file or folder to read, in any format that `tegula convert` takes; `-` is standard input")
}

fn convert() -> Command {
    Command::new("convert")
        .about("Makes an h5ad file (or zarr, a table, a 10x folder) of what instruments and other programs write")
        .args([
            input().help("A file or folder: 10x, Visium, Visium HD, Xenium, GEM, GEF, loom, zarr, tables, …; `-`: standard input"),
            output("FILE", "What to write: .h5ad, .zarr, .csv, .tsv or .parquet, or as --to says; `-`: a table on stdout").required(true),
            Arg::new("coords")
                .long("coords")
                .value_name("X,Y")
                .value_delimiter(',')
                .help("Columns with the positions [default: the usual names, as x and y]"),
        ])
        .args(reading::flags())
        .args(writing::flags())
}

fn concat() -> Command {
    Command::new("concat").about("Joins several sections into one file: the variables and columns that all have").args(
        [
            Arg::new("inputs")
                .value_name("INPUT")
                .required(true)
                .num_args(2..)
                .value_parser(value_parser!(PathBuf))
                .help("The files to join"),
            output("FILE", "The file to write, as .h5ad or .zarr").required(true),
            text("label", "COL", "Column of obs that tells the sections apart").default_value("section"),
            text("names", "A,B,…", "Names of the sections [default: those of the files]").value_delimiter(','),
        ],
    )
}

fn output(value: &'static str, help: &'static str) -> Arg {
    Arg::new("output").long("output").short('o').value_name(value).value_parser(value_parser!(PathBuf)).help(help)
}

fn json(help: &'static str) -> Arg {
    Arg::new("json").long("json").action(ArgAction::SetTrue).help(help)
}

fn number(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name("N").value_parser(value_parser!(usize)).help(help)
}

fn text(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).value_parser(NonEmptyStringValueParser::new()).help(help)
}

fn run() -> Command {
    Command::new("run")
        .about("From a file to spatial domains: result.h5ad, figures, metrics and the recipe")
        .long_about(
            "From a file to spatial domains: filters, normalises, reduces, builds the graphs, finds domains (on \
             expression alone and on expression with position), smooths them and draws them.\n\nWrites \
             DIR/result.h5ad, DIR/figures/*.png, DIR/metrics.json and DIR/recipe.toml.\n\nCtrl-C once stops early and \
             keeps what there is; twice gives up.",
        )
        .arg(input())
        .arg(output("DIR", "The folder for the results; made if missing").required(true))
        .args([
            text(
                "method",
                "NAME",
                "How domains are found: scc, diffuse+mclust, stagate+mclust (also +leiden, +louvain), or all: these three \
                 side by side and what they agree on [default: scc]",
            ),
            text("labels", "COL", "Column of obs with known domains, to compare with"),
            text("spatial-key", "KEY", "Entry of obsm with the positions [default: looks for them]"),
            number("s-neigh", "Neighbours in space [default: 6]"),
            number("e-neigh", "Neighbours in expression [default: 30]"),
            Arg::new("resolution")
                .long("resolution")
                .value_name("X")
                .value_parser(value_parser!(f64))
                .help("Higher gives more, smaller domains [default: 1]"),
            number("n-clusters", "The number of domains: the resolution is searched that gives it"),
            Arg::new("cluster-method")
                .long("cluster-method")
                .value_name("NAME")
                .value_parser(["leiden", "louvain"])
                .help("Community detection [default: leiden]"),
            number("smooth", "Neighbours whose majority smooths each label; 0 for none [default: 10]"),
            number("n-epochs", "Epochs a network is trained for [default: 1000]"),
            text("checkpoint", "FILE", "Keeps a network's training in this file, and goes on from it"),
            number("n-comps", "Principal components [default: 30]"),
            Arg::new("no-sweep")
                .long("no-sweep")
                .action(ArgAction::SetTrue)
                .help("Does not compare other neighbourhoods and resolutions"),
            Arg::new("recipe")
                .long("recipe")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("Steps to run instead of the usual ones; flags given here still win"),
            json("Prints the metrics as JSON on stdout"),
        ])
        .args(reading::flags())
}

fn align() -> Command {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    Command::new("align")
        .about("Lays sections onto each other: result.h5ad, figures, metrics and the recipe")
        .long_about(
            "Lays sections onto each other: embeds them together (components that Harmony brings together, averaged over \
             neighbours; with --n-epochs CAST Mark), finds the turn, scale and warp that brings each onto the reference \
             (CAST Stack) and, with --project, brings the reference's counts and labels onto the other section.\n\nWrites DIR/result.h5ad, DIR/figures/*.png, DIR/metrics.json and DIR/recipe.toml.\n\n\
             Ctrl-C once stops early and keeps what there is; twice gives up.",
        )
        .args([
            Arg::new("inputs")
                .value_name("INPUT")
                .required(true)
                .num_args(1..)
                .value_parser(value_parser!(PathBuf))
                .help("A file for each section, the reference last; or one file that holds all"),
            output("DIR", "The folder for the results; made if missing").required(true),
            text("library-key", "COL", "Column of obs that tells the sections apart").default_value("section"),
            text("reference", "NAME", "The section that stays where it is [default: the last file, in one file the first]"),
            text("labels", "COL", "Column of obs with labels that sections share, to compare by and to project"),
            text("spatial-key", "KEY", "Entry of obsm with the positions [default: looks for them]"),
            text("use-rep", "KEY", "Entry of obsm with an embedding of all sections, instead of making one"),
            Arg::new("transform")
                .long("transform")
                .value_name("NAME")
                .value_parser(["rigid", "similarity", "affine"])
                .help("What the affine part may do [default: affine]"),
            flag("no-ffd", "Does not bend sections"),
            flag("chain", "Lays each section onto the one before it, instead of all onto the reference"),
            number("n-epochs", "Embeds by CAST Mark, trained for so many epochs (400 are its default)"),
            text("checkpoint", "FILE", "Keeps that training in this file, and goes on from it").requires("n-epochs"),
            flag("project", "Brings the reference's counts and labels onto the other section"),
            json("Prints the metrics as JSON on stdout"),
        ])
}

fn metrics() -> Command {
    Command::new("metrics")
        .about("Compares labels with known ones, and measures domains and embeddings")
        .arg(input())
        .args([
            text("truth", "COL", "Column of obs with the known labels"),
            text("pred", "COL,…", "Columns of obs to measure")
                .required_unless_present("embedding")
                .value_delimiter(','),
            text(
                "embedding",
                "KEY,…",
                "Entries of obsm to measure: what they keep of distances, neighbours and labels",
            )
            .value_delimiter(','),
            text(
                "use-rep",
                "KEY",
                "Entry of obsm for the silhouette, and what embeddings were made from [default: X_pca]",
            ),
            text("spatial-key", "KEY", "Entry of obsm with the positions [default: spatial]"),
            json("Prints them as JSON"),
        ])
}

fn room(name: &'static str, about: &'static str) -> Command {
    let prefix = format!("{name}.");
    let mut command = Command::new(name).about(about).subcommand_required(true).arg_required_else_help(true);
    for m in registry::methods() {
        let names = registry::names(m);
        let mut here: Vec<&str> = names.iter().filter_map(|id| id.strip_prefix(prefix.as_str())).collect();
        if here.is_empty() {
            continue;
        }
        let aliases = here.split_off(1);
        command = command.subcommand(step(m, here[0].to_owned()).visible_aliases(aliases));
    }
    command
}

/// `tegula tl NAME in.h5ad -o out.h5ad …`.
fn step(m: &'static dyn Method, name: String) -> Command {
    let in_place = Arg::new("in-place")
        .long("in-place")
        .action(ArgAction::SetTrue)
        .conflicts_with("output")
        .help("Replaces the input (through a new file and a rename)");
    let output = output("FILE", "The file to write, as .h5ad or .zarr; `-`: obs as a table on stdout")
        .required_unless_present("in-place");
    let own = vec![input(), output, in_place, writing::allow_loss(), json("Prints the outcome as JSON")];
    described(name, m.summary(), m.schema().as_value(), own)
}

/// `tegula simulate -n 1000000 -o out.h5ad …`.
fn simulate() -> Command {
    let own = vec![
        output("FILE", "The file to write, as .h5ad or .zarr").required(true),
        json("Prints what was made as JSON"),
    ];
    described("simulate".into(), SimulateParams::SUMMARY, SimulateParams::schema().as_value(), own)
        .mut_arg("n_obs", |n| n.short('n'))
}

/// A command with flags of its own, and with the page and the flags that a schema of parameters makes.
fn described(name: String, summary: &'static str, schema: &Json, own: Vec<Arg>) -> Command {
    Command::new(name)
        .about(summary)
        .long_about(field::wrap(field::page(schema), usize::MAX))
        .args(own)
        .args(field::fields(schema).iter().map(flag))
}

/// The flag of one parameter.
pub(crate) fn flag(f: &Field) -> Arg {
    let long = f.name.replace('_', "-");
    let default = match &f.default {
        Json::Null => String::new(),
        Json::String(s) => format!(" [default: {s}]"),
        Json::Array(a) if a.is_empty() => String::new(),
        other => format!(" [default: {other}]"),
    };
    let help = format!("{}{default}", f.help.replace('\n', " "));
    let arg = Arg::new(f.name.clone()).long(long).help(help).allow_hyphen_values(true);
    match &f.kind {
        Kind::Bool => arg
            .value_name("BOOL")
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_parser(PossibleValuesParser::new(["true", "false"])),
        Kind::Int => arg.value_name("N"),
        Kind::Float => arg.value_name("X"),
        Kind::Str => arg.value_name("TEXT"),
        Kind::Choice(names) => arg.value_name("NAME").value_parser(PossibleValuesParser::new(names.clone())),
        Kind::List(_) => arg.value_name("A,B,…").action(ArgAction::Append),
    }
}

/// The parameters given on the command line, as JSON; what was not given is left out.
pub(crate) fn given(schema: &Json, m: &ArgMatches) -> Result<Json> {
    let mut params = Map::new();
    for f in field::fields(schema) {
        let Some(values) = m.get_many::<String>(&f.name) else { continue };
        let joined = values.cloned().collect::<Vec<_>>().join(",");
        params.insert(f.name.clone(), f.parse(&joined)?);
    }
    Ok(Json::Object(params))
}

fn plots() -> Command {
    let mut command =
        Command::new("pl").about("Plots: a figure of a file").subcommand_required(true).arg_required_else_help(true);
    for p in PLOTS {
        let name = p.id().strip_prefix("pl.").unwrap_or(p.id()).to_owned();
        let own = vec![input(), output("FIGURE", "The figure: .png, .svg or .pdf").required(true)];
        command = command.subcommand(described(name, p.summary(), p.schema().as_value(), own));
    }
    command
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_is_consistent() {
        super::command().debug_assert();
    }
}
