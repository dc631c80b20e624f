//! `tegula pp|tl STEP in.h5ad -o out.h5ad`: one registered step on a file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ArgMatches;
use serde_json::Value as Json;
use tegula::core::Value;
use tegula::{Error, io, registry};

use crate::writing::Target;
use crate::{Door, args, print_json, stream};

/// Runs one step on a file.
pub(crate) fn step(room: &str, m: &ArgMatches, door: &Door) -> anyhow::Result<ExitCode> {
    let (name, m) = m.subcommand().expect("required");
    let method = registry::find(&format!("{room}.{name}"))?;
    let mut params = args::given(method.schema().as_value(), m)?;
    map_from_file(&mut params)?;
    let step = method.step(params)?;

    let input = m.get_one::<PathBuf>("input").expect("required");
    let output = m.get_one::<PathBuf>("output").unwrap_or(input);
    if m.get_flag("in-place") && stream::is_standard(input) {
        return Err(Error::config("--in-place", "standard input cannot be replaced; name a file with -o").into());
    }
    if !m.get_flag("in-place") && same_file(input, output) {
        let reason = "this is the input; name another file, or say --in-place";
        return Err(Error::config(format!("--output `{}`", output.display()), reason).into());
    }
    let target = Target::asked(output, m)?;
    let mut adata = if same_file(input, output) { door.read_in_place(input)? } else { door.read(input)? };
    target.check(&adata)?;
    let unknown = io::not_understood(&adata);
    let ctx = door.ctx();
    let outcome = step.run(&mut adata, &ctx)?;
    door.warn_lost(&unknown, &adata);
    target.write(&adata)?;

    let outcome = Value::Dict(outcome).to_json();
    if m.get_flag("json") {
        print_json(&outcome)?;
    }
    let wrote: Vec<String> = step.writes().iter().map(ToString::to_string).collect();
    door.say(format!("{}: {} → {} in {}", step.id(), facts(&outcome), wrote.join(", "), target.shown()));
    Ok(if ctx.stopping() { ExitCode::from(130) } else { ExitCode::SUCCESS })
}

/// An outcome in one line.
pub(crate) fn facts(outcome: &Json) -> String {
    let all = outcome.as_object().into_iter().flatten().map(|(k, v)| match v {
        Json::Number(n) if n.is_f64() => format!("{k} {}", short(n.as_f64().unwrap_or(f64::NAN))),
        Json::String(s) => format!("{k} {s}"),
        other => format!("{k} {other}"),
    });
    let all: Vec<String> = all.collect();
    if all.is_empty() { "done".into() } else { all.join(", ") }
}

/// A number with four digits behind the point, but no zeros at its end.
fn short(x: f64) -> String {
    let text = format!("{x:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

pub(crate) fn same_file(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

/// `--map names.csv`: a two-column file instead of `0=A,1=B`.
fn map_from_file(params: &mut Json) -> anyhow::Result<()> {
    let Some(Json::Array(map)) = params.get_mut("map") else { return Ok(()) };
    let [Json::String(path)] = &map[..] else { return Ok(()) };
    if path.contains('=') {
        return Ok(());
    }
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(path.as_str(), e))?;
    let mut pairs = Vec::new();
    for (k, line) in text.lines().enumerate().filter(|l| !l.1.trim().is_empty()) {
        let at = line.find(['\t', ',', ';', '=']).ok_or_else(|| {
            Error::format(path.as_str(), format!("line {}", k + 1), "needs two columns: a cluster and its name")
        })?;
        pairs.push(Json::String(format!("{}={}", line[..at].trim(), line[at + 1..].trim())));
    }
    *map = pairs;
    Ok(())
}
