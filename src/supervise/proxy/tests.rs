//! Stories of one forking daemon, event by event, and a random walk.

use super::*;
use crate::model::signal::Signal;

const OK: Exit = Exit::Code(0);
const KILLED: Exit = Exit::Signal { signal: Signal::KILL, core: false };
const START: Mono = Mono::from_nanos(1_000_000_000);
const UNTIL: Mono = Mono::from_nanos(31_000_000_000);

fn pid(raw: i32) -> Pid {
    Pid::from_raw(raw).unwrap()
}

/// A story: the starter is 10, the daemon 20, its successor 30.
struct Story(Proxy);

impl Story {
    fn begin() -> Story {
        Story(Proxy::new(pid(10), UNTIL))
    }

    fn step(&mut self, event: Event) -> Step {
        self.0.handle(event, START)
    }

    fn exit(&mut self, raw: i32, exit: Exit, lingering: bool) -> Step {
        self.step(Event::Exited { pid: pid(raw), exit: Some(exit), lingering })
    }

    fn vanish(&mut self, raw: i32, lingering: bool) -> Step {
        self.step(Event::Exited { pid: pid(raw), exit: None, lingering })
    }

    fn name(&mut self, raw: i32) -> Step {
        self.step(Event::Candidate(pid(raw)))
    }

    /// The common beginning: the starter forks, goes, and the daemon is named.
    fn running() -> Story {
        let mut story = Story::begin();
        assert_eq!(story.exit(10, OK, true), Step::Await);
        assert_eq!(story.name(20), Step::Adopted(pid(20)));
        story
    }
}

#[test]
fn a_daemon_is_adopted_and_its_end_is_the_end() {
    for exit in [OK, Exit::Code(3), KILLED] {
        let mut story = Story::running();
        assert_eq!(story.0.deadline(), None);
        assert_eq!(story.0.daemon(), Some(pid(20)));
        assert_eq!(story.exit(21, Exit::Code(9), true), Step::Nothing, "an orphan of the daemon");
        assert_eq!(story.exit(20, exit, false), Step::Ended(Ending::Daemon(Some(exit))));
        assert_eq!(story.exit(20, exit, false), Step::Nothing);
    }
}

#[test]
fn a_daemon_may_be_named_before_the_starter_has_gone() {
    let mut story = Story::begin();
    assert_eq!(story.name(20), Step::Adopted(pid(20)));
    assert_eq!(story.exit(10, OK, true), Step::Nothing);
    assert_eq!(story.exit(20, Exit::Code(1), false), Step::Ended(Ending::Daemon(Some(Exit::Code(1)))));
}

#[test]
fn a_starter_that_fails_ends_it_in_every_state() {
    let failed = Step::Ended(Ending::StarterFailed(Exit::Code(3)));
    let mut story = Story::begin();
    assert_eq!(story.exit(10, Exit::Code(3), true), failed);
    let mut story = Story::begin();
    story.name(20);
    assert_eq!(story.exit(10, Exit::Code(3), true), failed);
    let mut story = Story::begin();
    story.name(20);
    assert_eq!(story.exit(20, OK, true), Step::Await);
    assert_eq!(story.exit(10, Exit::Code(3), true), failed);
}

#[test]
fn a_starter_that_stays_is_the_daemon() {
    for exit in [OK, Exit::Code(3), KILLED] {
        let mut story = Story::begin();
        assert_eq!(story.name(10), Step::Adopted(pid(10)));
        assert_eq!(story.exit(10, exit, false), Step::Ended(Ending::Daemon(Some(exit))));
    }
}

#[test]
fn a_starter_that_named_itself_and_goes_was_no_daemon() {
    let gone = || {
        let mut story = Story::begin();
        story.name(10);
        assert_eq!(story.exit(10, OK, true), Step::Await);
        assert_eq!((story.0.deadline(), story.0.hands_over()), (Some(UNTIL), false), "the start's own time");
        story
    };
    let mut story = gone();
    assert_eq!(story.name(20), Step::Adopted(pid(20)));
    assert_eq!(story.exit(20, OK, true), Step::Await);
    assert_eq!(story.0.deadline(), Some(START + HAND_OVER), "this one hands over");
    assert_eq!(gone().0.expire(UNTIL), Step::Ended(Ending::TimedOut));
    assert_eq!(gone().step(Event::Alone), Step::Ended(Ending::Daemon(Some(OK))), "it had stayed");
    assert_eq!(gone().step(Event::Stopping), Step::Ended(Ending::Stopped(None)));
    // Who takes the file along was the daemon, and may be succeeded as any.
    let mut story = gone();
    assert_eq!(story.step(Event::Withdrawn), Step::Nothing);
    assert_eq!((story.0.deadline(), story.0.hands_over()), (Some(START + HAND_OVER), true));
    assert_eq!(story.0.expire(START + HAND_OVER), Step::Ended(Ending::Daemon(Some(OK))));
}

