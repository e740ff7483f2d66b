//! Readiness, health, signs of life.

use super::dependencies::after;
use super::*;
use crate::model::service::{Condition, Health, Probe, Ready, ReadyKind};
use crate::model::unit::UnitId;
use crate::supervise::event::Message;

fn ready(name: &str, kind: ReadyKind) -> ServiceSpec {
    let mut spec = service(name);
    spec.extras_mut().ready = Some(Ready { kind, interval: seconds(0.2), timeout: seconds(5.0) });
    spec
}

fn probed(name: &str) -> ServiceSpec {
    ready(name, ReadyKind::Probe(Probe::File("/up".into())))
}

fn healthy(name: &str, start_period: f64) -> ServiceSpec {
    let mut spec = service(name);
    let start_period = seconds(start_period);
    spec.extras_mut().health = Some(Health {
        probe: Probe::File("/up".into()),
        interval: seconds(1.0),
        timeout: seconds(0.5),
        retries: 3,
        start_period,
    });
    spec
}

fn fit(from: f64, to: Option<f64>) -> Manner {
    Manner { fit_after: seconds(from), unfit_after: to.map_or(Duration::MAX, seconds), ..Manner::default() }
}

fn notify(world: &mut World, unit: u32, message: Message) {
    let unit = UnitId(unit);
    let life = world.supervisor.unit(unit).and_then(|unit| unit.service()).unwrap().life;
    world.happen(Event::Notified { unit, life, message });
}

#[test]
fn a_service_is_up_when_its_probe_holds() {
    let plan = services(vec![probed("db"), after("web", &[("db", Condition::Ready)])]);
    let mut world = World::new(plan).manner(0, fit(1.1, None)).begin();
    world.pass(seconds(3.0));
    assert!(world.said("db: starting (pid 101), ready when file /up is there"));
    assert!(world.said("db: running (pid 101), ready after 1.2s"), "tried each 200 ms");
    assert_eq!(world.times("web starts"), [1200]);
}

#[test]
fn started_is_not_ready() {
    let plan = services(vec![probed("db"), after("web", &[("db", Condition::Started)])]);
    let mut world = World::new(plan).manner(0, fit(1.0, None)).begin();
    world.pass(seconds(3.0));
    assert_eq!(world.times("web starts"), [0]);
}

#[test]
fn who_is_not_ready_in_time_is_stopped_and_backs_off() {
    let mut world = World::new(services(vec![probed("db")])).manner(0, fit(60.0, None)).begin();
    world.pass(seconds(6.0));
    assert!(world.said("db: not ready within 5s (refused); stopping (SIGTERM, up to 5s)"));
    assert_eq!(world.times("db starts"), [0, 5100]);
    assert!(world.said("db: not ready within 5s (refused); restart in 100ms (1 in a row)"));
}

#[test]
fn not_being_ready_in_time_is_a_failure_whatever_the_exit_status() {
    let spec = ServiceSpec { restart: Restart::Never, critical: true, ..probed("db") };
    let mut world = World::new(services(vec![spec])).manner(0, fit(60.0, None)).begin();
    world.pass(seconds(9.0));
    assert_eq!(world.left, Some(1));
    assert_eq!(world.last_words(), "stopping: critical service db: not ready within 5s (refused); exit status 1");
}

#[test]
fn an_end_before_readiness_is_a_short_run() {
    let spec = ServiceSpec { startsecs: Duration::ZERO, ..probed("db") };
    let manner = Manner { fit_after: seconds(60.0), ..ends(1.0, 3) };
    let mut world = World::new(services(vec![spec])).manner(0, manner).begin();
    world.pass(seconds(1.5));
    assert!(world.said("db: exited with 3 after 1s, before it was ready; restart in 100ms (1 in a row)"));
}

#[test]
fn startsecs_counts_from_ready() {
    let spec = ServiceSpec { startsecs: seconds(2.0), ..probed("db") };
    let manner = Manner { fit_after: seconds(1.0), ..ends(2.5, 0) };
    let mut world = World::new(services(vec![spec])).manner(0, manner).begin();
    world.pass(seconds(2.6));
    assert!(world.said("db: exited with 0 after 1.5s; restart in 100ms (1 in a row)"));
}

#[test]
fn a_notification_makes_it_ready_and_more_time_may_be_asked_for() {
    let mut world = World::new(services(vec![ready("db", ReadyKind::Notify)])).begin();
    world.pass(seconds(4.0));
    notify(&mut world, 0, Message::ExtendTimeout(seconds(10.0)));
    notify(&mut world, 0, Message::Status("replaying the log".into()));
    world.pass(seconds(8.0));
    assert_eq!(world.times("db starts"), [0], "5 s alone would not have been enough");
    assert!(world.supervisor.status(world.now).iter().any(|line| line.contains("replaying the log")));
    notify(&mut world, 0, Message::Ready);
    assert!(world.said("db: running (pid 101), ready after 12s"));
}

#[test]
fn signs_of_readiness_of_another_life_count_for_nothing() {
    let mut world = World::new(services(vec![ready("db", ReadyKind::Log("up".into()))])).begin();
    world.happen(Event::Ready { unit: UnitId(0), life: crate::model::unit::Life(0) });
    assert!(!world.said("db: running"));
}

