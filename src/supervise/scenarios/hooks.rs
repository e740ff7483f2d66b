//! Commands beside a service: before its start, for its stop, after its end.

use super::*;
use crate::model::service::Hook;

fn hook(timeout: f64) -> Option<Hook> {
    Some(Hook { command: vec!["hook".into()], identity: None, timeout: seconds(timeout) })
}

fn takes(after: f64, code: u8) -> Manner {
    Manner { hooks: (seconds(after), Exit::Code(code)), ..Manner::default() }
}

fn with_pre_start() -> ServiceSpec {
    let mut spec = service("web");
    spec.extras_mut().pre_start = hook(3.0);
    spec
}

fn with_stop_command(obeys: Option<f64>, command: f64) -> World {
    let mut spec = service("db");
    spec.stop.timeout = seconds(4.0);
    spec.extras_mut().stop_command = Some(vec!["pg_ctl".into()]);
    let manner = Manner { obeys: obeys.map(seconds), ..takes(command, 0) };
    World::new(services(vec![spec])).manner(0, manner).begin()
}

#[test]
fn pre_start_comes_first() {
    let mut world = World::new(services(vec![with_pre_start()])).manner(0, takes(1.0, 0)).begin();
    world.pass(seconds(2.0));
    assert_eq!(world.times("pre_start of web starts"), [0]);
    assert_eq!(world.times("web starts"), [1000]);
}

#[test]
fn a_pre_start_that_fails_is_a_short_run() {
    let spec = ServiceSpec { critical: true, max_restarts: Some(MaxRestarts::InARow(1)), ..with_pre_start() };
    let mut world = World::new(services(vec![spec])).manner(0, takes(1.0, 7)).begin();
    world.pass(seconds(9.0));
    assert!(world.said("web: pre_start exited with 7; restart in 100ms (1 in a row)"));
    assert_eq!(world.times("pre_start of web starts"), [0, 1100]);
    assert!(world.times("web starts").is_empty());
    assert_eq!(world.left, Some(1), "a start that failed, not the hook's status");
}

#[test]
fn a_pre_start_without_the_means_for_it_is_tried_again() {
    let spec = ServiceSpec { restart: Restart::Never, ..with_pre_start() };
    let starved = Manner { broken: Some(FaultKind::Exhausted), ..Manner::default() };
    let mut world = World::new(services(vec![spec])).manner(0, starved).begin();
    world.pass(seconds(0.35));
    assert!(world.said("pre_start of web': cannot allocate memory; tried again in 400ms (3 in a row)"));
    world.manners.insert(crate::model::unit::UnitId(0), Manner::default());
    world.pass(seconds(1.0));
    assert_eq!((world.times("pre_start of web starts"), world.times("web starts")), (vec![700], vec![700]));
}

#[test]
fn a_pre_start_that_takes_too_long_is_stopped() {
    let mut world = World::new(services(vec![with_pre_start()])).manner(0, takes(60.0, 0)).begin();
    world.pass(seconds(3.05));
    assert!(world.said("web: pre_start was not over within 3s; restart in 100ms (1 in a row)"));
    let stubborn = Manner { obeys: None, ..takes(60.0, 0) };
    let mut world = World::new(services(vec![with_pre_start()])).manner(0, stubborn).begin();
    world.pass(seconds(9.0));
    assert_eq!(world.times("SIGTERM to web"), [3000]);
    assert_eq!(world.times("SIGKILL to web").first(), Some(&8000));
}

#[test]
fn a_stop_during_pre_start_is_the_end_of_it() {
    let mut world = World::new(services(vec![with_pre_start()])).manner(0, takes(2.0, 0)).begin();
    world.pass(seconds(1.0));
    stop(&mut world);
    assert_eq!(world.times("SIGTERM to web"), [1000]);
    assert!(world.times("web starts").is_empty());
    assert_eq!(world.elapsed(), 1000);
}

#[test]
fn the_stop_command_runs_before_the_signal() {
    // It ends the process itself.
    let mut world = with_stop_command(Some(0.0), 1.0);
    world.happen(Event::Signalled(Signal::TERM));
    assert_eq!(world.times("stop.command of db starts"), [0]);
    let main = world.pid(0).unwrap();
    world.pass(seconds(0.5));
    world.end(main, Exit::Code(0));
    world.pass(seconds(2.0));
    assert!(world.times("SIGTERM to db").is_empty());
    assert_eq!((world.left, world.elapsed()), (Some(0), 1000), "the command is waited for too");
}

#[test]
fn the_signal_follows_when_the_stop_command_is_over_or_half_the_time() {
    let mut world = with_stop_command(Some(0.2), 0.5);
    stop(&mut world);
    assert_eq!((world.times("SIGTERM to db"), world.elapsed()), (vec![500], 700));
    let mut world = with_stop_command(Some(0.2), 60.0);
    stop(&mut world);
    assert_eq!(world.times("SIGTERM to db").first(), Some(&2000), "half of 4 s");
    assert_eq!(world.elapsed(), 4000, "a command without an end takes all the time, and no more");
}

#[test]
fn a_second_signal_runs_no_stop_command_for_those_that_had_none() {
    let mut spec = service("db");
    spec.extras_mut().stop_command = Some(vec!["pg_ctl".into()]);
    let plan = Plan { services: vec![spec], ..main_command() };
    let mut world = World::new(plan).manner(1, obeys(None)).begin();
    world.happen(Event::Signalled(Signal::TERM));
    world.pass(seconds(0.5));
    world.happen(Event::Signalled(Signal::TERM));
    world.pass(seconds(1.0));
    assert!(world.times("stop.command of db starts").is_empty());
    assert_eq!(world.times("SIGTERM to db"), [500]);
}

#[test]
fn post_stop_comes_last_and_before_the_next_start() {
    let mut spec = service("web");
    spec.extras_mut().post_stop = hook(3.0);
    let manner = Manner { hooks: (seconds(0.4), Exit::Code(1)), ..ends(20.0, 3) };
    let mut world = World::new(services(vec![spec])).manner(0, manner).begin();
    world.pass(seconds(25.0));
    assert!(world.said("web: exited with 3 after 20s; running post_stop"));
    assert!(world.said("web: post_stop exited with 1"), "it changes nothing by failing, but says so");
    assert_eq!(world.times("web starts"), [0, 20_400]);
    stop(&mut world);
    assert_eq!(world.times("post_stop of web starts"), [20_000, 25_000]);
    assert_eq!(world.elapsed(), 25_400);
}

#[test]
fn at_a_shutdown_post_stop_counts_into_the_units_time() {
    let mut spec = service("web");
    spec.extras_mut().post_stop = hook(30.0);
    let manner = Manner { obeys: Some(seconds(2.0)), ..takes(60.0, 0) };
    let mut world = World::new(services(vec![spec])).manner(0, manner).begin();
    stop(&mut world);
    assert_eq!(world.times("post_stop of web starts"), [2000]);
    assert!(world.elapsed() <= 7_700, "{}", world.elapsed());
    assert!(world.last_words().contains("killed because their time was over: web"), "{}", world.last_words());
}