#[test]
fn a_starter_that_stayed_hands_over() {
    let later = UNTIL + Duration::from_secs(1);
    let mut story = Story::begin();
    story.name(10);
    let end = Event::Exited { pid: pid(10), exit: Some(OK), lingering: true };
    assert_eq!(story.0.handle(end, UNTIL), Step::Await, "after the start's time");
    assert_eq!(story.0.deadline(), Some(UNTIL + HAND_OVER));
    let mut story = Story::begin();
    assert_eq!(story.step(Event::Asked), Step::Nothing, "there was no daemon to be asked");
    story.name(10);
    story.step(Event::Asked);
    assert_eq!(story.exit(10, OK, true), Step::Await);
    assert_eq!((story.0.deadline(), story.0.hands_over()), (Some(START + HAND_OVER), true), "it was asked to");
    assert_eq!(story.0.expire(later), Step::Ended(Ending::Daemon(Some(OK))));
}

#[test]
fn a_starter_that_named_itself_and_failed_was_the_daemon() {
    for exit in [Exit::Code(3), KILLED] {
        let mut story = Story::begin();
        story.name(10);
        assert_eq!(story.exit(10, exit, true), Step::Ended(Ending::Daemon(Some(exit))));
    }
    let mut story = Story::begin();
    story.name(10);
    story.step(Event::Stopping);
    assert_eq!(story.exit(10, OK, true), Step::Await);
    assert_eq!(story.0.deadline(), Some(START), "a successor that is named already");
}

#[test]
fn nothing_left_is_not_waited_for() {
    let mut story = Story::begin();
    assert_eq!(story.exit(10, OK, false), Step::Ended(Ending::NothingLeft));
    let mut story = Story::begin();
    story.exit(10, OK, true);
    assert_eq!(story.step(Event::Alone), Step::Ended(Ending::NothingLeft));
    let mut story = Story::running();
    story.exit(20, OK, true);
    assert_eq!(story.step(Event::Alone), Step::Ended(Ending::Daemon(Some(OK))));
}

#[test]
fn the_start_has_its_time_and_no_more() {
    for gone in [false, true] {
        let mut story = Story::begin();
        if gone {
            story.exit(10, OK, true);
        }
        assert_eq!(story.0.deadline(), Some(UNTIL));
        assert_eq!(story.0.expire(START), Step::Nothing);
        assert_eq!(story.0.expire(UNTIL), Step::Ended(Ending::TimedOut));
        assert_eq!(story.0.expire(UNTIL), Step::Nothing);
    }
}

#[test]
fn a_pause_is_not_counted() {
    let pause = Duration::from_secs(100);
    let mut story = Story::begin();
    story.0.prolong(pause);
    assert_eq!(story.0.deadline(), Some(UNTIL + pause));
    story.name(10);
    let end = Event::Exited { pid: pid(10), exit: Some(OK), lingering: true };
    assert_eq!(story.0.handle(end, UNTIL), Step::Await);
    assert_eq!((story.0.deadline(), story.0.hands_over()), (Some(UNTIL + pause), false));
    let mut story = Story::running();
    story.0.prolong(pause);
    assert_eq!(story.0.deadline(), None);
}

#[test]
fn a_hand_over_has_two_seconds() {
    let mut story = Story::running();
    assert_eq!(story.exit(20, OK, true), Step::Await);
    assert_eq!(story.0.daemon(), None);
    assert_eq!(story.0.deadline(), Some(START + HAND_OVER));
    assert_eq!(story.name(30), Step::Adopted(pid(30)));
    assert_eq!(story.exit(30, OK, true), Step::Await);
    assert_eq!(story.0.expire(START + HAND_OVER), Step::Ended(Ending::Daemon(Some(OK))));
}