#[test]
fn health_that_cannot_be_checked_is_no_failure() {
    let mut world = World::new(services(vec![healthy("web", 0.0)])).manner(0, fit(0.0, None)).begin();
    world.pass(seconds(1.0));
    let starved = Manner { broken: Some(FaultKind::Exhausted), ..fit(0.0, Some(20.0)) };
    world.manners.insert(crate::model::unit::UnitId(0), starved);
    world.pass(seconds(60.0));
    assert!(world.said("web: its health could not be checked: cannot make a pipe"));
    assert!(!world.said("unhealthy"), "{:?}", world.story);
    // When it can be again, it counts.
    world.manners.insert(crate::model::unit::UnitId(0), fit(0.0, Some(20.0)));
    world.pass(seconds(20.0));
    assert!(world.said("unhealthy"));
}

#[test]
fn failures_in_a_row_make_it_unhealthy() {
    let mut world = World::new(services(vec![healthy("web", 0.0)])).manner(0, fit(0.0, Some(11.5))).begin();
    world.pass(seconds(20.0));
    assert!(world.said("web: health check failed (1 of 3): refused"));
    assert!(world.said("web: unhealthy after 14s: refused; stopping (SIGTERM, up to 5s)"));
    assert_eq!(world.times("web starts"), [0, 14_000], "it had been up long enough to be restarted at once");
}

#[test]
fn a_start_period_excuses_and_one_success_clears() {
    let mut world = World::new(services(vec![healthy("web", 5.5)])).manner(0, fit(5.2, None)).begin();
    world.pass(seconds(20.0));
    assert!(!world.said("health check failed"));
    assert_eq!(world.times("web starts"), [0]);
    // Two failures, one success, two failures.
    let mut world = World::new(services(vec![healthy("web", 0.0)])).manner(0, fit(2.5, None)).begin();
    world.pass(seconds(3.0));
    assert!(world.said("web: healthy again"));
    world.manners.insert(UnitId(0), fit(0.0, Some(3.5)));
    world.pass(seconds(2.5));
    assert_eq!(world.times("web starts"), [0]);
}

#[test]
fn a_hanging_probe_is_not_asked_again_before_its_answer() {
    let manner = Manner { answers: seconds(9.0), ..fit(60.0, None) };
    let mut world = World::new(services(vec![healthy("web", 0.0)])).manner(0, manner).begin();
    world.pass(seconds(20.0));
    assert_eq!(world.broken, None, "never two at once");
    // 1 s, answered with the end of its time half a second later, and so on.
    assert!(world.said("web: unhealthy after 4.5s: refused"));
}

#[test]
fn a_missed_sign_of_life_is_abrt_and_then_the_stop_sequence() {
    let mut spec = service("worker");
    spec.extras_mut().watchdog = Some(seconds(2.0));
    let manner = Manner { obeys: Some(seconds(0.3)), ..Manner::default() };
    let mut world = World::new(services(vec![spec])).manner(0, manner).begin();
    world.pass(seconds(1.5));
    notify(&mut world, 0, Message::Watchdog);
    world.pass(seconds(20.0));
    assert_eq!(world.times("SIGABRT to worker").first(), Some(&3500));
    assert_eq!(world.times("SIGTERM to worker").first(), Some(&3500));
    assert!(world.said("worker: watchdog: no sign of life within 2s; restart in 100ms (1 in a row)"));
    assert_eq!(world.times("worker starts").get(1), Some(&3900));
}

#[test]
fn a_stop_forgets_what_was_asked() {
    let manner = Manner { answers: seconds(0.4), ..fit(60.0, None) };
    let mut world = World::new(services(vec![probed("db")])).manner(0, manner).begin();
    world.pass(seconds(0.1));
    stop(&mut world);
    assert_eq!(world.elapsed(), 100);
    assert_eq!(world.left, Some(0));
}

#[test]
fn what_named_another_main_process_is_gone_before_the_next_start() {
    for leaves_group in [false, true] {
        let manner = Manner { leaves: true, obeys: Some(seconds(0.3)), ..Manner::default() };
        let mut world = World::new(services(vec![service("web")])).manner(0, manner).begin();
        let child = world.name_child(0, leaves_group).unwrap();
        world.pass(seconds(12.0));
        world.end(child, Exit::Code(1));
        world.pass(seconds(1.0));
        assert_eq!(world.broken, None, "{:?}", world.story);
        assert_eq!(world.times("web starts"), [0, 12_300], "{:?}", world.story);
        assert!(world.said("web: nothing is left of it; restart at once"), "{:?}", world.story);
        // Told to stop, both are.
        world.name_child(0, leaves_group).unwrap();
        world.reload(services(vec![ServiceSpec { startsecs: seconds(3.0), ..service("web") }]));
        world.pass(seconds(5.0));
        assert_eq!(world.broken, None, "{:?}", world.story);
        assert_eq!(world.times("web starts").len(), 3);
        stop(&mut world);
        assert!(!world.said("SIGKILL to web"), "{:?}", world.story);
    }
}
