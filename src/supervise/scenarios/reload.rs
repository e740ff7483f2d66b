//! Another configuration, with everything running.

use super::dependencies::after;
use super::*;
use crate::model::service::Condition;

/// The same service with another definition.
fn changed(spec: ServiceSpec) -> ServiceSpec {
    let mut spec = spec;
    spec.process.environ.push(("NEW".into(), "1".into()));
    spec
}

#[test]
fn only_what_differs_is_touched() {
    let web = || after("web", &[("db", Condition::Ready)]);
    let mut world = World::new(services(vec![service("db"), web(), service("old"), service("same")])).begin();
    world.pass(seconds(20.0));
    let same = world.pid(3);
    world.reload(services(vec![service("same"), service("db"), changed(web()), service("new")]));
    world.pass(seconds(1.0));
    assert_eq!(world.times("web starts"), [0, 20_000]);
    assert_eq!(world.times("new starts"), [20_000]);
    assert_eq!(world.times("SIGTERM to old"), [20_000]);
    assert_eq!((world.times("db starts"), world.pid(3)), (vec![0], same));
    assert!(world.said("reloaded: 1 restarted (web), 1 started (new), 1 stopped (old), 2 unchanged"));
    assert_eq!(world.broken, None);
}

#[test]
fn changed_ones_stop_in_reverse_and_start_in_order() {
    let web = || after("web", &[("db", Condition::Ready)]);
    let plan = services(vec![service("db"), web()]);
    let mut world = World::new(plan).manner(0, obeys(Some(0.5))).manner(1, obeys(Some(0.5))).begin();
    world.pass(seconds(1.0));
    world.reload(services(vec![changed(service("db")), changed(web())]));
    world.pass(seconds(3.0));
    assert_eq!(world.times("SIGTERM to web"), [1000]);
    assert_eq!(world.times("SIGTERM to db"), [1500]);
    assert_eq!((world.times("db starts"), world.times("web starts")), (vec![0, 2000], vec![0, 2000]));
}

#[test]
fn dependents_of_a_changed_one_are_left_alone() {
    let web = || after("web", &[("db", Condition::Ready)]);
    let mut world = World::new(services(vec![service("db"), web()])).begin();
    world.pass(seconds(1.0));
    world.reload(services(vec![changed(service("db")), web()]));
    world.pass(seconds(1.0));
    assert_eq!((world.times("db starts"), world.times("web starts")), (vec![0, 1000], vec![0]));
}

#[test]
fn what_failed_or_is_done_starts_anew_if_it_changed() {
    let batch = || ServiceSpec { oneshot: true, restart: Restart::Never, ..service("batch") };
    let plan = services(vec![batch(), service("web")]);
    let mut world = World::new(plan).manner(0, ends(0.5, 0)).begin();
    world.pass(seconds(1.0));
    world.reload(services(vec![batch(), service("web")]));
    world.pass(seconds(1.0));
    assert_eq!(world.times("batch starts"), [0], "an unchanged oneshot doesn't run again");
    world.reload(services(vec![changed(batch()), service("web")]));
    world.pass(seconds(1.0));
    assert_eq!(world.times("batch starts"), [0, 2000]);
}

#[test]
fn what_does_not_start_by_itself_stays_as_it_is() {
    let debug = || ServiceSpec { autostart: false, ..service("debug") };
    let mut world = World::new(services(vec![debug(), service("web")])).begin();
    world.reload(services(vec![changed(debug()), service("web")]));
    world.pass(seconds(1.0));
    assert!(world.times("debug starts").is_empty());
    assert!(world.said("reloaded: 1 changed (debug), 1 unchanged"));
    world.reload(services(vec![service("debug"), service("web")]));
    world.pass(seconds(1.0));
    assert_eq!(world.times("debug starts"), [1000]);
}

#[test]
fn a_reload_waits_for_the_one_before_and_is_refused_during_a_shutdown() {
    let plan = services(vec![service("web")]);
    let mut world = World::new(plan).manner(0, obeys(Some(2.0))).begin();
    world.happen(Event::Signalled(Signal::HUP));
    assert_eq!(world.reloads, 1);
    world.reload(services(vec![changed(service("web"))]));
    world.happen(Event::Signalled(Signal::HUP));
    assert_eq!(world.reloads, 1, "the first is still under way");
    world.pass(seconds(3.0));
    assert_eq!(world.reloads, 2);
    world.happen(Event::Signalled(Signal::TERM));
    world.happen(Event::Signalled(Signal::HUP));
    assert_eq!(world.reloads, 2);
    assert!(world.said("not reloaded: everything is being stopped"));
}

#[test]
fn a_shutdown_during_a_reload_stops_everything() {
    let plan = services(vec![service("web"), service("db")]);
    let mut world = World::new(plan).manner(0, obeys(Some(2.0))).begin();
    world.reload(services(vec![changed(service("web")), service("db"), service("new")]));
    world.pass(seconds(1.0));
    stop(&mut world);
    assert_eq!(world.times("web starts"), [0]);
    assert!(world.times("new starts").is_empty());
    assert_eq!(world.elapsed(), 2000);
}