#[test]
fn one_that_came_and_went_shows_that_the_chain_goes_on() {
    let later = START + Duration::from_secs(1);
    let mut story = Story::running();
    story.exit(20, OK, true);
    assert_eq!(story.0.handle(Event::Passed(pid(20)), later), Step::Nothing);
    assert_eq!(story.0.deadline(), Some(START + HAND_OVER), "that's the old one");
    for again in [later, later + Duration::from_secs(1)] {
        assert_eq!(story.0.handle(Event::Passed(pid(21)), again), Step::Nothing);
        assert_eq!(story.0.deadline(), Some(later + HAND_OVER), "told once");
    }
    assert_eq!(story.name(30), Step::Adopted(pid(30)));
    let mut story = Story::running();
    story.exit(20, OK, true);
    story.step(Event::Stopping);
    assert_eq!(story.0.handle(Event::Passed(pid(21)), later), Step::Nothing);
    assert_eq!(story.0.deadline(), Some(START + HAND_OVER), "a stop isn't put off");
    let mut story = Story::begin();
    assert_eq!(story.step(Event::Passed(pid(21))), Step::Nothing);
    assert_eq!(story.0.deadline(), Some(UNTIL), "nor is the start's time");
}

#[test]
fn a_bad_end_is_no_hand_over() {
    for exit in [Exit::Code(1), KILLED] {
        let mut story = Story::running();
        assert_eq!(story.exit(20, exit, true), Step::Ended(Ending::Daemon(Some(exit))));
    }
    let mut story = Story::running();
    assert_eq!(story.vanish(20, true), Step::Ended(Ending::Daemon(None)));
}

#[test]
fn after_a_stop_any_end_is_the_end() {
    let mut story = Story::running();
    assert_eq!(story.step(Event::Stopping), Step::Nothing);
    assert_eq!(story.exit(20, OK, false), Step::Ended(Ending::Daemon(Some(OK))));
    let mut story = Story::begin();
    story.name(20);
    story.step(Event::Stopping);
    assert_eq!(story.exit(10, KILLED, true), Step::Nothing, "the daemon is what counts");
    assert_eq!(story.vanish(20, true), Step::Ended(Ending::Daemon(None)));
}

#[test]
fn the_starter_speaks_for_a_child_that_only_it_could_reap() {
    let mut story = Story::begin();
    story.name(20);
    assert_eq!(story.vanish(20, true), Step::Await);
    assert_eq!(story.exit(10, Exit::Code(4), false), Step::Ended(Ending::Daemon(Some(Exit::Code(4)))));
    let mut story = Story::begin();
    story.name(20);
    story.step(Event::Stopping);
    story.vanish(20, true);
    assert_eq!(story.0.expire(START + PARTING), Step::Ended(Ending::Daemon(None)), "it doesn't go");
}

#[test]
fn a_daemon_that_its_starter_left_unreaped_speaks_for_itself() {
    for stopping in [false, true] {
        let mut story = Story::begin();
        story.name(20);
        if stopping {
            story.step(Event::Stopping);
        }
        assert_eq!(story.vanish(20, true), Step::Await);
        assert_eq!(story.0.unreaped(), Some(pid(20)));
        assert_eq!(story.exit(20, Exit::Code(5), true), Step::Ended(Ending::Daemon(Some(Exit::Code(5)))));
    }
    let mut story = Story::begin();
    story.name(20);
    story.vanish(20, true);
    assert_eq!(story.exit(20, OK, true), Step::Await, "now it is known to have ended with 0");
    assert_eq!((story.0.unreaped(), story.0.deadline()), (None, Some(START + HAND_OVER)));
    assert_eq!(story.exit(10, OK, true), Step::Nothing);
}

