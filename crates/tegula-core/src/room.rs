//! Whether there is room for what a step is about to take.

/// How much memory may be taken.
///
/// By default 16 GiB: a library does not know the machine, the doors do.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Bytes: a step that needs more is refused. `None` for all that the machine has.
    pub most: Option<u64>,
    /// Looks up what the machine has: only where a step says what it needs, for that takes longer than many a step.
    pub machine: fn() -> Machine,
}

impl Default for Room {
    fn default() -> Self {
        Self { most: Some(16 << 30), machine: Machine::default }
    }
}

/// The memory of a machine, in bytes; `None` where nobody knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Machine {
    /// A step that needs more is refused where nobody said how much it may take.
    pub all: Option<u64>,
    /// Of a step that needs more the user is warned.
    pub free: Option<u64>,
}

/// What a step is about to take beside the data that are there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Need {
    /// Bytes, about: rather too many than too few.
    pub bytes: u64,
    /// How it can be done with less, as `keep the variable genes first`.
    pub instead: &'static str,
}

/// Bytes in the unit that suits them, as `8.0 GiB`.
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (n as f64, 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        (value, unit) = (value / 1024.0, unit + 1);
    }
    if unit == 0 { format!("{n} bytes") } else { format!("{value:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_in_the_unit_that_suits_them() {
        assert_eq!(
            [bytes(0), bytes(1023), bytes(1024), bytes(3 << 29)],
            ["0 bytes", "1023 bytes", "1.0 KiB", "1.5 GiB"]
        );
        assert_eq!(bytes(u64::MAX), "16777216.0 TiB");
    }
}
