//! A cron job as the configuration asks for it. There may be ten thousand, so what is its own is packed, and what
//! entries of a crontab have in common they share.

use super::command::ProcessSpec;
use super::service::{Dependency, StopSpec};
use memchr::memchr;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;
use std::time::Duration;

/// A job: a process that is run when its schedule says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSpec {
    /// The name, the schedule, then the words of the command, each with a NUL behind it, which none of them can hold.
    packed: Box<[u8]>,
    pub manner: Rc<Manner>,
}

/// How a job is run, its own words aside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// Without a command.
    pub process: ProcessSpec,
    /// The words of the command are this shell's script.
    pub shell: Option<String>,
    /// The zone, as written; `None`: the one of the settings.
    pub timezone: Option<String>,
    pub stop: StopSpec,
    pub overlap: Overlap,
    /// A run that takes longer is stopped, and has failed.
    pub timeout: Option<Duration>,
    /// Each start is put off by less than this.
    pub jitter: Duration,
    pub retries: Retries,
    /// It also runs when wingmate starts.
    pub on_boot: bool,
    pub missed: Missed,
    /// When a run fails for good, everything stops and its status is wingmate's.
    pub critical: bool,
    /// Exits that are not failures; `None`: 0 alone.
    pub success_codes: Option<Vec<u8>>,
    /// What has to be so when it runs.
    pub depends_on: Vec<Dependency>,
}

/// What becomes of a run that is due while one is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlap {
    /// It doesn't take place.
    #[default]
    Skip,
    /// It starts beside the other.
    Allow,
    /// The other is stopped, then it starts.
    Replace,
}

impl Overlap {
    /// As it is written and read.
    pub fn name(self) -> &'static str {
        match self {
            Overlap::Skip => "skip",
            Overlap::Allow => "allow",
            Overlap::Replace => "replace",
        }
    }
}

/// What becomes of a run whose time fell into one when wingmate wasn't running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missed {
    /// Nothing.
    #[default]
    Skip,
    /// The last of them is made up for at start.
    Once,
}

impl Missed {
    /// As it is written and read.
    pub fn name(self) -> &'static str {
        match self {
            Missed::Skip => "skip",
            Missed::Once => "once",
        }
    }
}

/// How often a run that failed is tried again, and how long after its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    pub count: u32,
    pub delay: Duration,
}

/// The default of `retries.delay`.
pub const RETRY_DELAY: Duration = Duration::from_secs(1);

impl Default for Retries {
    fn default() -> Retries {
        Retries { count: 0, delay: RETRY_DELAY }
    }
}

impl JobSpec {
    /// A job by its own words: what it is called, when it runs (five fields or a macro, checked by
    /// `schedule::Schedule::parse`), what it runs, and how.
    pub fn new<'a>(
        name: &'a str,
        schedule: &'a str,
        command: impl Iterator<Item = &'a OsStr> + Clone,
        manner: Rc<Manner>,
    ) -> JobSpec {
        let words = || [name.as_bytes(), schedule.as_bytes()].into_iter().chain(command.clone().map(OsStr::as_bytes));
        let mut packed = Vec::with_capacity(words().map(|word| word.len() + 1).sum());
        for word in words() {
            packed.extend_from_slice(word);
            packed.push(0);
        }
        JobSpec { packed: packed.into_boxed_slice(), manner }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        std::str::from_utf8(first(&self.packed).0).unwrap_or_default()
    }

    /// When it runs, with one blank between the fields.
    pub fn schedule(&self) -> &str {
        std::str::from_utf8(first(self.deed()).0).unwrap_or_default()
    }

    /// All of its own but the name, as a key to compare it by.
    pub fn deed(&self) -> &[u8] {
        first(&self.packed).1
    }

    /// The words of its command.
    pub fn command(&self) -> impl Iterator<Item = &OsStr> {
        let shell = self.manner.shell.iter().flat_map(|shell| [OsStr::new(shell), OsStr::new("-c")]);
        shell.chain(self.own_words())
    }

    fn own_words(&self) -> impl Iterator<Item = &OsStr> {
        let mut rest = first(self.deed()).1;
        std::iter::from_fn(move || {
            let (word, behind) = (!rest.is_empty()).then(|| first(rest))?;
            rest = behind;
            Some(OsStr::from_bytes(word))
        })
    }

    /// All that its process is made from.
    pub fn process(&self) -> ProcessSpec {
        ProcessSpec { command: self.command().map(OsString::from).collect(), ..self.manner.process.clone() }
    }

    /// Whether it does the same at the same times, whatever it is called.
    pub fn does_the_same(&self, other: &JobSpec) -> bool {
        self.deed() == other.deed() && self.manner == other.manner
    }
}