#[test]
fn any_parent_may_be_slow_to_leave_the_daemon_to_us() {
    for stopping in [false, true] {
        let mut story = Story::running();
        if stopping {
            story.step(Event::Stopping);
        }
        assert_eq!(story.step(Event::Unreaped(pid(21))), Step::Nothing, "that's no daemon");
        assert_eq!(story.step(Event::Unreaped(pid(20))), Step::Await);
        assert_eq!((story.0.unreaped(), story.0.deadline()), (Some(pid(20)), Some(START + PARTING)));
        assert_eq!(story.exit(20, KILLED, true), Step::Ended(Ending::Daemon(Some(KILLED))));
    }
    let mut story = Story::running();
    story.step(Event::Unreaped(pid(20)));
    assert_eq!(story.0.expire(START + PARTING), Step::Ended(Ending::Daemon(None)), "it keeps it");
    let mut story = Story::begin();
    story.name(20);
    story.step(Event::Unreaped(pid(20)));
    assert_eq!(story.0.deadline(), Some(START + HAND_OVER), "the starter's, which has longer");
}

#[test]
fn while_stopping_only_a_successor_that_is_named_already_counts() {
    for named in [false, true] {
        let mut story = Story::running();
        story.step(Event::Stopping);
        assert_eq!(story.exit(20, OK, true), Step::Await);
        assert_eq!(story.0.deadline(), Some(START));
        if named {
            assert_eq!(story.name(30), Step::Adopted(pid(30)));
            assert_eq!(story.exit(30, KILLED, true), Step::Ended(Ending::Daemon(Some(KILLED))));
        } else {
            assert_eq!(story.0.expire(START), Step::Ended(Ending::Daemon(Some(OK))));
        }
    }
}

#[test]
fn stopped_before_there_is_a_daemon() {
    let mut story = Story::begin();
    assert_eq!(story.step(Event::Stopping), Step::Nothing);
    assert_eq!(story.name(20), Step::Nothing, "too late");
    assert_eq!(story.exit(10, KILLED, true), Step::Ended(Ending::Stopped(Some(KILLED))));
    let mut story = Story::begin();
    story.exit(10, OK, true);
    assert_eq!(story.step(Event::Stopping), Step::Ended(Ending::Stopped(None)));
}

#[test]
fn a_successor_that_comes_while_stopping_is_told_to_the_owner() {
    let mut story = Story::running();
    story.exit(20, OK, true);
    assert_eq!(story.step(Event::Stopping), Step::Nothing);
    assert_eq!(story.name(30), Step::Adopted(pid(30)));
    assert_eq!(story.exit(30, OK, false), Step::Ended(Ending::Daemon(Some(OK))));
}

/// A seeded random walk: whatever comes, in whatever order, it ends once, has a time in every state that
/// waits for a file, and says nothing after its end.
#[test]
fn any_event_in_any_state_is_answered_sanely() {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |bound: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % bound
    };
    let mut endings = 0;
    for _ in 0..20_000 {
        let mut proxy = Proxy::new(pid(10), UNTIL);
        let (mut now, mut ended) = (START, false);
        for _ in 0..20 {
            now = now + Duration::from_millis(random(4_000));
            let one = pid([10, 20, 30][random(3) as usize]);
            let exit = [None, Some(OK), Some(Exit::Code(1)), Some(KILLED)][random(4) as usize];
            let (named_itself, start_is_over) = (proxy.daemon() == Some(pid(10)), now >= UNTIL);
            let step = match random(10) {
                0..3 => proxy.handle(Event::Candidate(one), now),
                3..6 => proxy.handle(Event::Exited { pid: one, exit, lingering: random(2) == 0 }, now),
                6 => proxy
                    .handle([Event::Alone, Event::Withdrawn, Event::Asked, Event::Stopping][random(4) as usize], now),
                7 => proxy.handle(Event::Passed(one), now),
                8 => proxy.handle(Event::Unreaped(one), now),
                _ => proxy.expire(now),
            };
            assert!(!ended || step == Step::Nothing, "{step:?} after the end");
            match step {
                Step::Adopted(daemon) => assert_eq!(proxy.daemon(), Some(daemon)),
                Step::Await => {
                    assert!(proxy.awaits() && proxy.daemon().is_none());
                    let awaiting = matches!(proxy.state, State::Awaiting { own: Some(_), .. });
                    assert!(!awaiting || (named_itself && !start_is_over && proxy.deadline() == Some(UNTIL)));
                }
                Step::Ended(_) => ended = true,
                Step::Nothing => {}
            }
            let at_rest = proxy.daemon().is_some() || proxy.state == State::Stopping || ended;
            assert_eq!(proxy.awaits(), !at_rest);
        }
        endings += u32::from(ended);
    }
    assert!(endings > 15_000, "only {endings} stories ended");
}
