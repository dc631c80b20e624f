//! How much memory a step may take.

use sysinfo::{MemoryRefreshKind, RefreshKind, System};
use tegula_core::{Error, Machine, Result, Room};

/// So much memory, in bytes; where not given, all that this machine (or the container) has.
///
/// ```
/// let room = tegula::memory::room(Some(1 << 30));
/// assert_eq!(room.most, Some(1 << 30));
/// ```
pub fn room(most: Option<u64>) -> Room {
    Room { most, machine }
}

/// What this machine (or the container) has now.
///
/// ```
/// assert!(tegula::memory::machine().all.is_none_or(|bytes| bytes > 1 << 20));
/// ```
pub fn machine() -> Machine {
    let ram = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let Ok(system) = System::new_with_specifics(ram) else { return Machine::default() };
    let group = system.cgroup_limits();
    let known = |machine: u64, group: Option<u64>| Some(group.map_or(machine, |g| g.min(machine))).filter(|&b| b > 0);
    Machine {
        all: known(system.total_memory(), group.as_ref().map(|g| g.total_memory)),
        free: known(system.available_memory(), group.as_ref().map(|g| g.free_memory)),
    }
}

/// A size as people write it: `8G`, `500M`, `1.5T`, `8GiB`, or a number of bytes; thousands are 1024.
///
/// ```
/// assert_eq!(tegula::memory::parse("1.5G")?, 3 << 29);
/// assert!(tegula::memory::parse("much").is_err());
/// # Ok::<(), tegula::Error>(())
/// ```
///
/// # Errors
/// [`Error::Config`] for anything else.
pub fn parse(text: &str) -> Result<u64> {
    let refuse = || Error::config("max_memory", format!("`{text}` is no size; write it as 8G or 500M"));
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim().to_ascii_uppercase();
    let unit = unit.strip_suffix("IB").or_else(|| unit.strip_suffix('B')).unwrap_or(&unit);
    let power = ["", "K", "M", "G", "T"].iter().position(|u| *u == unit).ok_or_else(refuse)?;
    let number: f64 = number.parse().map_err(|_| refuse())?;
    let bytes = number * 1024f64.powi(power as i32);
    if bytes >= 1.0 { Ok(bytes as u64) } else { Err(refuse()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [("8G", 8 << 30), ("8 GiB", 8 << 30), ("500m", 500 << 20), ("2KB", 2048), ("12345", 12345)]
        {
            assert_eq!(parse(text).unwrap(), bytes, "{text}");
        }
        for text in ["", "G", "0", "-1G", "8Q", "1e3", "8G8", "..", "inf"] {
            let told = parse(text).unwrap_err().to_string();
            assert!(told.contains("max_memory") && told.contains("8G"), "{text}: {told}");
        }
    }
}
