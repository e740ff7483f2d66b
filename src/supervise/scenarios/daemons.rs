//! Services that fork into the background: what a stop finds of them, and how much time that has.

use super::*;
use crate::model::service::PidFile;
use crate::model::unit::UnitId;

const D: UnitId = UnitId(0);

/// Up to the adoption of its daemon, with the starter alive or gone.
fn adopted(stop_timeout: f64, manner: Manner, starter_stays: bool) -> World {
    let mut spec = service("d");
    spec.pidfile = Some(Box::new(PidFile { path: "d.pid".into(), timeout: seconds(30.0) }));
    spec.stop.timeout = seconds(stop_timeout);
    let plan = Plan { services: vec![spec, service("other")], ..Plan::default() };
    let mut world = World::new(plan).begin();
    world.manners.insert(D, manner);
    let starter = world.pid(0).unwrap();
    world.fork(0);
    if !starter_stays {
        world.end_lingering(starter, Exit::Code(0));
    }
    world
}

/// It is taken out of the configuration.
fn remove(world: &mut World) {
    world.reload(services(vec![service("other")]));
}

#[test]
fn a_starter_that_has_the_status_of_its_daemon_is_told_to_stop_too() {
    let mut world = adopted(5.0, Manner::default(), true);
    world.lose_daemon(0);
    assert!(world.said("its daemon ended, its starter has yet to tell how"), "{:?}", world.story);
    remove(&mut world);
    world.pass(seconds(0.1));
    assert!(world.said("d: stopped: killed by SIGTERM"), "{:?}", world.story);
    assert!(world.times("SIGKILL to d").is_empty(), "{:?}", world.story);
}

#[test]
fn a_starter_that_has_its_daemon_unreaped_has_no_more_time_than_that() {
    for after in [None, Some(0.5)] {
        let mut world = adopted(2.0, obeys(after), true);
        remove(&mut world);
        world.lose_daemon(0);
        world.pass(seconds(0.4));
        assert!(!world.said("d: stopped"), "{:?}", world.story);
        world.pass(seconds(2.0));
        let killed = if after.is_none() { vec![2_000] } else { Vec::new() };
        assert!(world.times("SIGKILL to d").iter().all(|at| killed.contains(at)), "{:?}", world.story);
        assert!(world.said("d: stopped: killed by SIG"), "{:?}", world.story);
    }
}

#[test]
fn a_stop_during_a_hand_over_is_counted_from_the_order() {
    for succeeds in [false, true] {
        let mut world = adopted(1.0, Manner { obeys: None, leaves: true, ..Manner::default() }, false);
        world.pass(seconds(10.0));
        world.hand_over(0);
        assert!(world.said("its daemon ended with 0; a successor is awaited"), "{:?}", world.story);
        world.pass(seconds(0.5));
        remove(&mut world);
        assert!(world.times("SIGTERM to d").contains(&10_500), "what is left is told at once: {:?}", world.story);
        world.pass(seconds(0.5));
        if succeeds {
            world.fork(0);
            assert!(world.times("SIGTERM to d").contains(&11_000), "the successor too: {:?}", world.story);
        }
        world.pass(seconds(0.6));
        assert_eq!(world.times("SIGKILL to d").first(), Some(&11_500), "{:?}", world.story);
        assert!(world.said("d: stopped"), "{:?}", world.story);
        assert!(!world.runs(D) && world.alive().len() == 1, "{:?}", world.story);
    }
}