/// The first of packed words, and what is behind it.
fn first(packed: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr(0, packed).unwrap_or(packed.len());
    (packed.get(..end).unwrap_or_default(), packed.get(end + 1..).unwrap_or_default())
}

impl Manner {
    /// Whether an exit with this code is no failure.
    pub fn is_success(&self, code: u8) -> bool {
        self.success_codes.as_deref().unwrap_or(&[0]).contains(&code)
    }

    /// By how much the start of the run that is due at `seconds` (Unix time) is put off: the same for the same job and
    /// moment, and evenly spread over others. FNV-1a over name and seconds (big-endian), its bits mixed by
    /// MurmurHash3's finalizer, taken as a fraction of 2^64.
    pub fn delay(&self, name: &str, seconds: i64) -> Duration {
        let bytes = name.bytes().chain(seconds.to_be_bytes());
        let hash =
            bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let mixed = [0xff51_afd7_ed55_8ccd_u64, 0xc4ce_b9fe_1a85_ec53]
            .into_iter()
            .fold(hash, |hash, factor| (hash ^ (hash >> 33)).wrapping_mul(factor));
        let spread = self.jitter.as_nanos().saturating_mul(u128::from(mixed ^ (mixed >> 33))) >> 64;
        Duration::from_nanos(u64::try_from(spread).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, command: &[&str]) -> JobSpec {
        JobSpec::new(name, "@hourly", command.iter().map(OsStr::new), Rc::default())
    }

    #[test]
    fn what_was_packed_comes_out() {
        let job = spec("tidy", &["/bin/tidy", "", "a b", "é"]);
        assert_eq!(
            (job.name(), job.command().collect::<Vec<_>>()),
            ("tidy", vec!["/bin/tidy", "", "a b", "é"].into_iter().map(OsStr::new).collect())
        );
        assert_eq!(job.process().command, ["/bin/tidy", "", "a b", "é"]);
        let other = spec("tidy-2", &["/bin/tidy", "", "a b", "é"]);
        assert_eq!((other.name(), other.process()), ("tidy-2", job.process()));
        assert!(other.does_the_same(&job) && other != job);
        assert!(!other.does_the_same(&spec("tidy-2", &["/bin/tidy", "", "a b"])));
        assert_eq!(size_of::<JobSpec>(), 24, "ten thousand of them are kept");
    }

    #[test]
    fn starts_are_spread_evenly_and_always_in_the_same_way() {
        let manner = Manner { jitter: Duration::from_secs(60), ..Manner::default() };
        let delays: Vec<Duration> = (0..600).map(|minute| manner.delay("tidy", minute * 60)).collect();
        assert!(delays.iter().all(|delay| *delay < manner.jitter));
        for sixth in 0..6 {
            let part = delays.iter().filter(|delay| delay.as_secs() / 10 == sixth).count();
            assert!((70..130).contains(&part), "{part} of 600 in the {sixth}th ten seconds");
        }
        assert_eq!(manner.delay("tidy", 60), delays[1]);
        assert_ne!(manner.delay("tidz", 60), delays[1]);
        assert_eq!(Manner::default().delay("tidy", 60), Duration::ZERO);
        // By another hand, from the words above.
        assert_eq!(manner.delay("tidy", 1_800_000_000), Duration::from_nanos(38_584_947_507));
    }

    #[test]
    fn zero_is_the_success_that_nobody_has_to_name() {
        assert!(Manner::default().is_success(0) && !Manner::default().is_success(3));
        let manner = Manner { success_codes: Some(vec![3]), ..Manner::default() };
        assert!(manner.is_success(3) && !manner.is_success(0));
    }
}
