//! What every method gets besides its data and parameters: a seed, somebody to report to.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::files::{Files, NoFiles};
use crate::progress::{Progress, Signal, Silent};
use crate::room::bytes;
use crate::{Error, Need, Result, Room};

/// The surroundings of a run: the seed, the memory there is, and the door that shows progress, may stop the work and
/// opens files.
#[derive(Clone, Copy)]
pub struct Ctx<'a> {
    seed: u64,
    progress: &'a dyn Progress,
    files: &'a dyn Files,
    room: Room,
}

impl Default for Ctx<'_> {
    fn default() -> Self {
        Self::new(0)
    }
}

impl<'a> Ctx<'a> {
    /// A silent context with the given seed, without files; steps may take 16 GiB (see [`Room`]).
    pub fn new(seed: u64) -> Self {
        Self { seed, progress: &Silent, files: &NoFiles, room: Room::default() }
    }

    /// The same context, reporting to `progress`.
    #[must_use]
    pub fn with_progress<'b>(self, progress: &'b dyn Progress) -> Ctx<'b>
    where
        'a: 'b,
    {
        Ctx { progress, ..self }
    }

    /// The same context, with somebody who opens the files that parameters name.
    #[must_use]
    pub fn with_files<'b>(self, files: &'b dyn Files) -> Ctx<'b>
    where
        'a: 'b,
    {
        Ctx { files, ..self }
    }

    /// The same context with so much memory.
    #[must_use]
    pub fn with_room(self, room: Room) -> Self {
        Self { room, ..self }
    }

    /// Asks whether there is room for what a method is about to take; warns where little else would stay free.
    ///
    /// ```
    /// use tegula_core::{Ctx, Need, Room};
    /// let ctx = Ctx::new(0).with_room(Room { most: Some(1 << 30), ..Room::default() });
    /// let need = Need { bytes: 3 << 29, instead: "keep fewer genes" };
    /// assert_eq!(
    ///     ctx.make_room("pp.scale", need).unwrap_err().to_string(),
    ///     "`pp.scale` needs about 1.5 GiB of memory and may take 1.0 GiB; keep fewer genes, or allow more (max_memory)"
    /// );
    /// ```
    ///
    /// # Errors
    /// [`Error::Memory`] where it needs more than may be taken.
    pub fn make_room(&self, method: &str, need: Need) -> Result<()> {
        let Need { bytes: needs, instead } = need;
        if needs == 0 {
            return Ok(());
        }
        let machine = (self.room.machine)();
        if let Some(most) = self.room.most.or(machine.all).filter(|&most| needs > most) {
            return Err(Error::Memory { method: method.into(), needs, most, instead: instead.into() });
        }
        if let Some(free) = machine.free.filter(|&free| needs > free) {
            let (needs, free) = (bytes(needs), bytes(free));
            self.warn(&format!("{method}: needs about {needs} of memory and {free} are free; to take less, {instead}"));
        }
        Ok(())
    }

    /// Who opens the files that parameters name.
    pub fn files(&self) -> &'a dyn Files {
        self.files
    }

    /// The same context with another seed.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// The seed that all randomness of the run springs from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The random stream `name`, number `item`.
    ///
    /// Streams are independent of each other and of the number of threads: what is drawn depends on the seed, the
    /// name and the item alone. Give every independent piece of work (a start, a block, an observation) its own item.
    ///
    /// ```
    /// use rand::RngExt;
    /// use tegula_core::Ctx;
    /// let ctx = Ctx::new(7);
    /// assert_eq!(ctx.rng("demo", 1).random::<u64>(), ctx.rng("demo", 1).random::<u64>());
    /// assert_ne!(ctx.rng("demo", 1).random::<u64>(), ctx.rng("demo", 2).random::<u64>());
    /// ```
    pub fn rng(&self, name: &str, item: u64) -> ChaCha8Rng {
        let mut key = [0u8; 32];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        key[8..16].copy_from_slice(&fnv1a(name.as_bytes()).to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(item);
        rng
    }

    /// Announces a task of `total` items (0: unknown).
    pub fn begin(&self, task: &str, total: u64) {
        self.progress.begin(task, total);
    }

    /// Reports `n` more items and asks whether to go on. Call it at least every 100 ms of work.
    ///
    /// # Errors
    /// [`Error::Cancelled`] where the user gave up.
    pub fn tick(&self, task: &str, n: u64) -> Result<()> {
        self.progress.advance(task, n);
        self.goes_on().map(|_| ())
    }

    /// True where the user asked to finish early and keep the result: iterative methods look here between rounds.
    pub fn stopping(&self) -> bool {
        self.progress.poll() != Signal::Continue
    }

    /// Whether to begin the next thing: false where the user asked to finish early.
    ///
    /// # Errors
    /// [`Error::Cancelled`] where the user gave up.
    pub fn goes_on(&self) -> Result<bool> {
        match self.progress.poll() {
            Signal::Abort => Err(Error::Cancelled),
            signal => Ok(signal == Signal::Continue),
        }
    }

    /// Reports a figure worth watching.
    pub fn metric(&self, task: &str, name: &str, value: f64) {
        self.progress.metric(task, name, value);
    }

    /// Closes a task.
    pub fn end(&self, task: &str) {
        self.progress.end(task);
    }

    /// Tells the user something; the work goes on.
    pub fn warn(&self, message: &str) {
        self.progress.warn(message);
    }
}

/// FNV-1a, 64 bit: a fixed, documented hash, so that streams never change with a library.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    #[test]
    fn streams_differ_by_seed_name_and_item() {
        let draw = |seed, name, item| Ctx::new(seed).rng(name, item).random::<u64>();
        let all = [draw(0, "a", 0), draw(1, "a", 0), draw(0, "b", 0), draw(0, "a", 1)];
        for i in 0..4 {
            for j in 0..i {
                assert_ne!(all[i], all[j]);
            }
        }
    }

    #[test]
    fn abort_is_an_error_and_stop_is_not() {
        struct Says(Signal);
        impl Progress for Says {
            fn poll(&self) -> Signal {
                self.0
            }
        }
        let stop = Says(Signal::Stop);
        let ctx = Ctx::new(0).with_progress(&stop);
        assert!(ctx.tick("t", 1).is_ok() && ctx.stopping());
        let abort = Says(Signal::Abort);
        assert!(matches!(Ctx::new(0).with_progress(&abort).tick("t", 1), Err(Error::Cancelled)));
    }
}
