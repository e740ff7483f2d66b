//! Stories of the whole supervisor under a virtual clock: what users are promised (spec/supervision.md).

mod daemons;
mod dependencies;
mod hooks;
mod jobs;
mod readiness;
mod reload;
mod succession;

use super::Plan;
use super::event::{Event, FaultKind};
use super::main_command::Treatment;
use super::standing::Standing;
use super::world::{Manner, World, seconds, service, services};
use crate::model::command::ProcessSpec;
use crate::model::exit::Exit;
use crate::model::service::{MaxRestarts, Restart, ServiceSpec, StopGroup};
use crate::model::signal::Signal;
use std::time::Duration;

fn ends(after: f64, code: u8) -> Manner {
    Manner { ends: Some((seconds(after), Exit::Code(code))), ..Manner::default() }
}

fn obeys(after: Option<f64>) -> Manner {
    Manner { obeys: after.map(seconds), ..Manner::default() }
}

fn main_command() -> Plan {
    let process = ProcessSpec { command: vec!["main".into()], ..ProcessSpec::default() };
    Plan { main: Some(process), shutdown_timeout: Duration::from_secs(8), ..Plan::default() }
}

fn stop(world: &mut World) {
    world.happen(Event::Signalled(Signal::TERM));
    world.pass(seconds(20.0));
    assert_eq!(world.broken, None);
    assert!(world.left.is_some(), "it has left: {:?}", world.story);
}

#[test]
fn a_crashing_service_backs_off_and_a_good_run_ends_that() {
    let mut world = World::new(services(vec![service("web")])).manner(0, ends(0.0, 1)).begin();
    world.pass(seconds(3.2));
    assert_eq!(world.times("web starts"), [0, 100, 300, 700, 1500, 3100]);
    assert!(world.said("web: exited with 1 after 0ms; restart in 400ms (3 in a row)"));
    world.manners.insert(crate::model::unit::UnitId(0), ends(12.0, 0));
    world.pass(seconds(30.0));
    let starts = world.times("web starts");
    assert_eq!(starts[6..8], [6300, 18_300], "a run of 12 s is a good one: the next start is at once");
    assert!(world.said("web: exited with 0 after 12s; restart at once"));
}

