//! When an ended service starts again: delays, and the counts that end in `failed`.

use crate::model::moment::Mono;
use crate::model::service::{Backoff, MaxRestarts};
use std::collections::VecDeque;
use std::time::Duration;

/// Two starts of one unit by restart are at least this far apart, whatever the settings: a unit that ends at once
/// with `startsecs: 0` must not take a whole processor.
pub const SPACING: Duration = Duration::from_millis(10);

/// How a service's runs have gone so far.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Short runs since the last good one.
    pub short_in_a_row: u32,
    /// Launches since the last one that succeeded for which there was nothing to start the service with.
    pub starved_in_a_row: u32,
    /// Restarts since wingmate began.
    pub restarts: u32,
    /// When the restarts of the last window happened; empty unless `max_restarts` has one.
    recent: VecDeque<Mono>,
}

impl Record {
    /// Counts a run that has ended.
    pub fn ended(&mut self, good: bool) {
        self.short_in_a_row = if good { 0 } else { self.short_in_a_row.saturating_add(1) };
    }

    /// Counts a launch for which there was nothing to start the service with; it is no run.
    pub fn starved(&mut self) {
        self.starved_in_a_row = self.starved_in_a_row.saturating_add(1);
    }

    /// Whether one more restart at `now` would be one too many.
    pub fn exhausted(&mut self, limit: Option<MaxRestarts>, now: Mono) -> bool {
        match limit {
            None => false,
            Some(MaxRestarts::InARow(count)) => self.short_in_a_row > count,
            Some(MaxRestarts::Within { count, within }) => {
                while self.recent.front().is_some_and(|then| now.since(*then) >= within) {
                    self.recent.pop_front();
                }
                self.recent.len() as u64 >= u64::from(count)
            }
        }
    }

    /// Counts a restart at `now`.
    pub fn restarted(&mut self, limit: Option<MaxRestarts>, now: Mono) {
        self.restarts = self.restarts.saturating_add(1);
        if let Some(MaxRestarts::Within { .. }) = limit {
            self.recent.push_back(now);
        }
    }

    /// The delay that the short runs so far call for: none after a good one.
    pub fn delay(&self, backoff: Backoff) -> Duration {
        after(self.short_in_a_row, backoff)
    }

    /// The same for the launches that it was starved of.
    pub fn delay_of_starved(&self, backoff: Backoff) -> Duration {
        after(self.starved_in_a_row, backoff)
    }
}

/// The delay after so many failures in a row.
pub fn after(failures: u32, backoff: Backoff) -> Duration {
    match failures {
        0 => Duration::ZERO,
        count => backoff.initial.saturating_mul(1 << (count - 1).min(30)).min(backoff.max.max(backoff.initial)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Mono {
        Mono::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn delays_double_up_to_the_longest_and_a_good_run_ends_them() {
        let mut record = Record::default();
        let mut seen = Vec::new();
        for _ in 0..10 {
            record.ended(false);
            seen.push(record.delay(Backoff::default()).as_millis());
        }
        assert_eq!(seen, [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000]);
        record.ended(true);
        assert_eq!(record.delay(Backoff::default()), Duration::ZERO);
    }

    #[test]
    fn counts_do_not_overflow() {
        let mut record = Record { short_in_a_row: u32::MAX, ..Record::default() };
        record.ended(false);
        assert_eq!(record.delay(Backoff::default()), Duration::from_secs(30));
    }

    #[test]
    fn short_runs_in_a_row_are_limited() {
        let limit = Some(MaxRestarts::InARow(2));
        let mut record = Record::default();
        let over: Vec<bool> = (0..3)
            .map(|_| {
                record.ended(false);
                record.exhausted(limit, at(0))
            })
            .collect();
        assert_eq!(over, [false, false, true]);
    }

    #[test]
    fn restarts_within_a_window_are_limited() {
        let limit = Some(MaxRestarts::Within { count: 2, within: Duration::from_secs(10) });
        let mut record = Record::default();
        for second in [0, 5] {
            assert!(!record.exhausted(limit, at(second)));
            record.restarted(limit, at(second));
        }
        assert!(record.exhausted(limit, at(9)));
        assert!(!record.exhausted(limit, at(10)), "the first has left the window");
    }
}
