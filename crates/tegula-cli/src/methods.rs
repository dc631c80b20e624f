//! `tegula methods`, `recipe`, `completions` and `man`: what Tegula knows about itself.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ArgMatches;
use serde_json::json;
use tegula::field;
use tegula::plot::PLOTS;
use tegula::recipe::Recipe;
use tegula::{io, registry};

use crate::{args, print, print_json};

/// Lists the methods, or shows one method's page.
pub(crate) fn list(m: &ArgMatches) -> anyhow::Result<ExitCode> {
    if let Some(id) = m.get_one::<String>("method") {
        let method = registry::find(id)?;
        let schema = method.schema();
        let mut text =
            format!("{}\n\n{}\n\n# Parameters\n\n", method.id(), field::wrap(field::page(schema.as_value()), 100));
        for f in field::fields(schema.as_value()) {
            let _ = writeln!(text, "{} (default {})\n    {}", f.name, f.default, f.help.replace('\n', " "));
        }
        print(&text)?;
    } else if m.get_flag("json") {
        let methods = registry::methods()
            .map(|m| json!({"id": m.id(), "summary": m.summary(), "aliases": m.aliases(), "schema": m.schema()}));
        let plots =
            PLOTS.iter().map(|p| json!({"id": p.id(), "summary": p.summary(), "aliases": [], "schema": p.schema()}));
        print_json(&methods.chain(plots).collect())?;
    } else {
        let rows = registry::methods().map(|m| (m.id(), m.summary(), m.aliases()));
        let rows: Vec<_> = rows.chain(PLOTS.iter().map(|p| (p.id(), p.summary(), &[][..]))).collect();
        let width = rows.iter().map(|r| r.0.len()).max().unwrap_or(0);
        let line = |(id, summary, aliases): &(&str, &str, &[&str])| {
            let also = if aliases.is_empty() { String::new() } else { format!(" (also {})", aliases.join(", ")) };
            format!("{id:width$}  {summary}{also}\n")
        };
        print(&rows.iter().map(line).collect::<String>())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the steps that made a file.
pub(crate) fn recipe(m: &ArgMatches) -> anyhow::Result<ExitCode> {
    let path = m.get_one::<PathBuf>("input").expect("required");
    print(&Recipe::from_history(&io::read(path)?)?.to_toml())?;
    Ok(ExitCode::SUCCESS)
}

/// Prints a completion script.
pub(crate) fn completions(m: &ArgMatches) -> anyhow::Result<ExitCode> {
    let shell = *m.get_one::<clap_complete::Shell>("shell").expect("required");
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::command(), "tegula", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the man page of the command, or writes one page per command into a folder.
pub(crate) fn man(m: &ArgMatches) -> anyhow::Result<ExitCode> {
    if let Some(dir) = m.get_one::<PathBuf>("dir") {
        clap_mangen::generate_to(args::command(), dir)?;
    } else {
        let mut page = Vec::new();
        clap_mangen::Man::new(args::command()).render(&mut page)?;
        print(&String::from_utf8_lossy(&page))?;
    }
    Ok(ExitCode::SUCCESS)
}