#[test]
fn with_startsecs_0_starts_are_still_10_ms_apart() {
    let spec = ServiceSpec { startsecs: Duration::ZERO, ..service("web") };
    let mut world = World::new(services(vec![spec])).manner(0, ends(0.0, 1)).begin();
    world.pass(seconds(0.1));
    assert_eq!(world.times("web starts"), [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
}

#[test]
fn a_launch_that_fails_is_a_short_run() {
    let manner = Manner { broken: Some(FaultKind::NotFound), ..Manner::default() };
    let spec = ServiceSpec { max_restarts: Some(MaxRestarts::InARow(2)), ..service("web") };
    let mut world = World::new(services(vec![spec])).manner(0, manner).begin();
    world.pass(seconds(10.0));
    assert!(world.said("web: cannot execute 'web': no such file; restart in 100ms (1 in a row)"));
    assert!(world.said("failed: max_restarts reached"));
    assert_eq!(world.left, Some(1), "nothing is left to run");
    assert_eq!(world.last_words(), "stopping: nothing is left to run: failed: web; exit status 1");
}

#[test]
fn a_launch_without_the_means_for_it_is_tried_again_whatever_restart_says() {
    let starved = Manner { broken: Some(FaultKind::Exhausted), ..Manner::default() };
    for restart in [Restart::Always, Restart::OnFailure, Restart::Never] {
        let limit = Some(MaxRestarts::InARow(1));
        let spec = ServiceSpec { restart, critical: true, max_restarts: limit, ..service("batch") };
        let mut world = World::new(services(vec![spec])).manner(0, starved).begin();
        world.pass(seconds(60.0));
        assert!(world.said("batch: cannot execute 'batch': cannot allocate memory; tried again in 100ms (1 in a row)"));
        assert!(world.said("tried again in 25.6s (9 in a row)"), "{:?}", world.story);
        assert_eq!(world.left, None, "{restart:?}");
        // What it was starved of doesn't count when it is judged at last.
        world.manners.insert(crate::model::unit::UnitId(0), ends(0.0, 3));
        world.pass(seconds(60.0));
        assert_eq!(world.left, Some(3), "{restart:?}");
        let starts = world.times("batch starts");
        match restart {
            Restart::Always | Restart::OnFailure => assert_eq!(starts, [81_100, 81_200]),
            Restart::Never => assert_eq!(starts, [81_100]),
        }
    }
}

#[test]
fn a_starved_service_is_stopped_at_once() {
    let starved = Manner { broken: Some(FaultKind::Exhausted), ..Manner::default() };
    let spec = ServiceSpec { oneshot: true, restart: Restart::Never, ..service("migrate") };
    let plan = Plan { services: vec![spec], ..main_command() };
    let mut world = World::new(plan).manner(0, starved).begin();
    world.pass(seconds(1.0));
    assert!(world.times("main starts").is_empty() && world.left.is_none(), "{:?}", world.story);
    stop(&mut world);
    assert_eq!((world.left, world.elapsed()), (Some(0), 1000));
}

#[test]
fn a_main_command_without_the_means_for_it_ends_wingmate_with_1() {
    let starved = Manner { broken: Some(FaultKind::Exhausted), ..Manner::default() };
    let mut world = World::new(main_command()).manner(0, starved).begin();
    world.pass(seconds(1.0));
    assert_eq!(world.left, Some(1));
    assert!(world.last_words().starts_with("stopping: main command: cannot execute 'main': cannot allocate memory"));
}

#[test]
fn done_and_failed_end_wingmate_when_nothing_is_left() {
    for (restart, code, status) in [
        (Restart::Never, 0, Some(0)),
        (Restart::Never, 3, Some(1)),
        (Restart::OnFailure, 0, Some(0)),
        (Restart::OnFailure, 3, None),
        (Restart::Always, 0, None),
    ] {
        let spec = ServiceSpec { restart, ..service("batch") };
        let mut world = World::new(services(vec![spec])).manner(0, ends(1.0, code)).begin();
        world.pass(seconds(5.0));
        assert_eq!(world.left, status, "{restart:?} {code}");
    }
}

#[test]
fn services_that_do_not_start_by_themselves_keep_nothing_up() {
    let asleep = ServiceSpec { autostart: false, ..service("debug") };
    let batch = ServiceSpec { restart: Restart::Never, ..service("batch") };
    let mut world = World::new(services(vec![asleep.clone(), batch])).manner(1, ends(1.0, 0)).begin();
    world.pass(seconds(5.0));
    assert_eq!(world.left, Some(0));
    assert!(world.times("debug starts").is_empty());
    let mut world = World::new(services(vec![asleep])).begin();
    world.pass(seconds(5.0));
    assert_eq!(world.left, None, "somebody wanted a container to start things in by hand");
}

#[test]
fn a_critical_service_takes_everything_with_it() {
    let spec = ServiceSpec { critical: true, max_restarts: Some(MaxRestarts::InARow(1)), ..service("api") };
    let mut world = World::new(services(vec![spec, service("web")])).manner(0, ends(1.0, 3)).begin();
    world.pass(seconds(30.0));
    assert_eq!(world.left, Some(3));
    assert_eq!(
        world.last_words(),
        "stopping: critical service api exited with 3 after 1 restart in 2.1s; exit status 3"
    );
    assert_eq!(world.times("SIGTERM to web").len(), 1);
}

#[test]
fn leftovers_go_before_the_next_start() {
    let manner = Manner { leaves: true, obeys: Some(seconds(0.3)), ..ends(20.0, 1) };
    let mut world = World::new(services(vec![service("web")])).manner(0, manner).begin();
    world.pass(seconds(25.0));
    let starts = world.times("web starts");
    assert_eq!(starts, [0, 20_300], "the child had its stop signal at 20 s and took 300 ms");
    assert_eq!(world.broken, None);
}

#[test]
fn stubborn_leftovers_are_killed_after_a_second() {
    let manner = Manner { leaves: true, obeys: None, ..ends(20.0, 1) };
    let mut world = World::new(services(vec![service("web")])).manner(0, manner).begin();
    world.pass(seconds(25.0));
    assert_eq!(world.times("SIGKILL to web"), [21_000]);
    assert_eq!(world.times("web starts"), [0, 21_000]);
}

#[test]
fn stop_group_false_leaves_them() {
    let mut spec = service("web");
    spec.stop.group = StopGroup::Main;
    let manner = Manner { leaves: true, obeys: None, ..ends(20.0, 1) };
    let mut world = World::new(services(vec![spec])).manner(0, manner).begin();
    world.pass(seconds(25.0));
    assert_eq!(world.times("web starts"), [0, 20_000]);
    assert!(world.times("SIGKILL to web").is_empty());
}

#[test]
fn well_behaved_units_leave_no_waiting() {
    let mut world = World::new(services(vec![service("a"), service("b")])).begin();
    world.pass(seconds(1.0));
    stop(&mut world);
    assert_eq!(world.left, Some(0));
    assert_eq!(world.elapsed(), 1000);
    assert_eq!(world.last_words(), "stopped: SIGTERM received 0ms ago; exit status 0");
}

#[test]
fn the_main_command_and_jobs_stop_first() {
    let plan = Plan { services: vec![service("db")], ..main_command() };
    let mut world = World::new(plan).manner(0, obeys(Some(0.2))).manner(1, obeys(Some(0.5))).begin();
    world.pass(seconds(1.0));
    stop(&mut world);
    assert_eq!(world.times("SIGTERM to main"), [1000]);
    assert_eq!(world.times("SIGTERM to db"), [1500]);
    assert_eq!(world.left, Some(143), "its status is the main command's");
    assert_eq!(world.elapsed(), 1700);
}

#[test]
fn what_the_main_command_leaves_behind_is_asked_to_end_before_it_is_killed() {
    let left = |plan: Plan| {
        let manner = Manner { leaves: true, obeys: Some(seconds(0.2)), ..Manner::default() };
        let mut world = World::new(plan).manner(0, manner).begin();
        stop(&mut world);
        assert!(!world.said("SIGKILL to main"), "{:?}", world.story);
        assert_eq!(world.left, Some(143));
        (world.times("SIGTERM to main"), world.elapsed())
    };
    assert_eq!(left(main_command()), (vec![0, 200], 400));
    let treatment = Treatment { group: true, ..Treatment::default() };
    assert_eq!(left(Plan { treatment, ..main_command() }), (vec![0], 200), "the whole group had it at once");
}

#[test]
fn everybody_gets_a_stop_signal_and_time_before_any_kill() {
    let plan = Plan { services: vec![service("db")], ..main_command() };
    let mut world = World::new(plan).manner(0, obeys(None)).manner(1, obeys(None)).begin();
    stop(&mut world);
    assert_eq!(world.times("SIGTERM to main"), [0]);
    assert_eq!(world.times("SIGKILL to main").first(), Some(&3850), "half of 7.7 s");
    assert_eq!(world.times("SIGTERM to db"), [3850]);
    assert_eq!(world.times("SIGKILL to db").first(), Some(&7700));
    assert_eq!(world.elapsed(), 7700);
    assert_eq!(world.left, Some(137));
    assert!(world.last_words().contains("killed because their time was over: db, main"));
}

#[test]
fn a_stop_timeout_shorter_than_the_share_holds() {
    let mut spec = service("db");
    spec.stop.timeout = seconds(2.0);
    let mut world = World::new(services(vec![spec])).manner(0, obeys(None)).begin();
    stop(&mut world);
    assert_eq!(world.times("SIGKILL to db").first(), Some(&2000));
    assert_eq!(world.left, Some(0));
}

#[test]
fn a_second_signal_kills_and_a_repeated_one_does_not() {
    let plan = Plan { services: vec![service("db")], ..main_command() };
    let mut world = World::new(plan).manner(0, obeys(None)).manner(1, obeys(None)).begin();
    world.happen(Event::Signalled(Signal::TERM));
    world.pass(seconds(0.2));
    world.happen(Event::Signalled(Signal::TERM));
    world.pass(seconds(0.2));
    assert_eq!(world.left, None, "the engine repeated itself");
    world.happen(Event::Signalled(Signal::INT));
    world.pass(seconds(1.0));
    assert_eq!(world.times("SIGTERM to main"), [0]);
    assert!(world.times("SIGINT to main").is_empty(), "it isn't passed on");
    assert_eq!(world.times("SIGTERM to db"), [400], "it hadn't had its stop signal");
    assert_eq!(world.elapsed(), 400);
    assert_eq!(world.left, Some(137));
}

#[test]
fn nothing_is_restarted_during_a_shutdown() {
    let plan = Plan { services: vec![service("db"), service("broken")], ..main_command() };
    let mut world =
        World::new(plan).manner(0, ends(2.0, 1)).manner(1, ends(0.5, 1)).manner(2, obeys(Some(3.0))).begin();
    world.pass(seconds(1.9));
    stop(&mut world);
    assert_eq!(world.times("db starts"), [0]);
    assert_eq!(world.left, Some(143));
}

#[test]
fn a_main_command_that_is_not_dead_in_time_was_killed_all_the_same() {
    let manner = Manner { undying: true, ..Manner::default() };
    let mut world = World::new(main_command()).manner(0, manner).begin();
    world.pass(seconds(1.0));
    stop(&mut world);
    assert_eq!(world.times("SIGKILL to main").first(), Some(&8700));
    assert_eq!(world.left, Some(137), "its time ran out");
    assert_eq!(
        world.last_words(),
        "stopped: SIGTERM received 8s ago; killed because their time was over: main; exit status 137"
    );
}

#[test]
fn the_main_command_waits_for_oneshots_and_its_end_is_the_end() {
    let migrate = ServiceSpec { oneshot: true, restart: Restart::Never, ..service("migrate") };
    let plan = Plan { services: vec![migrate.clone()], ..main_command() };
    let mut world = World::new(plan).manner(0, ends(2.0, 0)).manner(1, ends(3.0, 7)).begin();
    world.pass(seconds(10.0));
    assert_eq!(world.times("main starts"), [2000]);
    assert_eq!(world.left, Some(7));
    assert_eq!(world.last_words(), "stopping: main command exited with 7; exit status 7");

    let plan = Plan { services: vec![migrate], ..main_command() };
    let mut world = World::new(plan).manner(0, ends(2.0, 5)).begin();
    world.pass(seconds(10.0));
    assert!(world.times("main starts").is_empty());
    assert_eq!(world.left, Some(1));
    assert_eq!(world.last_words(), "stopping: main command not started: migrate failed; exit status 1");
}

#[test]
fn signals_before_the_main_command_are_kept_and_one_that_stops_cancels_it() {
    let migrate = ServiceSpec { oneshot: true, restart: Restart::Never, ..service("migrate") };
    let plan = Plan { services: vec![migrate.clone()], ..main_command() };
    let mut world = World::new(plan).manner(0, ends(2.0, 0)).begin();
    world.happen(Event::Signalled(Signal::USR1));
    world.pass(seconds(3.0));
    assert_eq!(world.times("SIGUSR1 to main"), [2000]);

    let plan = Plan { services: vec![migrate], ..main_command() };
    let mut world = World::new(plan).manner(0, ends(2.0, 0)).begin();
    stop(&mut world);
    assert!(world.times("main starts").is_empty());
    assert_eq!(world.left, Some(0));
}

#[test]
fn a_main_command_that_cannot_be_started_says_so() {
    let manner = Manner { broken: Some(FaultKind::NotFound), ..Manner::default() };
    let mut world = World::new(main_command()).manner(0, manner).begin();
    world.pass(seconds(1.0));
    assert_eq!(world.left, Some(127));
}

#[test]
fn a_signal_that_asks_to_stop_is_the_main_commands_stop_signal() {
    let mut world = World::new(main_command()).begin();
    world.happen(Event::Signalled(Signal::QUIT));
    world.pass(seconds(1.0));
    assert_eq!(world.times("SIGQUIT to main").len(), 1);
    assert_eq!(world.times("SIGCONT to main"), [0], "it may stand still");
    assert!(world.times("SIGTERM to main").is_empty());
    assert_eq!(world.left, Some(131));
}

#[test]
fn what_a_stopped_main_command_leaves_behind_gets_a_stop_signal_too() {
    let manner = Manner { leaves: true, ..obeys(Some(0.2)) };
    for group in [false, true] {
        let treatment = Treatment { group, ..Treatment::default() };
        let mut world = World::new(Plan { treatment, ..main_command() }).manner(0, manner).begin();
        stop(&mut world);
        assert_eq!(world.times("SIGTERM to main"), if group { vec![0] } else { vec![0, 200] }, "once each");
        assert!(world.times("SIGKILL to main").is_empty(), "{:?}", world.story);
        assert_eq!(world.left, Some(143));
    }
}

#[test]
fn max_restarts_within_a_window_counts_good_runs_too() {
    let spec = ServiceSpec {
        startsecs: Duration::ZERO,
        max_restarts: Some(MaxRestarts::Within { count: 3, within: seconds(60.0) }),
        ..service("web")
    };
    let mut world = World::new(services(vec![spec])).manner(0, ends(1.0, 0)).begin();
    world.pass(seconds(10.0));
    assert_eq!(world.times("web starts"), [0, 1000, 2000, 3000]);
    assert_eq!(world.left, Some(1));
}

#[test]
fn what_is_left_by_nobodys_group_goes_in_the_last_act() {
    let mut spec = service("web");
    spec.stop.group = StopGroup::Main;
    let manner = Manner { leaves: true, obeys: None, ..Manner::default() };
    let mut world = World::new(services(vec![spec])).manner(0, manner).begin();
    let main = world.pid(0).unwrap();
    world.end(main, Exit::Code(0));
    assert!(matches!(world.supervisor.services().next().unwrap().standing(), Standing::Backoff { .. }));
    stop(&mut world);
    assert_eq!(world.elapsed(), 500, "TERM, 500 ms, KILL");
    assert!(world.alive().is_empty());
}
